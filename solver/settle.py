"""Which numbers are certain? Where proven tiers leave no choice, saying so makes the later tiers easy.

CP-SAT is asked for a plan that keeps the proven tiers and places another number of replicas of some part. What it finds
strikes parts off the list; when it says that there is nothing more to find, the numbers of the parts that are left
become rows of the model for the tiers that follow. Their bounds then rest on CP-SAT's word, so they are told as its
claims, never as certificates. A number that is certain in a relaxation is certain.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from solver.certificate import with_limits
from solver.cpsat import Effort, find
from solver.encode import Encoded
from solver.items import IntArray, PartKey
from solver.model import Arrays, Row

__all__ = ["certain", "numbered", "numbers"]


def certain(
    encoded: Encoded, x: IntArray, limits: tuple[int, ...], among: Iterable[PartKey], effort: Effort
) -> tuple[frozenset[PartKey], float]:
    """The parts `among` whose number of replicas in x is the only one under `limits`, and the work it took.

    `encoded` must be exact or a relaxation. Empty if the effort does not suffice to tell.
    """
    number = numbers(encoded, x)
    left = [key for key in among if encoded.columns[key]]
    limited = with_limits(encoded.arrays, limits)
    seconds, work, spent = effort.seconds, effort.work, 0.0
    while left:
        now = replace(effort, seconds=seconds, work=None if work is None else work - spent)
        other, told, took, lasted = find(_differing(encoded, limited, number, left), now)
        spent += took
        if other is None:
            return frozenset(left if told else ()), spent
        there = numbers(encoded, other)
        left = [key for key in left if there[key] == number[key]]
        seconds = None if seconds is None else seconds - lasted
        if (seconds is not None and seconds <= 0) or (work is not None and spent >= work):
            return frozenset(), spent
    return frozenset(), spent


def numbers(encoded: Encoded, x: IntArray) -> dict[PartKey, int]:
    """Replicas of every part in a solution."""
    return {key: int(x[list(by_cell.values())].sum()) for key, by_cell in encoded.columns.items()}


def numbered(encoded: Encoded, number: Mapping[PartKey, int]) -> Arrays:
    """The model with so many replicas of these parts."""
    rows = []
    for key, n in number.items():
        cols = list(encoded.columns[key].values())
        if cols:
            rows.append(Row(cols, [1] * len(cols), n, n))
    return encoded.arrays.extended(0, rows) if rows else encoded.arrays


def _differing(encoded: Encoded, limited: Arrays, number: dict[PartKey, int], keys: list[PartKey]) -> Arrays:
    """The model with one flag per part and direction (fewer, more), of which one must be set."""
    rows = []
    flag = first = limited.variables
    for key in keys:
        cols = list(encoded.columns[key].values())
        ones, now, most = [1] * len(cols), number[key], int(limited.upper[cols].sum())
        if now > 0:  # flag: fewer than now
            rows.append(Row([*cols, flag], [*ones, most], hi=now - 1 + most))
            flag += 1
        if now < most:  # flag: more than now
            rows.append(Row([*cols, flag], [*ones, -(now + 1)], lo=0))
            flag += 1
    flags = list(range(first, flag))
    return limited.extended(len(flags), [*rows, Row(flags, [1] * len(flags), lo=1)])
