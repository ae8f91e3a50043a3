"""Rows as a table, and what they come to."""

from __future__ import annotations

import sys
from statistics import median, quantiles

from rich.console import Console
from rich.table import Table

from bench.rows import Row

__all__ = ["print_report", "summary"]

_PIPED_WIDTH = 10_000
_HIDDEN = ("nodes", "pending", "occupancy")
"""Keys that are the same in all rows of a run are said once, above the table."""


def print_report(rows: list[Row]) -> None:
    """Print a line per row and the summary on stdout; nothing wraps where no terminal sets the width."""
    console = Console(markup=False, highlight=False, emoji=False)
    if not console.is_terminal:
        console = Console(markup=False, highlight=False, emoji=False, no_color=True, width=_PIPED_WIDTH)
    shared = {name for name in _HIDDEN if len({row["key"].get(name) for row in rows}) == 1}
    with console.capture() as printed:
        console.print(_table(rows, shared))
    sys.stdout.write("\n".join(line.rstrip() for line in printed.get().splitlines()) + "\n\n")
    sys.stdout.writelines(f"{line}\n" for line in summary(rows))
    for row in rows:
        sys.stdout.writelines(f"VIOLATION {_key(row, set())}: {text}\n" for text in row["violations"][:5])


def _key(row: Row, shared: set[str]) -> str:
    return " ".join(f"{name}={value}" for name, value in row["key"].items() if name not in shared)


def _table(rows: list[Row], shared: set[str]) -> Table:
    first = rows[0]
    said = [f"{name}={first['key'][name]}" for name in _HIDDEN if name in shared and name in first["key"]]
    title = " ".join([first["suite"], *said, f"limit={first['time_limit_ms'] / 1e3:g}s"])
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    tiers = max(len(row["tiers"]) for row in rows)
    table.add_column("case")
    table.add_column("status")
    table.add_column("placed", justify="right")
    table.add_column("time s", justify="right")
    for number in range(tiers):
        table.add_column(f"gap {rows[0]['tiers'][number]['tier']}", justify="right")
    table.add_column("greedy -> answer (first tier that differs)")
    table.add_column("check")
    for row in rows:
        gaps = [_percent(tier["gap"]) for tier in row["tiers"]]
        check = "ok" if not row["violations"] else f"{len(row['violations'])} VIOLATIONS"
        if row["below_greedy"]:
            check += ", BELOW GREEDY"
        placed = f"{row['placed']}/{row['size']['pending']}"
        seconds = f"{row['answer_ms'] / 1e3:.2f}"
        table.add_row(_key(row, shared), row["status"], placed, seconds, *gaps, _gain(row), check)
    return table


def _gain(row: Row) -> str:
    for tier in row["tiers"]:
        if tier["greedy"] != tier["value"]:
            return f"{tier['tier']}: {tier['greedy']} -> {tier['value']}"
    return "the same"


def _percent(gap: float | None) -> str:
    if gap is None:
        return "?"
    return "0" if gap == 0 else f"{100 * gap:.3g} %"


def summary(rows: list[Row]) -> list[str]:
    """Share proved, times, gaps and gains over greedy, in lines."""
    proved = sum(row["status"] == "OPTIMAL" for row in rows)
    better = sum(any(tier["greedy"] != tier["value"] for tier in row["tiers"]) for row in rows)
    lines = [
        f"proved in all tiers: {proved} of {len(rows)} ({100 * proved / len(rows):.0f} %)",
        f"time to answer s:    {_spread([row['answer_ms'] / 1e3 for row in rows])}",
        f"better than greedy:  {better} of {len(rows)}; below greedy: {sum(row['below_greedy'] for row in rows)}",
        f"answers refused by the check: {sum(bool(row['violations']) for row in rows)}",
    ]
    for index, tier in enumerate(rows[0]["tiers"]):
        gaps = [100 * row["tiers"][index]["gap"] for row in rows if row["tiers"][index]["gap"] is not None]
        closed = sum(gap == 0 for gap in gaps)
        lines.append(f"gap of tier {tier['tier']} in %:    {_spread(gaps)}; closed in {closed} of {len(rows)}")
    return lines


def _spread(numbers: list[float]) -> str:
    """Median, quartiles and ends."""
    if not numbers:
        return "none"
    low, high = min(numbers), max(numbers)
    if len(numbers) == 1:
        return f"{low:.3g}"
    first, _, third = quantiles(numbers, n=4, method="inclusive")
    return f"median {median(numbers):.3g}, quartiles {first:.3g} to {third:.3g}, from {low:.3g} to {high:.3g}"
