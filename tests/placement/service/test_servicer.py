"""The protocol through a real loopback server; decisions are scripted here, real in test_place.py."""

import asyncio
import gc
import threading
import time
from collections.abc import Callable
from typing import Any

import grpc
import grpc.aio
import pytest
from google.protobuf import json_format

from placement.errors import Conflict, MoorageError
from placement.model import Budget, Case, Decision, Unplaced
from placement.model.decision import Status, Verdict
from placement.service.server import ServerConfig
from placement.service.times import Limits
from placement.service.wire import decode
from placement.snapshot import Snapshot
from placement.v1 import placement_pb2 as pb
from tests.placement.service.conftest import Start

NODE = {
    "id": "n1",
    "path": {"rack": "r1"},
    "gpuModel": "H100",
    "gpuCount": "8",
    "cpuMilli": "9",
    "memoryMib": "9",
}
FLEET = {"name": "f", "levels": [{"name": "rack", "latencyUs": 1, "bandwidthGbps": 1}], "nodes": [NODE]}
WORK = {"id": "w", "subgroups": [{"name": "s", "roles": [{"name": "r", "gpus": "1"}]}]}
REPLICA = {"subgroup": "s", "role": "r", "node": "n1", "devices": [{"index": "0"}]}
OLD = {"workload": {**WORK, "id": "old"}, "replicas": [REPLICA]}


def put(**fields: Any) -> pb.PutFabricRequest:
    message = json_format.ParseDict({"fleet": FLEET, **fields}, pb.PutFabricRequest())
    assert isinstance(message, pb.PutFabricRequest)
    return message


def place(**fields: Any) -> pb.PlaceRequest:
    message = json_format.ParseDict({"workloads": [WORK], **fields}, pb.PlaceRequest())
    assert isinstance(message, pb.PlaceRequest)
    return message


def refusal(case: Snapshot, **_: object) -> Decision:
    """A lawful answer that places nothing."""
    unplaced = tuple(Unplaced(workload=w.id, verdict=Verdict.NOT_FOUND) for w in case.case.workloads)
    return Decision(case_id=case.case_id, status=Status.FEASIBLE, unplaced=unplaced)


class Scripted:
    """Refuses everything, remembers the cases, and can be held until the test lets it go on."""

    def __init__(self) -> None:
        self.cases: list[Case] = []
        self.left_s: list[float | None] = []
        self.go = threading.Event()
        self.go.set()
        self.cancelled = 0

    def __call__(
        self, case: Snapshot, *, cancelled: Callable[[], bool], deadline: float | None, warm: Decision | None = None
    ) -> Decision:
        assert case.fabric.fleet == case.case.fleet
        self.cases.append(case.case)
        self.left_s.append(None if deadline is None else deadline - time.monotonic())
        until_s = time.monotonic() + 20
        while not self.go.wait(0.01):
            assert time.monotonic() < until_s
            if cancelled():
                self.cancelled += 1
                break
        return refusal(case)

    async def begun(self, count: int) -> None:
        """Wait until that many solves have begun."""
        async with asyncio.timeout(10):
            while len(self.cases) < count:  # noqa: ASYNC110 - the solve runs in a thread
                await asyncio.sleep(0.005)


async def failure(call: Any) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return caught.value.code(), caught.value.details() or ""


async def test_a_fabric_is_put_read_back_and_decided_on(start: Start) -> None:
    script = Scripted()
    at = await start(script)
    version = (await at.stub.PutFabric(put(running=[OLD]))).fabric_version
    held = await at.stub.GetFabric(pb.GetFabricRequest())
    assert (held.fabric_version, held.fleet.nodes[0].id, held.running[0].workload.id) == (
        version,
        "n1",
        "old",
    )
    answer = await at.stub.Place(place(seed="7", nowS="99", workloads=[WORK], useServerState=True))
    assert answer.fabric_version == version
    decision = decode(answer.decision, Decision, "decision")
    assert decision == refusal(Snapshot.of(script.cases[0]))
    assert script.cases[0].running[0].workload.id == "old"
    assert (script.cases[0].seed, script.cases[0].now_s) == (7, 99)
    await at.stub.Place(place())
    assert script.cases[1].running == (), "running work of the server is used only when asked for"


async def test_without_a_fabric_everything_but_put_fails(start: Start) -> None:
    at = await start(refusal)
    for call in (at.stub.Place(place()), at.stub.GetFabric(pb.GetFabricRequest())):
        code, details = await failure(call)
        assert code is grpc.StatusCode.FAILED_PRECONDITION
        assert "PutFabric" in details


