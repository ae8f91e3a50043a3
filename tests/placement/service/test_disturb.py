"""Reservations that move or end running work; what-if, journal and input limits through the service."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import grpc
import grpc.aio
import pytest
from google.protobuf import json_format

from placement.journal import FolderJournal
from placement.limits import InputLimits
from placement.model import Case, Decision
from placement.service.placing import Decide
from placement.service.server import Server, ServerConfig, warm_engine
from placement.service.wire import decode
from placement.v1 import placement_pb2 as pb
from placement.v1 import placement_pb2_grpc
from placement.verify import verify
from tests.placement.service.calls import TWO, FirstFit, details, edit, place, running, work
from tests.placement.service.conftest import Start
from tests.placement.service.test_metrics import samples
from tests.placement.service.test_servicer import FLEET, NODE, put

POOR = {**work("poor", 8), "tier": "9", "priority": "0"}
SEATS = {"subgroup": "s", "role": "r", "node": "n1", "devices": [{"index": str(row)} for row in range(8)]}
EVICTABLE = {"workload": POOR, "replicas": [SEATS], "evictable": True}


@pytest.fixture(scope="module")
def engine() -> Iterator[Decide]:
    with warm_engine() as found:
        yield found


def important(name: str) -> pb.PlaceRequest:
    message = place(name, gpus=8, maxSolveTime="2s")
    message.workloads[0].tier = 0
    message.workloads[0].priority = 1000
    return message


async def test_evicted_work_is_gone_with_the_reservation(start: Start, engine: Decide) -> None:
    at = await start(engine)
    await at.stub.PutFabric(put(running=[EVICTABLE]))
    asked = important("rich")
    asked.validate_only = True
    told = await at.stub.Place(asked)
    assert [one.workload for one in told.decision.evictions] == ["poor"]
    assert set(await running(at)) == {"poor"}, "only asked"
    done = await at.stub.Place(important("rich"))
    assert [one.workload for one in done.decision.evictions] == ["poor"]
    assert done.reserved_version
    assert set(await running(at)) == {"rich"}


async def test_moved_work_is_where_it_was_moved_to(start: Start, engine: Decide) -> None:
    at = await start(engine)
    small = {"workload": work("small", 2), "movable": True}
    small["replicas"] = [{**SEATS, "devices": [{"index": "0"}, {"index": "1"}]}]
    other = {**NODE, "id": "n2", "path": {"rack": "r2"}, "gpuCount": "4"}
    await at.stub.PutFabric(put(fleet={**FLEET, "nodes": [NODE, other]}, running=[small]))
    done = await at.stub.Place(important("large"))
    assert [(one.workload, one.moved) for one in done.decision.moves] == [("small", 1)]
    held = await running(at)
    assert {node for node, _ in held["small"]} == {"n2"}
    assert {node for node, _ in held["large"]} == {"n1"}


async def test_work_that_runs_with_too_few_replicas_grows_with_a_reservation(start: Start, engine: Decide) -> None:
    """It may not be disturbed; the server holds what it gets, and the next decision leaves it alone."""
    at = await start(engine)
    wanting = work("few", 2)
    wanting["subgroups"][0]["roles"][0] |= {"replicas": "4", "minReplicas": "1"}
    few = {"workload": wanting, "replicas": [{**SEATS, "devices": [{"index": "0"}, {"index": "1"}]}]}
    await at.stub.PutFabric(put(running=[few]))
    done = await at.stub.Place(place("one", gpus=2, maxSolveTime="2s"))
    (told,) = done.decision.growths
    assert (told.workload, told.role, told.before, told.after, len(told.added)) == ("few", "r", 1, 3, 2)
    assert done.reserved_version
    held = await running(at)
    assert (len(held["few"]), len(held["one"])) == (6, 2)
    assert {("n1", 0), ("n1", 1)} <= set(held["few"])
    case = Case.from_json((await at.stub.GetCase(pb.GetCaseRequest(case_id=done.decision.case_id))).case_json)
    assert verify(case, decode(done.decision, Decision, "decision")) == ()
    await at.stub.Release(pb.ReleaseRequest(workloads=["one"]))
    again = await at.stub.Place(place("two", gpus=2, maxSolveTime="2s"))
    assert not again.decision.growths, "what waits and is worth as much comes first"
    assert {name: len(seats) for name, seats in (await running(at)).items()} == {"few": 6, "two": 2}


async def test_what_if_compares_and_changes_nothing(start: Start, engine: Decide) -> None:
    at = await start(engine)
    before = await at.stub.PutFabric(put(fleet=TWO))
    request = pb.WhatIfRequest(place=place("a", "b", gpus=8, maxSolveTime="1s"))
    request.edits.extend(edit({"fail": {"part": "n2"}}).edits)
    json_format.ParseDict({"policy.price.weight": 2}, request.set)
    found = await at.stub.WhatIf(request, timeout=60)
    assert (len(found.before.placements), len(found.after.placements)) == (2, 1)
    assert [fate.kind for fate in found.comparison.fates].count("lost") == 1
    assert next(t for t in found.comparison.terms if t.name == "price").weight_after == 2
    assert found.state_version == before.state_version
    assert not await running(at)
    request.edits.extend(edit({"drain": {"part": "nowhere"}}).edits)
    code, told = await details(at.stub.WhatIf(request))
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert told["BadRequest"].field_violations[0].field.startswith("edits[1]")


async def test_a_decision_can_be_fetched_with_its_case_and_checked(start: Start, engine: Decide) -> None:
    at = await start(engine)
    await at.stub.PutFabric(put(fleet=TWO))
    answer = await at.stub.Place(place("a", "b", gpus=3, maxSolveTime="1s"))
    found = await at.stub.GetCase(pb.GetCaseRequest(case_id=answer.decision.case_id[:12]))
    case = Case.from_json(found.case_json)
    decision = decode(found.decision, Decision, "decision")
    assert decision == decode(answer.decision, Decision, "decision")
    assert verify(case, decision) == ()
    assert not found.HasField("warm")
    on = place("c", gpus=1, maxSolveTime="1s")
    on.warm.CopyFrom(answer.decision)
    after = await at.stub.Place(on)
    assert (await at.stub.GetCase(pb.GetCaseRequest(case_id=after.decision.case_id))).warm == answer.decision
    assert (await details(at.stub.GetCase(pb.GetCaseRequest(case_id="0" * 64))))[0] is grpc.StatusCode.NOT_FOUND
    code, told = await details(at.stub.GetCase(pb.GetCaseRequest(case_id="no id")))
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert told["BadRequest"].field_violations[0].field == "case_id"


async def test_a_folder_has_every_decision_once_the_server_ended(tmp_path: Path) -> None:
    server = await Server.start(ServerConfig(port=0), FirstFit(), journal=FolderJournal(tmp_path))
    async with grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        stub = placement_pb2_grpc.PlacementServiceStub(channel)  # type: ignore[no-untyped-call]
        await stub.PutFabric(put())
        ids = [(await stub.Place(place(name))).decision.case_id for name in "abc"]
    await server.drain(1)
    assert set(FolderJournal(tmp_path).ids()) == set(ids)


@pytest.mark.badinput
async def test_what_is_too_large_is_refused_whole(start: Start) -> None:
    limits = InputLimits(nodes=2, workloads=2, running=1, replicas_per_role=4, replicas=6)
    at = await start(FirstFit(), ServerConfig(port=0, inputs=limits))
    await at.stub.PutFabric(put(fleet=TWO))
    three = {**TWO, "nodes": [{**NODE, "id": f"n{row}"} for row in range(3)]}
    gang = place("a")
    gang.workloads[0].subgroups[0].roles[0].replicas = 5
    some = [{"workload": work(name), "replicas": [{**SEATS, "devices": [{"index": "0"}]}]} for name in "ab"]
    listed = json_format.ParseDict({"running": some}, pb.ReconcileRequest())
    for call, field in (
        (at.stub.PutFabric(put(fleet=three)), "fleet.nodes"),
        (at.stub.PutFabric(put(fleet=TWO, running=some)), "running"),
        (at.stub.Place(place("a", "b", "c")), "workloads"),
        (at.stub.Place(gang), "workloads[0].subgroups[0].roles[0].replicas"),
        (at.stub.WhatIf(pb.WhatIfRequest(place=place("a", "b", "c"))), "workloads"),
        (at.stub.Check(pb.CheckRequest(workloads=place("a", "b", "c").workloads)), "workloads"),
        (at.stub.EditFabric(edit({"add": {"kind": "n1", "count": "1"}})), "edits.nodes"),
        (at.stub.Reconcile(listed), "running"),
    ):
        code, found = await details(call)
        assert code is grpc.StatusCode.INVALID_ARGUMENT
        assert found["BadRequest"].field_violations[0].field == field
    assert not await running(at)


@pytest.mark.badinput
async def test_a_message_beyond_the_limit_is_refused_with_its_mend_and_counted(start: Start) -> None:
    inputs = InputLimits(message_bytes=4096)
    at = await start(FirstFit(), ServerConfig(port=0, inputs=inputs, metrics_port=0))
    await at.stub.PutFabric(put(fleet=TWO))
    large = place("a" * 200, "b")
    large.request_id = "x" * (4097 - large.ByteSize() - 3)
    assert large.ByteSize() == 4097
    part = pb.PutFabricStreamRequest(part=pb.PutFabricRequest(expected_version="x" * 5000))

    async def parts() -> AsyncIterator[pb.PutFabricStreamRequest]:
        yield part

    for call, size in ((at.stub.Place(large), "4,097"), (at.stub.PutFabricStream(parts()), f"{part.ByteSize():,}")):
        code, found = await details(call)
        assert code is grpc.StatusCode.INVALID_ARGUMENT
        violation = found["BadRequest"].field_violations[0]
        assert (violation.field, size in violation.description) == ("request", True)
        assert "--max-message-bytes" in violation.description
    assert not await running(at)
    fits = place("a" * 200, "b")
    fits.request_id = "x" * 200
    assert (await at.stub.Place(fits)).decision.placements
    counted = await asyncio.to_thread(samples, at.server.metrics_port or 0)
    assert counted["moorage_calls_total", (("code", "INVALID_ARGUMENT"), ("method", "Place"))] == 1
