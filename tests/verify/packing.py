"""Freed chunks are superadditive: what a bin takes once some of what runs has left is a matter of packing."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from solver.atoms import Allow, Capacity, Disruptions, RefuseCharge, Stay
from solver.cells import fine_cells
from solver.encode import encode
from solver.items import Bundle, Demand, Item, Part
from solver.plan import Plan
from solver.problem import Atom, Problem
from tests.verify.brute import arrangements
from tests.verify.case import Case
from tests.verify.exact import lexicographic

__all__ = ["freed_chunks", "freed_chunks_are_a_packing", "most_replicas"]

_MOST, _DRAWS = 4, 2


def freed_chunks(case: Case) -> int:
    """How many sets of evictions are tried in a case."""
    return _DRAWS if case.problem.homes else 0


def freed_chunks_are_a_packing(case: Case, off: int = 0) -> Iterator[str]:
    """After random evictions the fine model takes as many replicas of a new demand as can be packed, bin by bin.

    `off` is added to the packed number, for tests.
    """
    homes = case.problem.homes
    if not homes:
        return
    rng = case.rng
    for _ in range(_DRAWS):
        kept = {i for i in homes if rng.random() < 0.5}
        demand = rng.choice((Demand(devices=1), Demand(devices=2), Demand(milli=rng.choice((250, 330, 500)))))
        resources = (0,) * case.problem.bins.resources.shape[1]
        demand = replace(demand, resources=resources)
        model, packed = _missing(case.problem, kept, demand), most_replicas(case.problem, kept, demand) + off
        if model is None or _MOST - model != min(_MOST, packed):
            yield (
                f"chunks: with {sorted(kept)} of {sorted(homes)} kept the model places all but {model} of {_MOST} "
                f"{demand}, a packing {packed}"
            )


def most_replicas(problem: Problem, kept: set[int], demand: Demand) -> int:
    """How many find room in all bins beside what is kept on its very devices, by trying every packing."""
    free = problem.bins.devices.copy()
    for i in kept:
        for seats in problem.homes[i]:
            for seat in seats:
                for device, milli in seat.devices:
                    free[seat.bin, device] -= milli
    total = 0
    for row in free.tolist():
        count = 0
        while count < _MOST and arrangements(tuple(row), (demand,) * (count + 1)):
            count += 1
        total += count
    return total


def _missing(problem: Problem, kept: set[int], demand: Demand) -> int | None:
    """How many of `_MOST` replicas find no room in the fine model, all of `kept` at home, what else ran gone."""
    new = Item("probe", (Bundle("root"),), (Part("probe", demand, _MOST, 0),))
    items = [problem.items[i] for i in problem.homes]
    number = {i: k for k, i in enumerate(problem.homes)}
    nowhere = np.zeros(problem.bins.count, np.bool_)
    atoms: list[Atom] = [
        Capacity(),
        RefuseCharge("refused", 0, {(len(items), 0): 1}),
        *(Stay("stay", -1, number[i], problem.homes[i], may_leave=False) for i in sorted(kept)),
        *(
            Allow("gone", number[i], p, nowhere)
            for i in problem.homes
            if i not in kept
            for p in range(len(problem.items[i].parts))
        ),
    ]
    if kept:
        atoms.append(Disruptions("kept", "kept", tuple(sorted(number[i] for i in kept)), 0))
    homes = {number[i]: seats for i, seats in problem.homes.items()}
    whole = Problem(problem.bins, problem.partitions, (*items, new), tuple(atoms), homes=homes)
    found = lexicographic(encode(whole, fine_cells(whole), Plan()).arrays)
    return None if found is None else found[0][0]