async def test_a_stale_version_is_aborted_and_changes_nothing(start: Start) -> None:
    at = await start(refusal)
    first = (await at.stub.PutFabric(put())).fabric_version
    other = {**FLEET, "name": "g"}
    second = (await at.stub.PutFabric(put(fleet=other, expectedVersion=first))).fabric_version
    assert first != second
    for call in (
        at.stub.Place(place(expectedFabricVersion=first)),
        at.stub.PutFabric(put(expectedVersion=first)),
    ):
        code, details = await failure(call)
        assert code is grpc.StatusCode.ABORTED
        assert first in details
        assert second in details
    assert (await at.stub.GetFabric(pb.GetFabricRequest())).fabric_version == second
    assert (await at.stub.Place(place(expectedFabricVersion=second))).fabric_version == second


async def test_a_stored_fabric_is_hidden_from_the_garbage_collector(start: Start) -> None:
    at = await start(refusal)
    gc.unfreeze()
    await at.stub.PutFabric(put())
    assert gc.get_freeze_count() > 0


@pytest.mark.badinput
@pytest.mark.parametrize(
    ("request_", "where"),
    [
        (place(workloads=[{"id": "w"}]), "workloads[0].subgroups"),
        (place(workloads=[WORK, WORK]), "workloads[1].id"),
        (place(running=[{**OLD, "replicas": [{**REPLICA, "node": "gone"}]}]), "running[0].replicas[0].node"),
        (place(seed="-1"), "seed"),
        (put(fleet={**FLEET, "nodes": [NODE, NODE]}), "nodes[1].id"),
        (
            put(running=[{**OLD, "replicas": [{**REPLICA, "devices": [{"index": "8"}]}]}]),
            "replicas[0].devices",
        ),
        (pb.PutFabricRequest(), "fleet"),
    ],
)
async def test_malformed_requests_name_the_field(start: Start, request_: Any, where: str) -> None:
    at = await start(refusal)
    call = at.stub.PutFabric if isinstance(request_, pb.PutFabricRequest) else at.stub.Place
    if call == at.stub.Place:
        await at.stub.PutFabric(put())
    code, details = await failure(call(request_))
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert where in details
    assert "Traceback" not in details


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (Conflict("used before"), grpc.StatusCode.ALREADY_EXISTS, "used before"),
        (MoorageError("plan broke capacity"), grpc.StatusCode.INTERNAL, "plan broke capacity"),
        (RuntimeError("secret"), grpc.StatusCode.INTERNAL, "server log"),
        (ValueError("x" * 9000), grpc.StatusCode.INTERNAL, "server log"),
        (Conflict("x" * 9000), grpc.StatusCode.ALREADY_EXISTS, "xxx..."),
    ],
)
async def test_errors_become_status_codes_and_the_server_lives_on(
    start: Start, error: Exception, code: grpc.StatusCode, said: str
) -> None:
    def fails(
        case: Snapshot, *, cancelled: Callable[[], bool], deadline: float | None, warm: Decision | None = None
    ) -> Decision:
        raise error

    at = await start(fails)
    await at.stub.PutFabric(put())
    found, details = await failure(at.stub.Place(place()))
    assert found is code
    assert said in details
    assert "secret" not in details
    assert await at.stub.GetFabric(pb.GetFabricRequest())


@pytest.mark.parametrize(
    ("fields", "timeout_s", "fits"),
    [
        ({}, None, lambda b: b == Budget(wall_ms=2000)),
        ({"maxSolveTime": "0.5s"}, None, lambda b: b == Budget(wall_ms=500)),
        ({"maxSolveTime": "3600s"}, None, lambda b: b == Budget(wall_ms=600_000)),
        ({"maxSolveTime": "60s"}, 10, lambda b: b.wall_ms is not None and 7000 < b.wall_ms <= 9100),
        ({"maxSolveTime": "0.1s"}, 10, lambda b: b == Budget(wall_ms=100)),
        ({"work": "77"}, 10, lambda b: b == Budget(work=77)),
    ],
)
async def test_the_budget_is_the_smaller_of_wish_and_deadline(
    start: Start, fields: dict[str, Any], timeout_s: float | None, fits: Callable[[Budget], bool]
) -> None:
    script = Scripted()
    at = await start(script)
    await at.stub.PutFabric(put())
    await at.stub.Place(place(**fields), timeout=timeout_s)
    assert fits(script.cases[0].budget), script.cases[0].budget


async def test_a_deadline_without_room_is_refused_before_the_solve(start: Start) -> None:
    script = Scripted()
    at = await start(script, ServerConfig(port=0, limits=Limits(reserve_ms=60_000)))
    await at.stub.PutFabric(put())
    code, details = await failure(at.stub.Place(place(), timeout=30))
    assert code is grpc.StatusCode.DEADLINE_EXCEEDED
    assert "allow more time" in details
    assert not script.cases


