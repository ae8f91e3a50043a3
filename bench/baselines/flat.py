"""Flat CP-SAT: the integer model that anyone would write first, over every single node, in two ways.

*counts*: how many replicas of each role of each workload sit on each node. *booleans*: whether replica r sits on node
n. No nodes are merged, no neighbourhoods are searched: one model, one search with all cores, a complete greedy hint.

Rows and costs are those of our own atoms, written for cells of one node each, so the model is the whole problem: every
requirement and every objective of the policy, at the very same prices. With several tiers they are solved one after
the other under the values of the earlier ones, each with an equal part of the time that is left. CP-SAT runs with its
defaults, but for `linearization_level` 2, which was never worse here. A model of more than `MOST_COLUMNS` columns is
not built: building it alone would take longer than any limit in use; the answer is then empty, and says so.
"""

from __future__ import annotations

import os
import time
from dataclasses import fields, replace
from typing import Any, Generic, TypeVar

import numpy as np

from bench.method import Answer, Method, Placements
from bench.own import Adapter
from bench.prepared import Prepared, lowered
from placement.compile import lift
from placement.model import Case
from solver.atoms import Segments
from solver.cells import Cells, rooms
from solver.cpsat import Effort, minimise
from solver.encode import encode
from solver.greedy import greedy
from solver.items import IntArray, Item, Part, PartKey
from solver.pack import seat_plan
from solver.plan import Plan
from solver.problem import Atom, Problem

__all__ = ["MOST_COLUMNS", "FlatCase", "FlatProblem", "Singles", "flat_cells", "solve_flat"]

MOST_COLUMNS = 400_000

S = TypeVar("S")
A = TypeVar("A")


class FlatCase(Prepared):
    """Flat CP-SAT on cases."""

    def __init__(self, *, booleans: bool) -> None:
        """`booleans` tells which of the two models."""
        self.name = "flat-booleans" if booleans else "flat-counts"
        self._booleans = booleans

    def answer(self, subject: Case, *, time_limit_s: float, seed: int) -> Answer[Placements]:
        """Lower, build, search, lift."""
        snapshot = self.snapshot(subject)
        deadline = time.monotonic() + time_limit_s
        case = lowered(snapshot)
        found = solve_flat(case.problem, deadline, seed, booleans=self._booleans)
        lifted = lift(case, found.placements)
        return Answer(lifted.placements, found.bounds, found.timings_ms, disturbed=lifted, note=found.note)


class FlatProblem(Method[S, A], Generic[S, A]):
    """Flat CP-SAT on a problem that is no case."""

    def __init__(self, adapter: Adapter[S, A], *, booleans: bool) -> None:
        """`booleans` tells which of the two models."""
        self.name = "flat-booleans" if booleans else "flat-counts"
        self._adapter = adapter
        self._booleans = booleans

    def answer(self, subject: S, *, time_limit_s: float, seed: int) -> Answer[A]:
        """Adapt, build, search."""
        deadline = time.monotonic() + time_limit_s
        problem, _ = self._adapter.lower(subject)
        found = solve_flat(problem, deadline, seed, booleans=self._booleans)
        return Answer(self._adapter.lift(subject, found.placements), found.bounds, found.timings_ms, note=found.note)


def solve_flat(problem: Problem, deadline: float, seed: int, *, booleans: bool) -> Answer[Plan]:
    """Plan, claimed bounds per tier, and timings; `deadline` is on `time.monotonic`.

    If no plan is found, all stays as it is: nothing pending is placed.
    """
    began = time.monotonic()
    hint, _ = greedy(problem)
    singles = Singles(problem) if booleans else None
    model, start = (singles.problem, singles.split(hint)) if singles else (problem, hint)
    cells = flat_cells(model)
    columns = sum(int((upper > 0).sum()) for upper in cells.upper.values())
    nothing: tuple[int | None, ...] = (None,) * problem.tiers
    if columns > MOST_COLUMNS:
        return Answer(problem.anchor, nothing, note=f"the model would have {columns} columns and is not built")
    encoded = encode(model, cells, start)
    built = time.monotonic()
    timings = {"build_ms": (built - began) * 1e3}
    x: IntArray | None = None
    limits: list[int] = []
    bounds = list(nothing)
    for tier in range(problem.tiers):
        left = (deadline - time.monotonic()) / (problem.tiers - tier)
        if left <= 0:
            break
        effort = Effort(seconds=left, seed=seed, threads=os.cpu_count() or 1)
        found = minimise(encoded.arrays, tier, tuple(limits), encoded.arrays.hint if x is None else x, effort)
        bounds[tier] = found.bound
        if found.x is None:
            break
        x = found.x
        limits.append(encoded.arrays.value(tier, x))
    timings["search_ms"] = (time.monotonic() - built) * 1e3
    if x is None:
        return Answer(problem.anchor, tuple(bounds), timings, note=f"nothing found in time ({columns} columns)")
    plan = seat_plan(model, cells, encoded.counts(x))
    if plan is None:
        raise AssertionError("a solution over single nodes has no seats")
    return Answer(singles.join(plan) if singles else plan, tuple(bounds), timings, note=f"{columns} columns")


