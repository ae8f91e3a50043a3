"""Small problems for the tests of the solver, with the dull parts filled in."""

from collections.abc import Sequence

import numpy as np

from solver.atoms import Capacity
from solver.cells import Cells, coarse_cells, fine_cells
from solver.encode import Encoded, encode
from solver.items import Bins, Bundle, Demand, IntArray, Item, Part
from solver.plan import Plan, Seat
from solver.problem import Atom, Problem
from tests.verify.exact import lexicographic


def ints(*values: int) -> IntArray:
    return np.array(values, np.int64)


def bins(devices: Sequence[Sequence[int]], resources: Sequence[Sequence[int]] | None = None) -> Bins:
    free = resources if resources is not None else [[] for _ in devices]
    width = len(free[0]) if free else 0
    return Bins(
        np.array(devices, np.int64).reshape(len(devices), -1 if devices else 0),
        np.array(free, np.int64).reshape(len(devices), width),
    )


def part(count: int = 1, least: int | None = None, bundle: int = 0, **demand: int) -> Part:
    """`devices=` or `milli=` per replica."""
    return Part(f"part-{bundle}", Demand(**demand), count, count if least is None else least, bundle)  # type: ignore[arg-type]


def item(*parts: Part, bundles: Sequence[Bundle] = (Bundle("root"),)) -> Item:
    return Item("item", tuple(bundles), parts)


def problem(
    free: Bins,
    items: Sequence[Item],
    atoms: Sequence[Atom] = (),
    partitions: Sequence[IntArray] = (),
    tiers: int = 1,
) -> Problem:
    return Problem(free, tuple(partitions), tuple(items), (Capacity(), *atoms), tiers)


def at(*places: int, milli: int | None = None) -> tuple[Seat, ...]:
    """Seats without devices in these bins, or with a share of device 0."""
    return tuple(Seat(b, () if milli is None else ((0, milli),)) for b in places)


def plan(**items: Sequence[Sequence[Seat]]) -> Plan:
    """plan(i0=[seats of part 0, seats of part 1], i2=[...])."""
    return Plan({int(name[1:]): tuple(tuple(seats) for seats in parts) for name, parts in items.items()})


def written(case: Problem, known: Plan | None = None, *, coarse: bool = False) -> tuple[Cells, Encoded]:
    """The model of a problem with the known plan as hint (the empty plan if none is given)."""
    cells = coarse_cells(case) if coarse else fine_cells(case)
    return cells, encode(case, cells, known or Plan())


def optimum(case: Problem, *, coarse: bool = False) -> tuple[int, ...]:
    """The model's lexicographic optimum, by a plain CP-SAT driver of the tests."""
    found = lexicographic(written(case, coarse=coarse)[1].arrays)
    assert found is not None, "refusing everything is always feasible"
    return found[0]