async def test_the_wait_for_a_free_thread_counts_against_the_deadline(start: Start) -> None:
    script = Scripted()
    script.go.clear()
    at = await start(script, ServerConfig(port=0, standby=0))
    await at.stub.PutFabric(put())
    first = asyncio.ensure_future(at.stub.Place(place()))
    await script.begun(1)
    second = asyncio.ensure_future(at.stub.Place(place(maxSolveTime="60s"), timeout=4))
    await asyncio.sleep(1)
    script.go.set()
    await asyncio.gather(first, second)
    waited = script.cases[1].budget.wall_ms
    assert waited is not None
    assert waited <= 2900, "4 s minus 1 s of waiting minus the reserve"


async def test_what_the_caller_asked_for_counts_from_the_arrival(start: Start) -> None:
    script = Scripted()
    script.go.clear()
    at = await start(script, ServerConfig(port=0, standby=0, limits=Limits(least_ms=50)))
    await at.stub.PutFabric(put())
    first = asyncio.ensure_future(at.stub.Place(place(maxSolveTime="60s")))
    await script.begun(1)
    later = [
        asyncio.ensure_future(at.stub.Place(place(**f))) for f in ({"maxSolveTime": "9s"}, {"maxSolveTime": "0.2s"})
    ]
    later.append(asyncio.ensure_future(at.stub.Place(place(work="5"))))
    await asyncio.sleep(1)
    script.go.set()
    await asyncio.gather(first, *later)
    seen = dict(zip((case.budget for case in script.cases), script.left_s, strict=True))
    assert seen[Budget(work=5)] is None
    long_s, short_s = seen[Budget(wall_ms=9000)], seen[Budget(wall_ms=200)]
    assert long_s is not None
    assert 5 < long_s <= 8.1, "9 s minus 1 s of waiting"
    assert short_s is not None
    assert 0 < short_s <= 0.05, "all is gone, the least is left"


async def test_other_calls_are_answered_during_a_solve(start: Start) -> None:
    script = Scripted()
    script.go.clear()
    at = await start(script)
    await at.stub.PutFabric(put())
    solving = asyncio.ensure_future(at.stub.Place(place()))
    await script.begun(1)
    assert await at.stub.GetFabric(pb.GetFabricRequest(), timeout=5)
    assert (await at.stub.PutFabric(put(fleet={**FLEET, "name": "g"}), timeout=5)).fabric_version
    script.go.set()
    assert (await solving).fabric_version, "decided on the fabric it began with"


async def test_a_solve_learns_that_its_caller_went_away(start: Start) -> None:
    script = Scripted()
    script.go.clear()
    at = await start(script)
    await at.stub.PutFabric(put())
    call = asyncio.ensure_future(at.stub.Place(place()))
    await script.begun(1)
    call.cancel()
    async with asyncio.timeout(5):
        while not script.cancelled:  # noqa: ASYNC110 - the solve runs in a thread
            await asyncio.sleep(0.005)


async def test_a_repeated_request_id_is_solved_once(start: Start) -> None:
    script = Scripted()
    script.go.clear()
    at = await start(script)
    await at.stub.PutFabric(put())
    calls = [asyncio.ensure_future(at.stub.Place(place(requestId="a"))) for _ in range(3)]
    await script.begun(1)
    calls[0].cancel()  # the first caller goes away, the retries still get the answer
    script.go.set()
    answers = await asyncio.gather(*calls[1:])
    answers.append(await at.stub.Place(place(requestId="a")))
    assert len(script.cases) == 1
    assert all(answer == answers[0] for answer in answers)
    code, details = await failure(at.stub.Place(place(requestId="a", seed="1")))
    assert code is grpc.StatusCode.ALREADY_EXISTS
    assert "'a'" in details
    await at.stub.Place(place(seed="1"))
    await at.stub.Place(place(seed="1"))
    assert len(script.cases) == 3, "without an id nothing is remembered"


async def test_a_failed_request_id_may_be_tried_again(start: Start) -> None:
    at = await start(refusal)
    request = place(requestId="a")
    assert (await failure(at.stub.Place(request)))[0] is grpc.StatusCode.FAILED_PRECONDITION
    await at.stub.PutFabric(put())
    assert (await at.stub.Place(request)).fabric_version


async def test_old_answers_are_forgotten(start: Start) -> None:
    script = Scripted()
    at = await start(script, ServerConfig(port=0, limits=Limits(kept_answers=2)))
    await at.stub.PutFabric(put())
    for key in ("a", "b", "c", "c", "b", "a"):
        await at.stub.Place(place(requestId=key))
    assert len(script.cases) == 4
