"""Suite `roadef`: machine reassignment on the solver, with three atoms of its own; services are items."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TypeAlias

import numpy as np

from bench.instance import Instance, Judged, Spec
from bench.method import Answer, Method
from bench.roadef import Reassignment, cost_of, faults_of, known_costs, read_reassignment
from bench.suite import Grid, MakeMethod, Suite, data_file, points
from solver.atoms import Caps, RefuseCharge, Spread, Together, UnitCharge
from solver.items import Bins, Bundle, Demand, IntArray, Item, Part, PartKey
from solver.plan import Plan, Seat
from solver.problem import Atom, Encoding, ItemAtom, Problem, Violation

__all__ = ["AtLeast", "Initial", "Machines", "MostMoved", "Overload", "machines_of", "problem_roadef", "roadef"]

Machines: TypeAlias = tuple[int, ...]
"""The machine of every process."""
_MAIN = (Bundle("main"),)


@dataclass(frozen=True, eq=False)
class Overload(Atom):
    """`rate` x the sum over bins of max(0, base[bin] + sum of use[part] of the replicas in it); uses of any sign."""

    rule: str
    tier: int
    use: Mapping[PartKey, int]
    base: IntArray
    rate: int

    def items(self) -> Iterable[int]:
        """The users."""
        return sorted({i for i, _ in self.use})

    def remap(self, new: Mapping[int, int]) -> Atom | None:
        """The same for the renumbered items."""
        use = {(new[i], p): u for (i, p), u in self.use.items() if i in new}
        return replace(self, use=use) if use else None

    def signature(self, problem: Problem) -> Iterable[IntArray]:
        """No two bins are alike."""
        yield np.arange(problem.bins.count, dtype=np.int64)

    def loads(self, problem: Problem, plan: Plan) -> IntArray:
        """Base and use in every bin."""
        total = self.base.copy()
        for item, parts in plan.seats.items():
            for p, seats in enumerate(parts):
                for seat in seats:
                    total[seat.bin] += self.use.get((item, p), 0)
        return total

    def encode(self, into: Encoding) -> None:
        """An excess column per bin; cells of several bins cost nothing, which is on the cheap side."""
        terms: dict[int, tuple[list[int], list[int], int]] = {}
        for key, use in self.use.items():
            known = into.known(key)
            for cell, col in into.counts(key).items() if use else ():
                cols, uses, load = terms.setdefault(cell, ([], [], 0))
                cols.append(col)
                uses.append(use)
                terms[cell] = (cols, uses, load + use * known.get(cell, 0))
        for cell, (cols, uses, load) in terms.items():
            if into.members[cell].size > 1:
                continue
            base = int(self.base[into.members[cell][0]])
            most = base + sum(use for use in uses if use > 0)
            if most > 0:
                excess = into.model.var(0, most, max(0, base + load))
                into.model.row([*cols, excess], [*uses, -1], hi=-base)
                into.model.cost(self.tier, excess, self.rate)

    def given(self, problem: Problem, fixed: Plan) -> Iterable[Atom]:
        """The fixed items' use becomes base."""
        yield replace(self, base=self.loads(problem, fixed))

    def cost(self, problem: Problem, plan: Plan) -> int:
        """Measured from the seats."""
        return self.rate * int(np.maximum(self.loads(problem, plan), 0).sum())


@dataclass(frozen=True)
class AtLeast(ItemAtom):
    """The placed item touches at least `least` domains of a partition."""

    rule: str
    item: int
    partition: int
    least: int
    tier: int = -1

    def signature(self, problem: Problem) -> Iterable[IntArray]:
        """The partition's domains."""
        yield problem.partitions[self.partition]

    def encode(self, into: Encoding) -> None:
        """Enough touch columns; nothing where cells mix domains."""
        if -1 not in into.domain_of(self.partition):
            columns = list(into.touch(self.item, self.partition).values())
            into.model.row([*columns, into.on(self.item)], [1] * len(columns) + [-self.least], lo=0)

    def violations(self, problem: Problem, plan: Plan) -> list[Violation]:
        """Fewer domains than needed."""
        labels = problem.partitions[self.partition]
        parts = range(len(problem.items[self.item].parts))
        touched = {int(labels[b]) for p in parts for b in plan.bins_of((self.item, p))}
        if not plan.placed(self.item) or len(touched) >= self.least:
            return []
        return [Violation(self.rule, (self.item,), f"{len(touched)} domains, at least {self.least} are needed")]


