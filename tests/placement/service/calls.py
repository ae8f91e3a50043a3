"""Requests, a simple decider and readers for the tests of the service."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import grpc
import grpc.aio
import pytest
from google.protobuf import json_format
from google.rpc import error_details_pb2, status_pb2

from placement.model import Case, Decision, Device, PlacedReplica, Placement, Unplaced
from placement.model.decision import Status, Verdict
from placement.service.status import DOMAIN
from placement.snapshot import Snapshot
from placement.v1 import placement_pb2 as pb
from tests.placement.service.test_servicer import FLEET, NODE

TWO = {**FLEET, "nodes": [NODE, {**NODE, "id": "n2", "path": {"rack": "r2"}}]}


def work(name: str, gpus: int = 1) -> dict[str, Any]:
    return {"id": name, "subgroups": [{"name": "s", "roles": [{"name": "r", "gpus": str(gpus)}]}]}


def place(*names: str, gpus: int = 1, **fields: Any) -> pb.PlaceRequest:
    body = {"workloads": [work(name, gpus) for name in names], "useServerState": True, **fields}
    message = json_format.ParseDict(body, pb.PlaceRequest())
    assert isinstance(message, pb.PlaceRequest)
    return message


def edit(*edits: dict[str, Any], **fields: Any) -> pb.EditFabricRequest:
    message = json_format.ParseDict({"edits": list(edits), **fields}, pb.EditFabricRequest())
    assert isinstance(message, pb.EditFabricRequest)
    return message


class FirstFit:
    """Places each workload of one role on the first node with room; `gate` holds it after it has read the state."""

    def __init__(self) -> None:
        self.cases: list[Case] = []
        self.warm: list[Decision | None] = []
        self.gate = threading.Event()
        self.gate.set()

    def __call__(
        self, case: Snapshot, *, cancelled: Callable[[], bool], deadline: float | None, warm: Decision | None = None
    ) -> Decision:
        self.cases.append(case.case)
        self.warm.append(warm)
        free = {
            node.id: [d for d in range(node.gpu_count) if case.usage.free_devices[row][d] == 1000]
            for row, node in enumerate(case.fabric.nodes)
        }
        placements, unplaced = [], []
        for workload in case.case.workloads:
            role = workload.subgroups[0].roles[0]
            open_to = (n.id for n in case.fabric.nodes if n.health == "healthy" and len(free[n.id]) >= role.gpus)
            node = next(open_to, None)
            if node is None:
                unplaced.append(Unplaced(workload=workload.id, verdict=Verdict.NOT_FOUND))
                continue
            devices = tuple(Device(index=free[node].pop(0)) for _ in range(role.gpus))
            replica = PlacedReplica(subgroup="s", role="r", node=node, devices=devices)
            placements.append(Placement(workload=workload.id, replicas=(replica,)))
        assert self.gate.wait(20)
        found = Decision(case_id=case.case_id, status=Status.FEASIBLE)
        return found.model_copy(update={"placements": tuple(placements), "unplaced": tuple(unplaced)})

    async def begun(self, count: int) -> None:
        async with asyncio.timeout(10):
            while len(self.cases) < count:  # noqa: ASYNC110 - the solve runs in a thread
                await asyncio.sleep(0.005)


async def running(at: Any) -> dict[str, list[tuple[str, int]]]:
    """Workload id -> its (node, device)s, from all pages."""
    found: dict[str, list[tuple[str, int]]] = {}
    token = ""
    while True:
        page = await at.stub.ListPlacements(pb.ListPlacementsRequest(page_size=2, page_token=token))
        assert len(page.running) <= 2
        for one in page.running:
            assert one.workload.id not in found
            found[one.workload.id] = [(r.node, d.index) for r in one.replicas for d in r.devices]
        token = page.next_page_token
        if not token:
            return found


async def details(call: Any) -> tuple[grpc.StatusCode, dict[str, Any]]:
    """The code of a failed call and its details by type name; every error has an ErrorInfo of our domain."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    status = status_pb2.Status.FromString(dict(caught.value.trailing_metadata())["grpc-status-details-bin"])
    assert (status.code, status.message) == (caught.value.code().value[0], caught.value.details())
    found: dict[str, Any] = {}
    for part in status.details:
        name = part.TypeName().removeprefix("google.rpc.")
        found[name] = getattr(error_details_pb2, name)()
        assert part.Unpack(found[name])
    assert found["ErrorInfo"].domain == DOMAIN
    return caught.value.code(), found
