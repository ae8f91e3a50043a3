"""Our own methods on a replay: every micro-batch is one case, with all that was placed before as running work."""

from __future__ import annotations

import time
from bisect import insort
from operator import attrgetter

from bench.replay.sequence import Sequence
from bench.replay.simulate import Seat
from placement.cases.openb import MAIN, Pod, openb_workload
from placement.compile import lift, lower
from placement.engine import decide
from placement.model import Budget, Case, Placement, Policy, Replica, Running, Workload, default_policy
from placement.rules.context import Usage
from placement.rules.survey import Seated, Settled
from placement.snapshot import Snapshot
from solver.greedy import greedy
from solver.workers import Workers
from topology.fabric import Fabric
from topology.model import Fleet

__all__ = ["Batches", "DecideBatches", "GreedyBatches"]


class Batches:
    """The fleet and what runs on it, kept from batch to batch: a snapshot of the next case costs its pods only.

    Running work is what was placed, and only that; a pod that is left out is not asked for again.
    """

    def __init__(self, sequence: Sequence, policy: Policy | None = None, budget: Budget | None = None) -> None:
        """The default policy and 2,000 units of work, unless told otherwise."""
        fleet = Fleet(name="openb", levels=(), nodes=sequence.nodes).canonical()
        self._case = Case(
            fleet=fleet, policy=policy or default_policy(), budget=budget or Budget(work=2000)
        ).canonical()
        self._fabric = Fabric.from_fleet(fleet)
        self._row_of = {node.id: row for row, node in enumerate(sequence.nodes)}
        whole = Snapshot.of(self._case, self._fabric).usage
        self._devices, self._resources = whole.free_devices.copy(), whole.free_resources.copy()
        self._all_devices, self._all_resources = whole.free_devices, whole.free_resources
        self._running: list[Running] = []
        self._settled: list[Settled] = []
        self._batches = 0

    def place(self, pods: tuple[Pod, ...]) -> list[Seat | None]:
        """Seats by one decision over all pods of the batch."""
        workloads = tuple(sorted((openb_workload(pod) for pod in pods), key=attrgetter("id")))
        self._batches += 1
        case = self._case.model_copy(update={"workloads": workloads, "running": tuple(self._running)})
        free, left = self._devices.copy(), self._resources.copy()
        usage = Usage(tuple(self._settled), free, left, self._all_devices - free, self._all_resources - left)
        placements = self._answer(Snapshot(case, f"batch-{self._batches}", self._fabric, usage))
        by_id = {workload.id: workload for workload in workloads}
        seats: dict[str, Seat] = {}
        for placement in placements:
            (placed,) = placement.replicas
            replica = Replica(subgroup=MAIN, role=MAIN, node=placed.node, devices=placed.devices)
            self._keep(by_id[placement.workload], replica)
            devices = tuple(device.index for device in replica.devices)
            seats[placement.workload] = (self._row_of[replica.node], devices)
        return [seats.get(pod.name) for pod in pods]

    def _answer(self, snapshot: Snapshot) -> tuple[Placement, ...]:
        raise NotImplementedError

    def _keep(self, workload: Workload, replica: Replica) -> None:
        """The workload runs from now on."""
        row = self._fabric.index[replica.node]
        role = workload.subgroups[0].roles[0]
        for device in replica.devices:
            self._devices[row, device.index] -= device.milli
        self._resources[row] -= (role.cpu_milli, role.memory_mib, role.nics)
        insort(self._running, Running(workload=workload, replicas=(replica,)), key=lambda one: one.workload.id)
        seat = Seated(workload, MAIN, role, row, replica.devices)
        insort(self._settled, Settled(workload, (seat,)), key=lambda one: one.workload.id)


class GreedyBatches(Batches):
    """Greedy alone."""

    def _answer(self, snapshot: Snapshot) -> tuple[Placement, ...]:
        lowered = lower(snapshot.case, snapshot.fabric, usage=snapshot.usage)
        plan, _ = greedy(lowered.problem)
        return lift(lowered, plan).placements


class DecideBatches(Batches):
    """`placement.engine.decide` under a budget of work, so that load on the machine changes nothing."""

    def __init__(
        self, sequence: Sequence, workers: Workers, policy: Policy | None = None, budget: Budget | None = None
    ) -> None:
        """`workers` run the searches."""
        super().__init__(sequence, policy, budget)
        self._workers = workers

    def _answer(self, snapshot: Snapshot) -> tuple[Placement, ...]:
        return decide(snapshot, clock=time.monotonic, workers=self._workers).placements
