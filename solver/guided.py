"""Greedy led by a relaxation: what an LP over few cells admits goes first, and what has no room then before that.

The LP sees what the whole fleet holds together, greedy sees where a gang fits: each corrects the other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from solver.encode import Encoded
from solver.greedy import fill, leaders_first, worth_and_volume
from solver.ground import Ground
from solver.mend import mend
from solver.plan import Plan
from solver.problem import Problem

__all__ = ["WAYS", "dive"]

Floats = npt.NDArray[np.float64]
Relax = Callable[[Encoded], Floats | None]
"""Solves the LP relaxation of a model; None: not in time."""

_PASSES = 6
"""Most plans of one way of ordering."""
_HALF = 0.5
"""An item is admitted by the LP, or by a plan, if more than this share of its replicas is."""
WAYS = 0, 1, 2
"""Ways of ordering what the LP admits, best first."""


def dive(
    problem: Problem, encoded: Encoded, x: Floats, relax: Relax, stop: Callable[[], bool], way: int = 0
) -> Iterator[Plan]:
    """Plans in orders that the LP solution `x` of the model suggests, one after the other.

    What the LP admits and a plan has no room for goes to the front of the next one (the squeaky wheel of Joslin and
    Clements 1999). What has no room even there is held at zero, and `relax` solves the model once more. Every plan is
    feasible but not judged; the generator ends by itself, or once `stop` says so, with a last plan that may be cut
    short.
    """
    missed_before: Counter[int] = Counter()
    barred: set[int] = set()
    by = _measures(problem, way)
    for _ in range(_PASSES):
        wanted = _shares(problem, encoded, x) > _HALF
        # The last key of `lexsort` counts most: what is wanted comes first.
        order = sorted(np.lexsort((*by, ~wanted)).tolist(), key=lambda item: -missed_before[item])
        ground = Ground(problem, stop)
        for item, seats in problem.homes.items():
            ground.settle(item, seats)
        mend(ground)
        complete = fill(ground, leaders_first(problem, order))
        yield ground.plan()
        missed = [item for item in np.flatnonzero(wanted).tolist() if _missed(ground, item)]
        if not complete or not missed or stop():
            return
        hopeless = {item for item in missed if missed_before[item]}
        missed_before.update(missed)
        if hopeless:
            for item in hopeless:
                del missed_before[item]
            barred |= hopeless
            found = relax(_without(encoded, barred))
            if found is None:
                return
            x = found


def _shares(problem: Problem, encoded: Encoded, x: Floats) -> Floats:
    """Share of its replicas that each item has in a solution."""
    placed, total = np.zeros(len(problem.items), np.float64), np.zeros(len(problem.items), np.float64)
    for key, part in problem.parts():
        total[key[0]] += part.count
        placed[key[0]] += sum(float(x[column]) for column in encoded.columns[key].values())
    return placed / np.maximum(total, 1)


def _measures(problem: Problem, way: int) -> tuple[npt.NDArray[np.generic], ...]:
    """What items are sorted by, least first; the last counts most, the keys of the items break ties.

    By size of replica and then density (way 0) or volume (1), or by density alone (2).
    """
    worth, volume = worth_and_volume(problem)
    size = np.array([max((p.demand.volume for p in item.parts), default=0) for item in problem.items], np.float64)
    size = np.maximum(size, 1)
    density = worth / np.maximum(volume, 1)
    rank = {key: number for number, key in enumerate(sorted(item.key for item in problem.items))}
    keys = np.array([rank[item.key] for item in problem.items], np.int64)
    by = ((density, size), (volume, size), (volume, density * size**0.25))[way]
    return (keys, *(-measure for measure in by))


def _missed(ground: Ground, item: int) -> bool:
    """Most of the item has no place."""
    seats = ground.seats.get(item, ())
    return sum(map(len, seats)) <= _HALF * sum(part.count for part in ground.problem.items[item].parts)


def _without(encoded: Encoded, barred: set[int]) -> Encoded:
    upper = encoded.arrays.upper.copy()
    for (item, _), columns in encoded.columns.items():
        if item in barred:
            upper[list(columns.values())] = 0
    return replace(encoded, arrays=replace(encoded.arrays, upper=np.maximum(upper, encoded.arrays.lower)))
