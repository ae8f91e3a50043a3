"""One-replica-at-a-time methods on whole cases: gangs in order of importance, each placed whole or not at all.

What a case requires is read from the lowered problem, so that peers keep the same rules as we do: masks say where a
part may sit, ledgers what quotas, power caps, spread and affinity leave. Choosing nodes is the method's own business.
Preferences and prices are not looked at. Topology, as simply as it can be kept:

- a bundle that must lie in one domain tries the domains that have room for it, the one with least room first, at most
  `_MOST_DOMAINS` of them;
- a segment takes the domain with the least room that holds it;
- what does not fit is taken back, and the workload is left out; nothing is moved or tried again.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

import numpy as np

from bench.baselines.fgd import Fgd, typical
from bench.baselines.scoring import Placer, Scoring
from bench.baselines.state import WHOLE, Bools, Demand, Ints, NodeState
from bench.method import Answer, Placements
from bench.prepared import Prepared, lowered
from placement.compile import Lowered, lift
from placement.model import Case, Role
from placement.snapshot import Snapshot
from solver.atoms import Segments, Within
from solver.chunks import room_alone
from solver.plan import Plan, Seat
from solver.problem import Joint, Ledger

__all__ = [
    "Gang",
    "MakeScoring",
    "ScoringMethod",
    "case_fgd",
    "case_state",
    "codes_of",
    "counts_of",
    "demand_of",
    "importance",
    "ledgers_of",
    "place_all",
]

_MOST_DOMAINS = 8

MakeScoring = Callable[[Snapshot], Scoring]


class ScoringMethod(Prepared):
    """A scoring at work on cases; it takes no time limit."""

    timed = False

    def __init__(self, name: str, make: MakeScoring) -> None:
        """`make` builds the scoring for a case."""
        self.name = name
        self._make = make

    def answer(self, subject: Case, *, time_limit_s: float, seed: int) -> Answer[Placements]:
        """Lower, place gang by gang, lift."""
        snapshot = self.snapshot(subject)
        began = time.perf_counter()
        case = lowered(snapshot)
        ready = time.perf_counter()
        plan = place_all(case, Placer(case_state(snapshot), self._make(snapshot)))
        done = time.perf_counter()
        timings = {"lower_ms": (ready - began) * 1e3, "place_ms": (done - ready) * 1e3}
        return Answer(lift(case, plan).placements, timings_ms=timings)


def case_state(snapshot: Snapshot) -> NodeState:
    """What is free beside the running work, nodes in order of their ids; shares count in units of the whole nodes."""
    fabric, usage = snapshot.fabric, snapshot.usage
    codes = codes_of(snapshot)
    cpu, memory, nics = (usage.free_resources[:, at].copy() for at in range(3))
    state = NodeState(
        cpu=cpu,
        memory=memory,
        nics=nics,
        device=usage.free_devices.copy(),
        model=np.array([codes.get(node.gpu_model or "", -1) for node in fabric.nodes], np.int64),
        device_memory=np.array([node.gpu_memory_mib for node in fabric.nodes], np.int64),
    )
    state.count = np.array([node.gpu_count - len(node.unhealthy_gpus) for node in fabric.nodes], np.int64)
    state.most_cpu = max(1, int(fabric.cpu_milli.max(initial=1)))
    state.most_milli = max(1, WHOLE * int(state.count.max(initial=1)))
    for one in usage.running:
        for seat in one.seats:
            way = demand_of(seat.role, codes).way
            if seat.devices and way < state.hosted.shape[1]:
                state.hosted[seat.node, way] += 1
    return state


def case_fgd(snapshot: Snapshot) -> Fgd:
    """FGD for the mix of the case: pending and running replicas, each counting once."""
    codes = codes_of(snapshot)
    counts: Counter[Demand] = Counter()
    for workload in snapshot.case.workloads:
        for subgroup in workload.subgroups:
            for role in subgroup.roles:
                counts[demand_of(role, codes)] += role.replicas
    for one in snapshot.usage.running:
        counts.update(demand_of(seat.role, codes) for seat in one.seats)
    return Fgd(typical(counts.elements()), len(codes))


def demand_of(role: Role, codes: dict[str, int]) -> Demand:
    """What one replica of a role takes; a model that the fleet does not have gets a code that no node has."""
    whole = role.gpu_milli in (0, WHOLE)
    devices = role.gpus + (role.gpu_milli == WHOLE) if whole else 1
    models = tuple(codes.get(model, len(codes)) for model in role.gpu_models) if devices else ()
    milli = 0 if not devices else WHOLE if whole else role.gpu_milli
    return Demand(role.cpu_milli, role.memory_mib, devices, milli, models, role.nics, role.gpu_memory_mib)


def codes_of(snapshot: Snapshot) -> dict[str, int]:
    """The code of each GPU model of the fleet."""
    models = sorted({node.gpu_model for node in snapshot.fabric.nodes if node.gpu_model})
    return {model: code for code, model in enumerate(models)}


def place_all(lowered: Lowered, placer: Placer) -> Plan:
    """All pending items in order of tier and priority (of their most important member), then key.

    Running work that could be moved stays where it is; `placer` counts it as running already.
    """
    homes = lowered.problem.homes
    ledgers = ledgers_of(lowered)
    known = {
        node.gpu_model: int(code)
        for node, code in zip(lowered.fabric.nodes, placer.state.model, strict=True)
        if node.gpu_model is not None
    }
    for item, home in homes.items():
        held = {part: counts_of(seats) for part, seats in enumerate(home)}
        for ledger in ledgers[item]:
            ledger.add(item, held)
    seats = dict(homes)
    for item in sorted(set(range(len(lowered.refs))) - homes.keys(), key=partial(importance, lowered)):
        found = Gang(lowered, placer, ledgers[item], item, known).place()
        if found is not None:
            seats[item] = found
    return Plan(seats)


def importance(lowered: Lowered, item: int) -> tuple[int, int, str]:
    """Tier, negative priority (of the most important member) and key of an item: the smaller, the earlier."""
    members = lowered.refs[item].members
    return (*min((one.tier, -one.priority) for one in members), lowered.refs[item].key)


def ledgers_of(lowered: Lowered) -> list[list[Ledger]]:
    """The fresh ledgers that concern each item."""
    ledgers: list[list[Ledger]] = [[] for _ in lowered.refs]
    for atom in lowered.problem.atoms:
        users = list(atom.items())
        ledger = atom.ledger(lowered.problem) if users else None
        if ledger is not None:
            for item in users:
                ledgers[item].append(ledger)
    return ledgers


def counts_of(seats: tuple[Seat, ...]) -> Counter[int]:
    """Replicas in each bin."""
    return Counter(seat.bin for seat in seats)


class Gang:
    """One item on its way; every step can be taken back."""

    def __init__(
        self, lowered: Lowered, placer: Placer, ledgers: list[Ledger], item: int, codes: dict[str, int]
    ) -> None:
        self.problem, self.placer, self.ledgers, self.item = lowered.problem, placer, ledgers, item
        self.gang = self.problem.items[item]
        self.demands = [demand_of(ref.role, codes) for ref in lowered.refs[item].parts]
        own = self.problem.own_atoms[item]
        self.shapes = [atom for atom in own if isinstance(atom, Within | Segments)]
        self.masks: list[Bools] = []
        for part in range(len(self.gang.parts)):
            mask = np.ones(self.problem.bins.count, np.bool_)
            for atom in own:
                allowed = atom.mask((item, part))
                if allowed is not None:
                    mask &= allowed
            self.masks.append(mask)
        self.local: dict[int, Counter[int]] = {}
        self.taken: list[tuple[int, int, tuple[int, ...]]] = []

    def place(self) -> tuple[tuple[Seat, ...], ...] | None:
        """Seats of every part; None if the item does not fit, and then nothing has changed."""
        placed = self._bundle(0, np.ones(self.problem.bins.count, np.bool_))
        by_part: list[list[Seat]] = [[] for _ in self.gang.parts]
        for part, row, devices in self.taken:
            by_part[part].append(Seat(row, tuple((device, self.demands[part].milli) for device in devices)))
        seats = tuple(tuple(sorted(one)) for one in by_part)
        if not placed or any(atom.violations(self.problem, Plan({self.item: seats})) for atom in self.shapes):
            self._undo(0)
            return None
        for ledger in self.ledgers:
            ledger.add(self.item, self.local)
        return seats

    def _undo(self, mark: int) -> None:
        while len(self.taken) > mark:
            part, row, devices = self.taken.pop()
            self.placer.give_back(row, devices, self.demands[part])
            self.local[part][row] -= 1

    def _bundle(self, bundle: int, where: Bools) -> bool:
        for scope in self._scopes(bundle, where):
            mark = len(self.taken)
            parts = [p for p, part in enumerate(self.gang.parts) if part.bundle == bundle]
            parts.sort(key=lambda p: -self.demands[p].total_milli)
            if all(self._part(p, scope) for p in parts):
                children = sum(self._bundle(child, scope) for child in self.gang.children(bundle))
                if children >= self.gang.bundles[bundle].need and len(self.taken) > mark:
                    return True
            self._undo(mark)
        return False

    def _scopes(self, bundle: int, where: Bools) -> Iterator[Bools]:
        """Everywhere, or the domains of the first required partition (others are checked at the end)."""
        required = [a.partition for a in self.shapes if isinstance(a, Within) and a.bundle == bundle]
        if not required:
            yield where
            return
        finest = max(required, key=self.problem.domains)
        labels = self.problem.partitions[finest]
        size = self.problem.domains(finest)
        enough = np.ones(size, np.bool_)
        room = np.zeros(size, np.int64)
        for p in self.gang.parts_of(bundle):
            part = self.gang.parts[p]
            held = self._room(p, where, labels, size)
            if part.bundle == bundle:
                enough &= held >= max(1, part.min_count)
            room += held
        found = np.flatnonzero(enough & (room > 0))
        for domain in found[np.argsort(room[found], kind="stable")][:_MOST_DOMAINS].tolist():
            yield where & (labels == domain)

    def _room(self, part: int, where: Bools, labels: Ints, size: int) -> Ints:
        """Replicas of a part that each domain could take alone."""
        state, demand = self.placer.state, self.gang.parts[part].demand
        rows = np.flatnonzero(where & self.masks[part])
        resources = np.stack([state.cpu[rows], state.memory[rows], state.nics[rows]], axis=1)
        each = np.minimum(room_alone(state.device[rows], resources, demand), self.gang.parts[part].count)
        room: Ints = np.bincount(labels[rows], each, minlength=size).astype(np.int64)
        return room

    def _part(self, part: int, where: Bools) -> bool:
        count = self.gang.parts[part].count
        segments = next((a for a in self.shapes if isinstance(a, Segments) and a.part == part), None)
        if segments is None:
            return self._put(part, where, count) >= self.gang.parts[part].min_count
        labels = self.problem.partitions[segments.partition]
        placed = 0
        while placed < count:
            want = min(segments.size, count - placed)
            room = self._room(part, where, labels, self.problem.domains(segments.partition))
            ready = np.flatnonzero(room >= want)
            for domain in ready[np.argsort(room[ready], kind="stable")][:_MOST_DOMAINS].tolist():
                mark = len(self.taken)
                if self._put(part, where & (labels == domain), want) == want:
                    break
                self._undo(mark)
            else:
                break
            placed += want
        return placed >= self.gang.parts[part].min_count

    def _put(self, part: int, where: Bools, want: int) -> int:
        """Place up to `want` replicas one by one; returns how many were."""
        joints: list[Joint] = []
        for ledger in self.ledgers:
            joints += [replace(one, room=one.room.copy()) for one in ledger.joints((self.item, part), self.local)]
        allowed = where & self.masks[part]
        for joint in joints:
            allowed &= (joint.labels < 0) | (joint.room[joint.labels] > 0)
        held = self.local.setdefault(part, Counter())
        for count in range(want):
            found = self.placer.place(self.demands[part], allowed)
            if found is None:
                return count
            row, devices = found
            self.taken.append((part, row, devices))
            held[row] += 1
            for joint in joints:
                label = int(joint.labels[row])
                if label >= 0:
                    joint.room[label] -= 1
                    if joint.room[label] <= 0:
                        allowed &= joint.labels != label
        return want
