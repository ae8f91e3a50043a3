"""The table of a replay run, as Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import mean, median

from bench.rows import Row

__all__ = ["replay_table"]

_SHOWN = (95, 98, 100, 130)
_RIVAL = "fgd"

Reference = Mapping[tuple[str, str], Mapping[int, tuple[float, int]]]


def replay_table(rows: Sequence[Row], reference: Reference) -> str:
    """One part for the published sequences, with distances to the reference; one over permutations, paired to FGD."""
    return _published(rows, reference) + _permutations(rows)


def _published(rows: Sequence[Row], reference: Reference) -> str:
    lines = []
    for trace in dict.fromkeys(row["instance"]["trace"] for row in rows):
        found = [row for row in rows if (row["instance"]["trace"], row["instance"]["seed"]) == (trace, 42)]
        if not found:
            continue
        shown = [at for at in _SHOWN if any(at in _curve(row) for row in found)]
        bounds = found[0]["bounds"]
        lines.append(f"\n{trace}, the published sequence (seed 42): allocation in percent of the GPUs at a load\n")
        lines += _head(
            ["method", "batch", *(f"@{at}" for at in shown), "failed", "without GPU", "to reference", "ms/pod"]
        )
        for row in found:
            curve, last = _curve(row), row["marks"][-1]
            told = reference.get((trace, row["reference"] or ""), {})
            off = max((abs(curve[at] - told[at][0]) for at in curve if at in told), default=None)
            cells = [row["method"], row["instance"]["batch"], *(f"{curve[at]:.2f}" for at in shown)]
            cells += [last["failed"], last["failed_without_gpu"], "-" if off is None else f"{off:.4f}"]
            lines.append(_line([*cells, f"{1e3 * row['seconds'] / last['arrived']:.2f}"]))
        limits = [f"{bounds[str(at)]:.2f}" if str(at) in bounds else "-" for at in shown]
        lines.append(_line(["LP bound", "-", *limits, "-", "-", "-", "-"]))
    return "\n".join(lines) + "\n" if lines else ""


def _permutations(rows: Sequence[Row]) -> str:
    lines = []
    for trace in dict.fromkeys(row["instance"]["trace"] for row in rows):
        found = [row for row in rows if row["instance"]["trace"] == trace and row["instance"]["seed"] != 42]
        rival = {row["instance"]["seed"]: _curve(row) for row in found if row["method"] == _RIVAL}
        if not found:
            continue
        shown = [at for at in _SHOWN if any(at in _curve(row) for row in found)]
        seeds = len({row["instance"]["seed"] for row in found})
        lines.append(
            f"\n{trace}, {seeds} permutations: mean allocation, and difference to FGD (median [least, most])\n"
        )
        paired = [f"d@{at}" for at in shown]
        lines += _head(["method", "batch", *(f"@{at}" for at in shown), *paired, "better / equal / worse"])
        for method, batch in dict.fromkeys((row["method"], row["instance"]["batch"]) for row in found):
            mine = {
                row["instance"]["seed"]: _curve(row)
                for row in found
                if (row["method"], row["instance"]["batch"]) == (method, batch)
            }
            cells = [method, batch, *(f"{mean(curve[at] for curve in mine.values()):.2f}" for at in shown)]
            both = sorted(mine.keys() & rival.keys())
            for at in shown:
                gaps = [mine[seed][at] - rival[seed][at] for seed in both]
                cells.append(f"{median(gaps):+.2f} [{min(gaps):+.2f}, {max(gaps):+.2f}]" if gaps else "-")
            last = [mine[seed][shown[-1]] - rival[seed][shown[-1]] for seed in both]
            counts = (sum(gap > 0 for gap in last), sum(gap == 0 for gap in last), sum(gap < 0 for gap in last))
            lines.append(_line([*cells, " / ".join(map(str, counts))]))
    return "\n".join(lines) + "\n" if lines else ""


def _curve(row: Row) -> dict[int, float]:
    return {mark["percent"]: mark["allocation"] for mark in row["marks"]}


def _head(names: list[str]) -> list[str]:
    return [_line(names), _line(["---", *("---:" for _ in names[1:])])]


def _line(cells: Sequence[object]) -> str:
    return "| " + " | ".join(str(cell) for cell in cells) + " |"
