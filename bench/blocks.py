"""A report as blocks, rendered twice: as Markdown without plots, and as one self-contained HTML page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import TypeAlias

__all__ = ["STYLE", "Block", "Heading", "Plots", "Table", "Text", "as_html", "as_markdown"]


@dataclass(frozen=True)
class Heading:
    """A heading of level 1, 2 or 3."""

    level: int
    text: str


@dataclass(frozen=True)
class Text:
    """A paragraph, or a list of points."""

    lines: tuple[str, ...]


@dataclass(frozen=True)
class Table:
    """A table with its caption; the columns from `numbers` on are aligned right. `folded`: closed until asked for.

    A cell that begins with "!" is marked as bad.
    """

    caption: str
    head: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    numbers: int = 1
    folded: bool = False


@dataclass(frozen=True)
class Plots:
    """Charts side by side (SVG texts), a legend above and a caption below."""

    caption: str
    charts: Sequence[str]
    legend: str = ""


Block: TypeAlias = Heading | Text | Table | Plots


def as_markdown(blocks: Sequence[Block]) -> str:
    """Markdown; plots stay out, as everything that they show stands in a table too."""
    parts = []
    for block in blocks:
        match block:
            case Heading():
                parts.append("#" * block.level + " " + block.text)
            case Text():
                parts.append(
                    block.lines[0] if len(block.lines) == 1 else "\n".join(f"- {line}" for line in block.lines)
                )
            case Table() if block.rows and not block.folded:
                rule = [":--" if at < block.numbers else "--:" for at in range(len(block.head))]
                rows = [block.head, tuple(rule), *(tuple(_bare(cell) for cell in row) for row in block.rows)]
                table = "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows)
                parts.append(f"{block.caption}\n\n{table}")
    return "\n\n".join(parts) + "\n"


def as_html(title: str, blocks: Sequence[Block]) -> str:
    """One HTML file without any reference to another; light and dark follow the reader's setting."""
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">',
        '<meta name="color-scheme" content="light dark">',
        f"<title>{escape(title)}</title><style>{STYLE}</style></head><body><main>",
    ]
    for block in blocks:
        parts += _html(block)
    return "\n".join([*parts, "</main></body></html>"]) + "\n"


def _html(block: Block) -> list[str]:
    match block:
        case Heading():
            return [f"<h{block.level}>{escape(block.text)}</h{block.level}>"]
        case Text():
            if len(block.lines) == 1:
                return [f"<p>{escape(block.lines[0])}</p>"]
            return ["<ul>", *(f"<li>{escape(line)}</li>" for line in block.lines), "</ul>"]
        case Plots():
            charts = "".join(block.charts)
            return [f'<figure>{block.legend}<div class="charts">{charts}</div>', _caption(block.caption), "</figure>"]
        case Table():
            return _table(block)


def _caption(text: str) -> str:
    return f"<figcaption>{escape(text)}</figcaption>"


def _table(block: Table) -> list[str]:
    if not block.rows:
        return []
    head = "".join(f"<th{_side(block, at)}>{escape(cell)}</th>" for at, cell in enumerate(block.head))
    rows = ["".join(_cell(block, at, cell) for at, cell in enumerate(row)) for row in block.rows]
    body = "".join(f"<tr>{row}</tr>" for row in rows)
    table = f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
    if block.folded:
        return [f"<details><summary>{escape(block.caption)}</summary>{table}</details>"]
    return [f"<p>{escape(block.caption)}</p>", table]


def _cell(block: Table, at: int, cell: str) -> str:
    bad = ' class="bad"' if cell.startswith("!") else _side(block, at)
    return f"<td{bad}>{escape(_bare(cell))}</td>"


def _side(block: Table, at: int) -> str:
    return ' class="n"' if at >= block.numbers else ""


def _bare(cell: str) -> str:
    return cell.removeprefix("!")


STYLE = """
:root{--ink:#1a1d21;--dim:#5b636d;--rule:#d5dae0;--paper:#fff;--stripe:#f4f6f8;--bad:#b3261e;
--k0:#1f5fbf;--k1:#c4570a;--k2:#0b7d5d;--k3:#a3357f;--k4:#6a5200;--k5:#0b7fa3;--k6:#7a3fd0;--k7:#7d2222}
@media (prefers-color-scheme:dark){:root{--ink:#e6e9ed;--dim:#a0a9b4;--rule:#3a424c;--paper:#14171b;--stripe:#1c2127;
--bad:#ff8a80;--k0:#77aaff;--k1:#ff9d5c;--k2:#4fd0a5;--k3:#f08ccb;--k4:#dcc05a;--k5:#66d0ee;--k6:#b99aff;--k7:#ff8f8f}}
body{background:var(--paper);color:var(--ink);font:15px/1.45 system-ui,sans-serif;margin:0}
main{max-width:1480px;margin:0 auto;padding:1rem 1.5rem 4rem}
h1{font-size:1.6rem}h2{margin-top:2.6rem;border-bottom:1px solid var(--rule);padding-bottom:.2rem}h3{margin-top:1.8rem}
figure{margin:1.2rem 0}figcaption{color:var(--dim);margin-top:.4rem}
.charts{display:flex;flex-wrap:wrap;gap:1rem}.chart{width:450px;max-width:100%}.wide{width:900px}
.chart text{fill:var(--dim);font:11px system-ui,sans-serif}.chart .title{fill:var(--ink);font-weight:600;font-size:13px}
.grid{stroke:var(--rule);stroke-width:.6}.axis{stroke:var(--dim);fill:none}
.line{fill:none;stroke:var(--k);stroke-width:2}.range{stroke:var(--k);stroke-width:1.5;opacity:.6}
.mark{fill:var(--k);stroke:var(--paper);stroke-width:.8}.fill{fill:var(--k)}
.d1{stroke-dasharray:6 4}.d2{stroke-dasharray:2 3}
.c0{--k:var(--k0)}.c1{--k:var(--k1)}.c2{--k:var(--k2)}.c3{--k:var(--k3)}.c4{--k:var(--k4)}.c5{--k:var(--k5)}
.c6{--k:var(--k6)}.c7{--k:var(--k7)}
.legend{display:flex;flex-wrap:wrap;gap:.3rem 1.2rem;margin:.2rem 0}
.legend svg{width:30px;height:13px;margin-right:.4rem}
.scroll{overflow-x:auto}table{border-collapse:collapse;font-size:13px}
th,td{padding:.2rem .5rem;text-align:left;border-bottom:1px solid var(--rule);white-space:nowrap}
th{color:var(--dim);font-weight:600}.n{text-align:right;font-variant-numeric:tabular-nums}
tbody tr:nth-child(odd){background:var(--stripe)}.bad{color:var(--bad);font-weight:700;text-align:right}
summary{cursor:pointer;margin:.8rem 0}
"""
"""Colours, light and dark, and looks of pages and plots."""
