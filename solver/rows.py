"""Names of rows that survive renumbering: who wrote them, about which item or bins, and which of those rows it is.

Multipliers that are kept under such names can be read again in the model of a changed problem. A name that means
another row by then does no harm: any multipliers give a valid bound.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np

from solver.items import IntArray
from solver.model import Arrays
from solver.problem import Atom, Problem

__all__ = ["limit_names", "multipliers_of", "row_names"]

_BINS = re.compile(r"/@([0-9]{1,9})-([0-9]{1,9})(?=/)")
_MOST_ALIKE = 256
"""Most rows that differ in their bins only, and are looked through for the nearest."""


def row_names(problem: Problem, arrays: Arrays) -> tuple[str, ...]:
    """A name for every row of an encoding of the problem, no two alike."""
    counts: dict[str, int] = {}
    found: list[str] = []
    known: dict[int, str] = {}
    shared: dict[str, int] = {}
    ends = [mark.row for mark in arrays.marks[1:]] + [arrays.rows]
    found += ["row"] * (arrays.marks[0].row if arrays.marks else arrays.rows)
    for mark, end in zip(arrays.marks, ends, strict=True):
        if mark.row == end and hasattr(mark.author, "item"):
            continue  # most atoms write no row; those of several items are numbered all the same
        if isinstance(mark.author, Atom):
            name = known.get(id(mark.author))
            if name is None:
                name = known[id(mark.author)] = _name(problem, mark.author, shared)
        else:
            name = str(mark.author)
        name += "" if mark.bins is None else f"/@{mark.bins[0]}-{mark.bins[1]}"
        name += "" if mark.about is None else f"/{mark.about}"
        found += [name] * (end - mark.row)
    for row, name in enumerate(found):
        counts[name] = counts.get(name, -1) + 1
        found[row] = f"{name}/{counts[name]}"
    return tuple(found)


def _name(problem: Problem, atom: Atom, shared: dict[str, int]) -> str:
    """The rule and the item it speaks of; or its own name, or which one it is of those that speak of several."""
    items = tuple(atom.items())
    if len(items) == 1:
        return f"{atom.rule}/{problem.items[items[0]].key}"
    own = getattr(atom, "name", None)
    if isinstance(own, str):
        return f"{atom.rule}/*{own}"
    shared[atom.rule] = shared.get(atom.rule, -1) + 1
    return f"{atom.rule}/*{shared[atom.rule]}"


def limit_names(tiers: int) -> tuple[str, ...]:
    """Names of the rows that limit the first so many tiers (`certificate.with_limits`)."""
    return tuple(f"limit/{tier}" for tier in range(tiers))


def multipliers_of(names: Sequence[str], kept: Mapping[str, int]) -> IntArray:
    """Multipliers of the rows with these names, int64: what was kept for the name, 0 where nothing was.

    A row about bins that are now another set has what was kept for the set that has most bins in common with it (by
    the range of their numbers).
    """
    alike: dict[str, list[tuple[int, int, int]]] = {}
    for name, multiplier in kept.items():
        bins = _BINS.search(name)
        if bins is not None:
            near = alike.setdefault(_BINS.sub("/@", name, count=1), [])
            if len(near) < _MOST_ALIKE:
                near.append((int(bins[1]), int(bins[2]), multiplier))
    found = np.zeros(len(names), np.int64)
    for row, name in enumerate(names):
        if name in kept:
            found[row] = kept[name]
            continue
        bins = _BINS.search(name)
        near = alike.get(_BINS.sub("/@", name, count=1), []) if bins is not None else []
        if bins is not None and near:
            first, last = int(bins[1]), int(bins[2])
            best = max(near, key=lambda one: min(last, one[1]) - max(first, one[0]))
            if min(last, best[1]) >= max(first, best[0]):
                found[row] = best[2]
    return found