@dataclass(frozen=True, eq=False)
class MostMoved(Atom):
    """`rate` x the largest number of an item's replicas away from home; `home` is the bin of every part."""

    rule: str
    tier: int
    home: Mapping[PartKey, int]
    rate: int
    least: int = 0
    """What fixed items have moved already; it is paid anyway."""

    def items(self) -> Iterable[int]:
        """All items."""
        return sorted({i for i, _ in self.home})

    def remap(self, new: Mapping[int, int]) -> Atom | None:
        """The same for the renumbered items."""
        home = {(new[i], p): b for (i, p), b in self.home.items() if i in new}
        return replace(self, home=home) if home else None

    def signature(self, problem: Problem) -> Iterable[IntArray]:
        """No two bins are alike."""
        yield np.arange(problem.bins.count, dtype=np.int64)

    def encode(self, into: Encoding) -> None:
        """One column above what every item moves; cells that hold a home count as home."""
        moving: dict[int, tuple[list[int], int]] = {}
        for key, home in self.home.items():
            known = into.known(key)
            for cell, col in into.counts(key).items():
                if home not in into.members[cell]:
                    cols, moved = moving.get(key[0], ([], 0))
                    moving[key[0]] = ([*cols, col], moved + known.get(cell, 0))
        most = max((len(into.problem.items[item].parts) for item in moving), default=0)
        if most <= self.least:
            return
        known_most = max(self.least, *(moved for _, moved in moving.values()))
        top = into.model.var(self.least, most, known_most)
        for cols, _ in moving.values():
            into.model.row([*cols, top], [1] * len(cols) + [-1], hi=0)
        into.model.cost(self.tier, top, self.rate)

    def given(self, problem: Problem, fixed: Plan) -> Iterable[Atom]:
        """What the fixed items have moved is paid."""
        yield replace(self, least=self._most(fixed))

    def cost(self, problem: Problem, plan: Plan) -> int:
        """Measured from the seats."""
        return self.rate * self._most(plan)

    def _most(self, plan: Plan) -> int:
        moved: dict[int, int] = {}
        for (item, p), home in self.home.items():
            moved[item] = moved.get(item, 0) + sum(n for b, n in plan.bins_of((item, p)).items() if b != home)
        return max(self.least, *moved.values(), 0)


def roadef(methods: Mapping[str, MakeMethod]) -> Suite:
    """The instances of the challenge whose files are there; every answer starts from the initial assignment."""
    names = ("a1_1", "a1_2", "a1_3", "a1_4", "a2_1", "a2_2", "a2_4", "b_01", "b_03")
    return Suite(
        name="roadef",
        about="ROADEF/EURO 2012 machine reassignment from the initial assignment, nothing left out (needs data)",
        grid={"name": names, "seed": (0,)},
        quick={"name": ("a1_1",)},
        specs=_specs,
        methods=methods,
        limits_s=(10.0, 60.0),
        quick_limits_s=(5.0,),
        needs_data=True,
        scale="name",
        tiers=("processes left out", "cost"),
    )


def _specs(data: Path | None, grid: Grid) -> list[Spec]:
    """The seed is that of the search."""
    known = known_costs(data_file(data, "bench/roadef_index.csv"))
    found = []
    for point in points(grid):
        files = [data_file(data, f"bench/roadef_{point['name']}.{part}.txt.gz") for part in ("model", "assign")]
        found.append(Spec(point, partial(_RoadefInstance, files[0], files[1], known[str(point["name"])][1])))
    return found


class _RoadefInstance(Instance[Reassignment, Machines]):
    """An instance, judged by its own constraints and cost: no solver code takes part."""

    def __init__(self, model: Path, start: Path, known: int) -> None:
        self.subject = read_reassignment(model, start)
        self.known = known
        machines, processes = self.subject.location.size, self.subject.start.size
        self.idle = (processes, None)
        self.size = {"nodes": machines, "asked": processes, "replicas": processes}

    def judge(self, answer: Answer[Machines]) -> Judged:
        """Cost of a faultless assignment; a process that is left out is a fault."""
        faults = faults_of(self.subject, answer.placements)
        if faults:
            return Judged((self.subject.start.size, 0), faults, 0)
        return Judged((0, cost_of(self.subject, answer.placements)), (), self.subject.start.size)


