"""Two folders of results against each other: which cells got worse or better beyond noise."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench.blocks import Block, Heading, Table, Text
from bench.curves import REPLAY
from bench.fairness.table import SUITE as FAIRNESS
from bench.figures import Scored, by, score
from bench.rows import Row, read_rows

__all__ = ["Change", "changes", "compare_folders", "sign_test"]

_CHANCE = 0.05
"""A change is beyond noise if pure chance would show one as one-sided less often than this ..."""
_LEAST_GAP = 0.001
"""... and the median gap moves by at least a tenth of a point,"""
_LEAST_TIME = 0.10
"""or the median time by a tenth."""
_FEW = 6
"""With fewer unequal pairs the test cannot speak: a change in which all pairs agree is then only suspected."""


@dataclass(frozen=True)
class Change:
    """One cell (suite, group, arm) and one figure in both folders. Positive `moved` is worse."""

    suite: str
    group: str
    arm: str
    figure: str
    pairs: int
    old: float
    new: float
    moved: float
    worse: int
    better: int
    verdict: str
    """worse, better, worse? or better? (all agree, too few to tell), same."""


def sign_test(worse: int, better: int) -> float:
    """Chance of a split at least as uneven as this, if worse and better were equally likely (two-sided, ties apart)."""
    total = worse + better
    if not total:
        return 1.0
    tail = sum(math.comb(total, k) for k in range(max(worse, better), total + 1)) / 2**total
    return float(min(1.0, 2 * tail))


def compare_folders(old: Path, new: Path) -> tuple[list[Block], list[Change]]:
    """The comparison as a report, and all changes. InputError for a folder without rows."""
    before, after = (
        [row for row in read_rows(folder) if row["suite"] not in (REPLAY, FAIRNESS)] for folder in (old, new)
    )
    found = changes(before, after)
    told = [one for one in found if one.verdict != "same"]
    told.sort(key=lambda one: (one.verdict.startswith("better"), one.verdict.endswith("?"), -abs(one.moved)))
    rows = [
        (one.verdict, one.suite, one.group, one.arm, one.figure, *_figures(one), str(one.worse), str(one.better))
        for one in told
    ]
    head = ("verdict", "suite", "group", "method", "figure", "pairs", "old", "new", "worse in", "better in")
    counts = ", ".join(
        f"{sum(one.verdict == verdict for one in found)} {verdict}"
        for verdict in ("worse", "worse?", "same", "better?", "better")
    )
    blocks: list[Block] = [
        Heading(1, f"Bench: {old.resolve().name} against {new.resolve().name}"),
        Text((f"{len(found)} figures of cells that both have: {counts}.", _reading(), *_unmatched(before, after))),
        Table("Cells that differ.", head, rows, numbers=5),
    ]
    return blocks, found


def _reading() -> str:
    return (
        f"Worse and better: the median moved by {100 * _LEAST_GAP:g} points of gap or {100 * _LEAST_TIME:g} % of time, "
        f"and the sign test over paired instances gives less than {_CHANCE:g}: of twenty figures that do not change "
        "about one may show. With a question mark: all pairs agree, but they are too few to tell. Gaps are to the best "
        "bound of both folders together; times are scaled by the fixed loop of their folder."
    )


def _unmatched(old: Sequence[Row], new: Sequence[Row]) -> tuple[str, ...]:
    """A line on what cannot be compared: instances that one folder lacks, or that have other content there."""
    sides = [{(row["suite"], json.dumps(row["instance"]), row["content"]) for row in rows} for rows in (old, new)]
    alone = [len(sides[0] - sides[1]), len(sides[1] - sides[0])]
    if not any(alone):
        return ()
    return (f"Not compared, as the other folder lacks them or has other content under their name: {alone} instances.",)


def _figures(one: Change) -> tuple[str, str, str]:
    if one.figure == "gap":
        return str(one.pairs), f"{100 * one.old:.3g} %", f"{100 * one.new:.3g} %"
    return str(one.pairs), f"{one.old:.3g}", f"{one.new:.3g}"


def changes(old: Sequence[Row], new: Sequence[Row]) -> list[Change]:
    """All figures of the cells that both have. Pairs are instances; rounds of one instance count as their median."""
    # Scored together, so that both are measured by the same bounds.
    both = score(
        [*({**row, "round": (0, row["round"])} for row in old), *({**row, "round": (1, row["round"])} for row in new)]
    )
    sides = by(both, lambda one: one.row["round"][0])
    loops = {side: median(one.row["calibration_ms"] for one in ones) for side, ones in sides.items()}
    cells = [by(sides.get(side, []), _cell) for side in (0, 1)]
    found = []
    for cell, before in cells[0].items():
        after = cells[1].get(cell)
        if after is None:
            continue
        suite, group, arm = before[0].row["suite"], before[0].group, before[0].arm.name
        gaps = _pairs(before, after, lambda one: one.gap)
        if gaps:
            found.append(_change(suite, group, arm, "gap", gaps, _LEAST_GAP, relative=False))
        times = _pairs(before, after, lambda one: one.seconds / loops[one.row["round"][0]] * loops[0])
        if times:
            found.append(_change(suite, group, arm, "seconds", times, _LEAST_TIME, relative=True))
    return found


def _cell(one: Scored) -> tuple[str, str, str]:
    return one.row["suite"], one.group, one.arm.name


def _pairs(
    before: Sequence[Scored], after: Sequence[Scored], figure: Callable[[Scored], float | None]
) -> list[tuple[float, float]]:
    """Old and new figure of every instance that both sides have."""
    sides = []
    for ones in (before, after):
        values = {
            case: [value for one in same if (value := figure(one)) is not None]
            for case, same in by(ones, lambda one: f"{one.case} {one.row['content']}").items()
        }
        sides.append({case: median(some) for case, some in values.items() if some})
    return [(sides[0][case], sides[1][case]) for case in sides[0] if case in sides[1]]


def _change(
    suite: str,
    group: str,
    arm: str,
    figure: str,
    pairs: Sequence[tuple[float, float]],
    least: float,
    *,
    relative: bool,
) -> Change:
    old, new = median(pair[0] for pair in pairs), median(pair[1] for pair in pairs)
    steps = [(b - a) / max(a, 1e-9) if relative else b - a for a, b in pairs]
    moved = median(steps)
    worse, better = sum(step > 0 for step in steps), sum(step < 0 for step in steps)
    verdict = "same"
    if abs(moved) >= least:
        name = "worse" if moved > 0 else "better"
        if sign_test(worse, better) < _CHANCE:
            verdict = name
        elif worse + better < _FEW and not (worse and better):
            verdict = name + "?"
    return Change(suite, group, arm, figure, len(pairs), old, new, moved, worse, better, verdict)