def flat_cells(problem: Problem) -> Cells:
    """Every node that some part can use as a cell of its own."""
    found = rooms(problem)
    usable = np.zeros(problem.bins.count, np.bool_)
    for room in {id(room): room for room in found.values()}.values():
        usable |= room > 0
    rows = np.flatnonzero(usable)
    upper = {key: np.minimum(room[rows], problem.part(key).count) for key, room in found.items()}
    return Cells(tuple(rows[at : at + 1] for at in range(rows.size)), upper, exact=True)


class Singles:
    """A problem whose parts have one replica each, and the way there and back.

    Parts that come in segments keep their counts, since a segment speaks of the replicas of one part together; so do
    those of running work, whose seats are known.
    """

    def __init__(self, original: Problem) -> None:
        """Split all parts that can be split."""
        self._original = original
        whole = {(atom.item, atom.part) for atom in original.atoms if isinstance(atom, Segments)}
        whole |= {key for key, _ in original.parts() if key[0] in original.homes}
        self._parts: dict[PartKey, tuple[int, ...]] = {}
        items = [self._item(index, item, whole) for index, item in enumerate(original.items)]
        atoms = [new for atom in original.atoms for new in self._atoms(atom)]
        self.problem = replace(original, items=tuple(items), atoms=tuple(atoms))

    def _item(self, index: int, item: Item, whole: set[PartKey]) -> Item:
        parts: list[Part] = []
        for p, part in enumerate(item.parts):
            first = len(parts)
            if (index, p) in whole:
                parts.append(part)
            else:
                parts += [replace(part, count=1, min_count=int(n < part.min_count)) for n in range(part.count)]
            self._parts[index, p] = tuple(range(first, len(parts)))
        return replace(item, parts=tuple(parts))

    def _atoms(self, atom: Atom) -> list[Atom]:
        """The same statement about the new parts, told by the fields in which atoms name parts."""
        told: dict[str, Any] = {field.name: getattr(atom, field.name) for field in fields(atom)}  # type: ignore[arg-type]
        change: Any = replace
        if "part" in told:
            return [change(atom, part=p) for p in self._parts[told["item"], told["part"]]]
        changes: dict[str, Any] = {}
        if "parts" in told:
            changes["parts"] = tuple(new for p in told["parts"] for new in self._parts[told["item"], p])
        for name in ("each", "use"):
            if name in told:
                changes[name] = {(i, new): u for (i, p), u in told[name].items() for new in self._parts[i, p]}
        return [change(atom, **changes)] if changes else [atom]

    def split(self, plan: Plan) -> Plan:
        """A plan of the original as one of the split problem."""
        seats = {}
        for item, by_part in plan.seats.items():
            found = []
            for p, placed in enumerate(by_part):
                new = self._parts[item, p]
                if len(new) == 1:
                    found.append(placed)
                else:
                    found += [placed[at : at + 1] for at in range(len(new))]
            seats[item] = tuple(found)
        return Plan(seats)

    def join(self, plan: Plan) -> Plan:
        """A plan of the split problem as one of the original."""
        seats = {}
        for item, by_part in plan.seats.items():
            parts = range(len(self._original.items[item].parts))
            joined = (tuple(sorted(seat for new in self._parts[item, p] for seat in by_part[new])) for p in parts)
            seats[item] = tuple(joined)
        return Plan(seats)
