"""From rows to figures: gaps against the best proven bound, spreads over seeds, duels."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil, log
from statistics import linear_regression, median, quantiles
from typing import Any

from bench.rows import Row
from bench.suite import Arm
from placement.rating import gap_of

__all__ = ["Duel", "Scored", "Spread", "by", "duel", "exponent", "score", "spread", "turn"]


@dataclass(frozen=True)
class Spread:
    """Median, quartiles and ends of some figures."""

    count: int
    low: float
    first: float
    middle: float
    third: float
    most: float
    """99 of 100 figures are at most this."""
    high: float

    def text(self, form: Callable[[float], str]) -> str:
        """`median (first quartile - third quartile)`; the median alone where there is one figure."""
        if self.count == 1 or self.low == self.high:
            return form(self.middle)
        return f"{form(self.middle)} ({form(self.first)} - {form(self.third)})"


def spread(numbers: Iterable[float]) -> Spread | None:
    """The spread of some figures, None of none."""
    found = sorted(numbers)
    if not found:
        return None
    first, _, third = quantiles(found, n=4, method="inclusive") if len(found) > 1 else found * 3
    most = found[ceil(0.99 * len(found)) - 1]
    return Spread(len(found), found[0], first, median(found), third, most, found[-1])


def exponent(costs: Mapping[float, float]) -> float | None:
    """The x of cost = c size^x that fits best on log axes (least squares); None for fewer than two sizes."""
    told = {size: cost for size, cost in costs.items() if size > 0 and cost > 0}
    if len(told) < 2:
        return None
    slope, _ = linear_regression([log(size) for size in told], [log(cost) for cost in told.values()])
    return slope


@dataclass(frozen=True)
class Scored:
    """A row with what only all rows together tell."""

    row: Row
    arm: Arm
    case: str
    """Name of the instance within its suite; equal for all methods on it."""
    group: str
    """The instance without its seed."""
    gap: float | None
    """Of the first tier, to the best bound that any method proved for the instance, or of the last tier to the best
    known value; 1 for an answer that is invalid or misses the terms of the known value; None without a bound."""
    gaps: tuple[float, ...]
    """Per tier, to the row's own bounds; empty if it claims none."""
    refuted: str | None
    """A bound of this row that another valid answer disproves."""

    @property
    def valid(self) -> bool:
        """Whether the answer broke nothing."""
        return self.row["values"] is not None and not self.row["violations"]

    @property
    def values(self) -> tuple[int, ...]:
        """Values of a valid answer."""
        return tuple(self.row["values"])

    @property
    def proven(self) -> bool:
        """Whether every tier is proven by the row's own bounds."""
        return self.valid and bool(self.gaps) and self.row["bounds"] == self.row["values"] and self.refuted is None

    @property
    def seconds(self) -> float:
        """What the answer took."""
        return float(self.row["answer_ms"]) / 1e3


def score(rows: Sequence[Row]) -> list[Scored]:
    """Score the rows of any number of suites together; what methods were not meant for is left out."""
    rows = [row for row in rows if "skipped" not in row]
    cases: dict[tuple[str, str, str], list[Row]] = {}
    for row in rows:
        cases.setdefault(_same(row), []).append(row)
    refuted = {id(row): why for same in cases.values() for row in same if (why := _refuted(row, same))}
    bounds: dict[tuple[str, str, str], int | None] = {}
    for name, same in cases.items():
        claims = [row["bounds"][0] for row in same if id(row) not in refuted and row.get("bounds")]
        bounds[name] = max((claim for claim in claims if claim is not None), default=None)
    return [
        Scored(
            row,
            Arm(row["method"], row["limit_s"]),
            _name(row, seed=True),
            _name(row, seed=False),
            _gap(row, bounds[_same(row)]),
            _own_gaps(row),
            refuted.get(id(row)),
        )
        for row in rows
    ]


def _name(row: Row, *, seed: bool) -> str:
    return " ".join(f"{name}={value}" for name, value in row["instance"].items() if seed or name != "seed")


def _same(row: Row) -> tuple[str, str, str]:
    """Suite, name and content: a generator may make something else of the same name some day."""
    return row["suite"], _name(row, seed=True), row["content"]


def _valid(row: Row) -> bool:
    return row["values"] is not None and not row["violations"]


def _gap(row: Row, bound: int | None) -> float | None:
    if row["known"] is not None:
        if not _valid(row) or any(row["values"][:-1]):
            return 1.0
        value, known = int(row["values"][-1]), int(row["known"])
        return min(1.0, max(0.0, (value - known) / max(1, abs(known))))
    if bound is None:
        return None
    return gap_of(row["values"][0], bound, row["idle"][0]) if _valid(row) else 1.0


def _own_gaps(row: Row) -> tuple[float, ...]:
    if not _valid(row) or not row["bounds"]:
        return ()
    rated = zip(row["values"], row["bounds"], row["idle"], strict=True)
    return tuple(gap_of(value, 0 if bound is None else bound, idle) for value, bound, idle in rated)


def _refuted(row: Row, same: Sequence[Row]) -> str | None:
    """The first bound of a row that a valid answer goes below without being worse in an earlier tier."""
    for tier, bound in enumerate(row.get("bounds") or ()):
        if bound is None or row["values"] is None:
            continue
        limits = row["values"][:tier]
        for other in same:
            if not _valid(other) or other["values"][tier] >= bound:
                continue
            if all(mine <= limit for mine, limit in zip(other["values"], limits, strict=False)):
                arm = Arm(other["method"], other["limit_s"]).name
                return f"bound {bound} of tier {tier + 1}, {arm} reaches {other['values'][tier]}"
    return None


@dataclass(frozen=True)
class Duel:
    """How often the first of two arms was better, equal and worse, instance by instance."""

    wins: int
    ties: int
    losses: int


def duel(ours: Sequence[Scored], others: Sequence[Scored]) -> Duel:
    """Compare the answers to the same instance in the same round, tier by tier; an invalid answer is the worst."""
    theirs = {turn(one): one for one in others}
    count: Counter[int] = Counter()
    for one in ours:
        other = theirs.get(turn(one))
        if other is not None:
            mine, its = _rank(one), _rank(other)
            count[(mine > its) - (mine < its)] += 1
    return Duel(count[-1], count[0], count[1])


def turn(one: Scored) -> tuple[Any, ...]:
    """The instance and the round: answers with the same turn were given side by side."""
    return one.row["suite"], one.case, one.row["content"], one.row["round"]


def _rank(one: Scored) -> tuple[Any, ...]:
    return (0, one.values) if one.valid else (1,)


def by(scored: Iterable[Scored], key: Callable[[Scored], Any]) -> dict[Any, list[Scored]]:
    """Group by a key; keys in natural order, numbers by size."""
    found: dict[Any, list[Scored]] = {}
    for one in scored:
        found.setdefault(key(one), []).append(one)
    return dict(sorted(found.items(), key=lambda pair: _order(pair[0])))


def _order(key: Any) -> tuple[Any, ...]:
    if isinstance(key, Arm):
        return (key.method, key.limit_s or 0.0)
    return (0, key, "") if isinstance(key, int | float) else (1, 0, json.dumps(key))