class Initial(Method[Reassignment, Machines]):
    """Move nothing: the figure to beat."""

    name = "initial"
    timed = False

    def answer(self, subject: Reassignment, *, time_limit_s: float, seed: int) -> Answer[Machines]:
        """The assignment of the file."""
        return Answer(tuple(subject.start.tolist()))


def _members(told: Reassignment) -> list[IntArray]:
    """The processes of every service, which are its parts, in order."""
    return [np.flatnonzero(told.service == service) for service in range(len(told.needs))]


def problem_roadef(told: Reassignment) -> tuple[Problem, Plan | None]:
    """Machines are bins without devices, services items, processes their parts; the initial assignment is the start.

    Tier 1 counts the processes that are left out, tier 2 is the cost of the challenge.
    """
    count = told.location.size
    members = _members(told)
    items = tuple(
        Item(f"service-{service:05d}", _MAIN, tuple(Part(f"p{p}", Demand(), 1, 1) for p in processes.tolist()))
        for service, processes in enumerate(members)
        if processes.size
    )
    number = {service: at for at, service in enumerate(s for s, processes in enumerate(members) if processes.size)}
    keys = {int(p): (at, row) for s, at in number.items() for row, p in enumerate(members[s].tolist())}
    alone = np.arange(count, dtype=np.int64)
    atoms: list[Atom] = [RefuseCharge("left out", 0, dict.fromkeys(keys.values(), 1))]
    atoms += _capacities(told, keys, alone)
    for service, at in number.items():
        parts = tuple(range(len(items[at].parts)))
        if len(parts) > 1:
            atoms.append(Spread("conflict", at, parts, 0, 1))
        if told.least_locations[service] > 1:
            atoms.append(AtLeast("spread", at, 1, told.least_locations[service]))
        atoms += [Together("dependency", 2, number[other], at) for other in told.needs[service] if other != service]
    for p, (at, row) in keys.items():
        move = told.machine_weight * told.machine_move[told.start[p]] + told.process_weight * told.process_move[p]
        atoms.append(UnitCharge("move", 1, at, row, np.where(alone == told.start[p], 0, move)))
    for r, weight in enumerate(told.load_weight.tolist()):
        use = {key: int(told.use[p, r]) for p, key in keys.items()}
        atoms.append(Overload("load", 1, use, -told.safety[:, r], weight))
    for one in told.balances:
        use = {key: int(told.use[p, one.second] - one.target * told.use[p, one.first]) for p, key in keys.items()}
        base = one.target * told.capacity[:, one.first] - told.capacity[:, one.second]
        atoms.append(Overload("balance", 1, use, base, one.weight))
    homes = {key: int(told.start[p]) for p, key in keys.items()}
    atoms.append(MostMoved("service move", 1, homes, told.service_weight))
    bins = Bins(np.zeros((count, 1), np.int64), np.zeros((count, 0), np.int64))
    partitions = (alone, told.location, told.neighbourhood)
    start = Plan({at: tuple((Seat(int(told.start[p])),) for p in members[s].tolist()) for s, at in number.items()})
    return Problem(bins, partitions, items, tuple(atoms), 2), start


def _capacities(told: Reassignment, keys: Mapping[int, PartKey], alone: IntArray) -> list[Atom]:
    """Of a transient resource what was there before stays in use, wherever it goes."""
    names = tuple(f"machine {m}" for m in alone.tolist())
    found: list[Atom] = []
    for r, transient in enumerate(told.transient.tolist()):
        base = np.zeros(alone.size, np.int64)
        if transient:
            np.add.at(base, told.start, told.use[:, r])
        use = {
            key: np.where(transient & (alone == told.start[p]), 0, told.use[p, r]).astype(np.int64)
            for p, key in keys.items()
        }
        found.append(Caps("capacity", names, alone, use, base, told.capacity[:, r]))
    return found


def machines_of(told: Reassignment, plan: Plan) -> Machines:
    """The machine of every process; -1 for what a plan leaves out."""
    found = np.full(told.start.size, -1, np.int64)
    present = [processes for processes in _members(told) if processes.size]
    for at, parts in plan.seats.items():
        for p, seats in zip(present[at].tolist(), parts, strict=True):
            found[p] = seats[0].bin
    return tuple(found.tolist())
