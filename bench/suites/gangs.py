"""Suite `fleet-j`: gangs of whole nodes at the stated cost J, for the solver with two atoms of its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from bench.fleet_j import FleetJ, Gangs, cost_j, faults_j, read_fleet_j
from bench.instance import Instance, Judged, Spec
from bench.method import Answer
from bench.suite import Grid, MakeMethod, Suite, data_file, points
from solver.atoms import Hinge, RefuseCharge, Share, SpanCharge, UnitCharge
from solver.items import Bins, Bundle, Demand, IntArray, Item, Part
from solver.plan import Plan
from solver.problem import Atom, Encoding, ItemAtom, Problem

__all__ = ["TouchCharge", "fleet_j", "gangs_of", "problem_j"]

_MAIN = (Bundle("main"),)


@dataclass(frozen=True)
class TouchCharge(ItemAtom):
    """`price_each` for every domain of a partition that the item touches beyond the first `free` ones.

    Placed items touch at least `free` domains (the instance says so), so the charge is linear in the domains.
    """

    rule: str
    tier: int
    item: int
    partition: int
    price_each: int
    free: int

    def signature(self, problem: Problem) -> Iterable[IntArray]:
        """The partition's domains."""
        yield problem.partitions[self.partition]

    def encode(self, into: Encoding) -> None:
        """A touch column per domain; cells of several domains touch for nothing, which is on the cheap side."""
        extra = into.model.var(0, into.problem.domains(self.partition), self._known(into))
        columns = list(into.touch(self.item, self.partition).values())
        on = into.on(self.item)
        into.model.row([*columns, on, extra], [1] * len(columns) + [-self.free, -1], hi=0)
        into.model.cost(self.tier, extra, self.price_each)

    def _known(self, into: Encoding) -> int:
        labels = into.domain_of(self.partition)
        seen = {labels[cell] for cell in into.known((self.item, 0))} - {-1}
        return max(0, len(seen) - self.free)

    def gathers(self) -> tuple[int, int, int]:
        """Each domain beyond the free ones costs."""
        return 0, self.partition, self.price_each

    def cost(self, problem: Problem, plan: Plan) -> int:
        """Price of the domains beyond the free ones."""
        labels = problem.partitions[self.partition]
        touched = {int(labels[b]) for b in plan.bins_of((self.item, 0))}
        return self.price_each * max(0, len(touched) - self.free)


def fleet_j(methods: Mapping[str, MakeMethod]) -> Suite:
    """The four published instances."""
    return Suite(
        name="fleet-j",
        about="gangs of 1 to 64 whole nodes on 256 to 4,096 nodes at the cost J of each file (needs data)",
        grid={"file": ("256-dom4", "1024-dom4", "1024-nvl72", "4096-dom4"), "seed": (0, 1, 2)},
        quick={"file": ("256-dom4",), "seed": (0,)},
        specs=_specs,
        methods=methods,
        limits_s=(1.0, 10.0, 60.0),
        quick_limits_s=(1.0, 5.0),
        needs_data=True,
        scale="file",
        tiers=("J",),
    )


def _specs(data: Path | None, grid: Grid) -> list[Spec]:
    """The seed is that of the search; the instance is the same."""
    return [
        Spec(point, partial(_GangInstance, data_file(data, f"bench/fleet_J_{point['file']}.json.gz")))
        for point in points(grid)
    ]


class _GangInstance(Instance[FleetJ, Gangs]):
    """An instance, judged by its own cost function on the nodes of the file: no solver code takes part."""

    def __init__(self, path: Path) -> None:
        self.subject = read_fleet_j(path)
        self.idle = (cost_j(self.subject, (None,) * len(self.subject.sizes)),)
        self.size = {
            "nodes": int(self.subject.free.size),
            "free": int(self.subject.free.sum()),
            "asked": len(self.subject.sizes),
            "replicas": sum(self.subject.sizes),
        }

    def judge(self, answer: Answer[Gangs]) -> Judged:
        """J of a faultless answer; the value of doing nothing for any other."""
        faults = faults_j(self.subject, answer.placements)
        if faults:
            return Judged((int(self.idle[0] or 0),), faults, 0)
        admitted = sum(nodes is not None for nodes in answer.placements)
        return Judged((cost_j(self.subject, answer.placements),), (), admitted)


def problem_j(fleet: FleetJ) -> tuple[Problem, Plan | None]:
    """The instance as a problem of one tier whose value is J: nodes are bins of one device, gangs items of one part.

    Exact: unplaced nodes are a `RefuseCharge`, rack prices a `UnitCharge`, racks and blocks above the least number a
    `SpanCharge` (the second one, where one is free) and a `TouchCharge` (the others), nodes above a block's target a
    hinge on a `Share`.
    """
    count = fleet.free.size
    bins = Bins(np.where(fleet.free, 1000, 0).astype(np.int64)[:, None], np.zeros((count, 0), np.int64))
    items = tuple(
        Item(f"gang-{gang:04d}", _MAIN, (Part("main", Demand(devices=1), size, size),))
        for gang, size in enumerate(fleet.sizes)
    )
    keys = [(gang, 0) for gang in range(len(items))]
    price = fleet.rack_node_cost[fleet.rack]
    atoms: list[Atom] = [RefuseCharge("unplaced", 0, dict.fromkeys(keys, fleet.per_unplaced_node))]
    atoms += [UnitCharge("rack price", 0, gang, 0, price) for gang in range(len(items))]
    for gang, size in enumerate(fleet.sizes):
        atoms += _domains("racks", gang, size, 0, fleet.per_extra_rack, fleet.min_racks[gang])
        atoms += _domains("blocks", gang, size, 1, fleet.per_extra_block, fleet.min_blocks[gang])
    use = dict.fromkeys(keys, 1)
    for block, target in enumerate(fleet.block_target.tolist()):
        hinge = Hinge(at=target, rate=fleet.per_node_above_target)
        inside = fleet.block == block
        if int((inside & fleet.free).sum()) > target:
            atoms.append(Share("block target", f"block {block}", use, inside, 0, None, (hinge,), 0))
    return Problem(bins, (fleet.rack, fleet.block), items, tuple(atoms)), None


def _domains(rule: str, gang: int, size: int, partition: int, price: int, free: int) -> list[Atom]:
    """`price` per domain beyond the free ones; the second of one free domain as a span, which greedy understands."""
    if size <= free:
        return []
    if free > 1:
        return [TouchCharge(rule, 0, gang, partition, price, free)]
    span = SpanCharge(rule, 0, gang, 0, partition, price)
    return [span] if size == 2 else [span, TouchCharge(rule, 0, gang, partition, price, 2)]


def gangs_of(fleet: FleetJ, plan: Plan) -> Gangs:
    """The nodes of every gang in a plan."""
    return tuple(
        tuple(seat.bin for seat in plan.seats[gang][0]) if plan.placed(gang) else None
        for gang in range(len(fleet.sizes))
    )
