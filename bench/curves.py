"""The part of a report on replays of arrival sequences (`bench.replay`): allocation against arrived load."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from bench.blocks import Block, Heading, Plots, Table, Text
from bench.figures import spread
from bench.rows import Row
from bench.svg import Axis, Series, chart, legend

__all__ = ["REPLAY", "replay_blocks"]

REPLAY = "openb-replay"
"""Suite of the rows that `python -m bench replay` writes."""
_SHOWN = (95, 98, 100, 130)
_FROM = 90
_RIVAL = "fgd"


def replay_blocks(rows: Sequence[Row]) -> list[Block]:
    """Curves and a table per trace; nothing of no rows."""
    if not rows:
        return []
    rules = (
        "Pods arrive in order, each has one chance, nothing moves. Allocation: GPU milli in use in percent of the "
        "fleet, when pods for so many percent of it have arrived."
    )
    blocks: list[Block] = [Heading(2, REPLAY), Text((rules,))]
    for trace in dict.fromkeys(str(row["instance"]["trace"]) for row in rows):
        mine = [row for row in rows if row["instance"]["trace"] == trace]
        blocks += [Heading(3, trace), _table(mine), _plot(trace, mine)]
    return blocks


def _lines(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """Rows by method and size of the micro-batches."""
    found: dict[str, list[Row]] = {}
    for row in rows:
        batch = row["instance"]["batch"]
        found.setdefault(row["method"] if batch == 1 else f"{row['method']}, batches of {batch}", []).append(row)
    return found


def _curve(row: Row) -> dict[int, float]:
    return {int(mark["percent"]): float(mark["allocation"]) for mark in row["marks"]}


def _table(rows: Sequence[Row]) -> Table:
    shown = [at for at in _SHOWN if any(at in _curve(row) for row in rows)]
    rival = {row["instance"]["seed"]: _curve(row) for row in rows if row["method"] == _RIVAL}
    told = []
    for name, mine in _lines(rows).items():
        cells = [name, str(len(mine))]
        for at in shown:
            found = spread(_curve(row)[at] for row in mine if at in _curve(row))
            cells.append("-" if found is None else found.text(lambda share: f"{share:.2f}"))
        steps = [
            _curve(row)[100] - rival[row["instance"]["seed"]][100]
            for row in mine
            if row["method"] != _RIVAL and row["instance"]["seed"] in rival and 100 in _curve(row)
        ]
        wins, losses = sum(step > 0 for step in steps), sum(step < 0 for step in steps)
        cells.append(f"{median(steps):+.2f}; {wins} / {len(steps) - wins - losses} / {losses}" if steps else "-")
        cells.append(f"{median(1e3 * row['seconds'] / max(1, row['marks'][-1]['arrived']) for row in mine):.2f}")
        told.append(tuple(cells))
    bounds = [[row["bounds"][str(at)] for row in rows if str(at) in row["bounds"]] for at in shown]
    told.append(("LP bound", "", *(f"{median(some):.2f}" if some else "-" for some in bounds), "", ""))
    head = ("method", "sequences", *(f"@{at}" for at in shown), "to FGD @100: median; better / equal / worse", "ms/pod")
    return Table("Allocation in percent at an arrived load, median (quartiles) over sequences.", head, told)


def _plot(trace: str, rows: Sequence[Row]) -> Plots:
    series = []
    for style, (name, mine) in enumerate(_lines(rows).items()):
        curves = [_curve(row) for row in mine]
        points, ranges = [], []
        for at in sorted({at for curve in curves for at in curve if at >= _FROM}):
            found = spread(curve[at] for curve in curves if at in curve)
            if found is not None:
                points.append((float(at), found.middle))
                ranges.append((found.first, found.third))
        series.append(Series(name, points, ranges, style=style))
    bounds = {int(at): float(value) for row in rows for at, value in row["bounds"].items()}
    series.append(Series("LP bound", sorted((float(at), value) for at, value in bounds.items()), style=len(series)))
    loads = [x for one in series for x, _ in one.points]
    shares = [y for one in series for _, y in one.points]
    x = Axis("arrived load in percent", min(loads), max(*loads, min(loads) + 1))
    y = Axis("allocation in percent", min(shares) - 0.5, max(shares) + 0.5)
    return Plots(
        "Allocation against arrived load: median over sequences, bars are quartiles. Above is better.",
        [chart(trace, x, y, series)],
        legend([(one.name, one.style) for one in series]),
    )
