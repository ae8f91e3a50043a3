"""The clients of a soak: Place, Release and EditFabric in a seeded mix, each outcome written down."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import grpc
import grpc.aio
from google.rpc import error_details_pb2, status_pb2

from placement.v1 import placement_pb2 as pb
from placement.v1 import placement_pb2_grpc

DOCUMENTED = {
    "Place": {"ABORTED", "RESOURCE_EXHAUSTED", "DEADLINE_EXCEEDED"},
    "Release": {"RESOURCE_EXHAUSTED"},
    "EditFabric": {"RESOURCE_EXHAUSTED"},
    "GetFabric": set(),
}
"""Codes that the contract allows for these calls, which are all well-formed."""
EDGE_S = 0.25
"""What the way through two event loops may add to a deadline before an answer counts as late."""


@dataclass
class Seen:
    """What the clients saw."""

    calls: Counter[str] = field(default_factory=Counter)
    statuses: Counter[str] = field(default_factory=Counter)
    fallbacks: Counter[str] = field(default_factory=Counter)
    verdicts: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    undocumented: list[str] = field(default_factory=list)
    took_s: list[float] = field(default_factory=list)
    """Of every Place."""
    late_s: list[float] = field(default_factory=list)
    """By how much a Place missed its deadline."""
    placed: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Workload id -> nodes, of what the answers say that runs."""
    growths: dict[tuple[str, int], tuple[str, ...]] = field(default_factory=dict)
    """(workload id, its replicas before) -> nodes of the replicas that an answer adds; answers may overtake others."""
    elastic: set[str] = field(default_factory=set)
    """Workloads that may run with fewer replicas than they want, and grow."""
    unsure: set[str] = field(default_factory=set)
    """Workloads of calls without an answer: they may run or not."""
    fitted: int = 0
    """Reservations on a state newer than that of the decision."""

    def running(self) -> dict[str, tuple[str, ...]]:
        """Workload id -> nodes, with all that it grew by."""
        found = {}
        for name, nodes in self.placed.items():
            held = nodes
            while (name, len(held)) in self.growths:
                held = (*held, *self.growths[name, len(held)])
            found[name] = tuple(sorted(held))
        return found

    def doubtful(self) -> set[str]:
        """Workloads of which the answers do not tell all: a call without an answer may have let others grow."""
        return self.unsure | self.elastic if self.unsure else set()


@dataclass(frozen=True)
class Plan:
    """What the clients do."""

    asked_s: float
    deadline_s: float
    most: int
    """Workloads of one Place, at most."""
    tenants: tuple[pb.Tenant, ...]


class Fleet:
    """The parts that are drained now, so that edits come and go and never empty the fleet."""

    def __init__(self, nodes: list[str], seed: int) -> None:
        self._random = random.Random(seed)
        self._nodes = nodes
        self._drained: list[str] = []

    def edit(self) -> pb.EditFabricRequest:
        """Drain or fail a node, or restore the one that waits longest."""
        if len(self._drained) >= max(1, len(self._nodes) // 20):
            return pb.EditFabricRequest(edits=[pb.Edit(restore=pb.RestoreEdit(part=self._drained.pop(0)))])
        node = self._random.choice(self._nodes)
        self._drained.append(node)
        if self._random.random() < 0.5:
            return pb.EditFabricRequest(edits=[pb.Edit(drain=pb.DrainEdit(part=node))])
        return pb.EditFabricRequest(edits=[pb.Edit(fail=pb.FailEdit(part=node))])


class Client:
    """One client with its own connection: it works through its share of the pending work until time is up."""

    def __init__(
        self, target: str, number: int, pending: Iterator[pb.Workload], fleet: Fleet, plan: Plan, seen: Seen
    ) -> None:
        self._target = target
        self._number = number
        self._random = random.Random(number)
        self._pending = pending
        self._fleet = fleet
        self._plan = plan
        self._seen = seen
        self._own: list[str] = []
        self._turn = 0

    async def run(self, until_s: float) -> None:
        """Call until `until_s` (time.monotonic), one call at a time."""
        async with grpc.aio.insecure_channel(self._target) as channel:
            stub = placement_pb2_grpc.PlacementServiceStub(channel)  # type: ignore[no-untyped-call]
            while time.monotonic() < until_s:
                self._turn += 1
                # Every client edits once in twenty calls, the first of them early, so that short runs edit too.
                if self._turn % 20 == (self._number + 2) % 20:
                    await self._call("EditFabric", stub.EditFabric, self._fleet.edit(), 30.0, [])
                elif self._own and self._random.random() < 0.3:
                    await self._release(stub)
                else:
                    await self._place(stub)

    async def _place(self, stub: Any) -> None:
        workloads = [next(self._pending) for _ in range(self._random.randint(1, self._plan.most))]
        request = pb.PlaceRequest(workloads=workloads, use_server_state=True, tenants=self._plan.tenants)
        request.max_solve_time.FromMilliseconds(int(self._plan.asked_s * 1000))
        names = [workload.id for workload in workloads]
        roles = [(work.id, role) for work in workloads for subgroup in work.subgroups for role in subgroup.roles]
        self._seen.elastic.update(name for name, role in roles if role.HasField("min_replicas"))
        began_s = time.monotonic()
        answer = await self._call("Place", stub.Place, request, self._plan.deadline_s, names)
        took_s = time.monotonic() - began_s
        self._seen.took_s.append(took_s)
        if took_s > self._plan.deadline_s + EDGE_S:
            self._seen.late_s.append(took_s - self._plan.deadline_s)
        if answer is None:
            return
        decision = answer.decision
        status = pb.Status.Name(decision.status).removeprefix("STATUS_")
        self._seen.statuses[status] += 1
        if status == "FALLBACK":
            self._seen.fallbacks[decision.fallback_reason] += 1
            if not decision.fallback_reason:
                self._seen.undocumented.append("Place: a FALLBACK without a reason")
        answered = [one.workload for one in decision.placements] + [one.workload for one in decision.unplaced]
        if sorted(answered) != sorted(names):
            self._seen.undocumented.append(f"Place: asked for {names}, answered {answered}")
        for refused in decision.unplaced:
            self._seen.verdicts[pb.Verdict.Name(refused.verdict).removeprefix("VERDICT_")] += 1
        self._seen.verdicts["PLACED"] += len(decision.placements)
        for growth in decision.growths:
            added = tuple(replica.node for replica in growth.added)
            self._seen.growths[growth.workload, growth.before] = added
        for one in decision.placements:
            self._seen.placed[one.workload] = tuple(sorted(replica.node for replica in one.replicas))
            self._own.append(one.workload)

    async def _release(self, stub: Any) -> None:
        count = min(len(self._own), self._random.randint(1, 2 * self._plan.most))
        names = [self._own.pop(self._random.randrange(len(self._own))) for _ in range(count)]
        answer = await self._call("Release", stub.Release, pb.ReleaseRequest(workloads=names), 30.0, names)
        if answer is not None:
            if sorted(answer.released) != sorted(names):
                self._seen.undocumented.append(f"Release: {names} ran, and only {list(answer.released)} were ended")
            for name in names:
                self._seen.placed.pop(name, None)

    async def _call(self, method: str, send: Any, request: Any, timeout_s: float, names: list[str]) -> Any:
        """The answer, or None with the error written down; `names` are unsure where the outcome is not known."""
        self._seen.calls[method] += 1
        try:
            return await send(request, timeout=timeout_s)
        except grpc.aio.AioRpcError as error:
            code = error.code().name
            self._seen.errors[f"{method} {code}"] += 1
            if code not in DOCUMENTED[method]:
                self._seen.undocumented.append(f"{method} {code}: {error.details()}")
            if code == "DEADLINE_EXCEEDED":
                self._seen.late_s.append(0.0)
                self._seen.unsure.update(names)
            elif code == "UNAVAILABLE":
                self._seen.unsure.update(names)
            elif not _has_reason(error):
                self._seen.undocumented.append(f"{method} {code} without an ErrorInfo")
            return None


def _has_reason(error: grpc.aio.AioRpcError) -> bool:
    packed = dict(error.trailing_metadata()).get("grpc-status-details-bin")
    if packed is None:
        return False
    return any(part.Is(error_details_pb2.ErrorInfo.DESCRIPTOR) for part in status_pb2.Status.FromString(packed).details)


async def all_clients(clients: list[Client], seconds: float) -> None:
    """Run all clients for so long."""
    until_s = time.monotonic() + seconds
    await asyncio.gather(*(client.run(until_s) for client in clients))
