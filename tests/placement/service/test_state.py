"""What Place and Release do to the state: reservations, conflicts, repeated calls, errors."""

import asyncio
import threading

import grpc
import grpc.aio
import pytest

from placement.model import Case
from placement.service.server import ServerConfig
from placement.service.times import Limits
from placement.snapshot import Snapshot
from placement.v1 import placement_pb2 as pb
from placement.verify import verify_placements
from tests.placement.service.calls import TWO, FirstFit, details, edit, place, running
from tests.placement.service.conftest import Start
from tests.placement.service.test_servicer import FLEET, NODE, OLD, failure, put


async def test_what_is_placed_is_reserved_until_it_is_released(start: Start) -> None:
    at = await start(FirstFit())
    put_ = await at.stub.PutFabric(put(running=[OLD]))
    answer = await at.stub.Place(place("a", "b", gpus=3))
    assert answer.state_version == put_.state_version
    assert answer.reserved_version not in ("", put_.state_version)
    held = await running(at)
    assert {name: len(seats) for name, seats in held.items()} == {"a": 3, "b": 3, "old": 1}
    assert len({seat for seats in held.values() for seat in seats}) == 7, "no device twice"
    full = await at.stub.Place(place("c", gpus=2))
    assert full.decision.unplaced[0].workload == "c"
    assert not full.HasField("reserved_version"), "nothing was placed, nothing is reserved"
    freed = await at.stub.Release(pb.ReleaseRequest(workloads=["a", "gone", "a"]))
    assert (list(freed.released), list(freed.unknown)) == (["a"], ["gone"])
    again = await at.stub.Release(pb.ReleaseRequest(workloads=["a"]))
    assert (list(again.unknown), again.state_version) == (["a"], freed.state_version), "it changed nothing"
    assert (await at.stub.Place(place("c", gpus=2))).HasField("reserved_version")
    assert set(await running(at)) == {"b", "c", "old"}


async def test_validate_only_and_foreign_state_reserve_nothing(start: Start) -> None:
    at = await start(FirstFit())
    before = await at.stub.PutFabric(put())
    for request in (place("a", validateOnly=True), place("a", useServerState=False, running=[OLD])):
        answer = await at.stub.Place(request)
        assert answer.decision.placements
        assert not answer.HasField("reserved_version")
        assert answer.state_version == before.state_version
    assert await running(at) == {}


async def test_a_workload_that_runs_is_not_placed_twice(start: Start) -> None:
    at = await start(FirstFit())
    await at.stub.PutFabric(put(running=[OLD]))
    code, found = await details(at.stub.Place(place("a", "old")))
    assert code is grpc.StatusCode.FAILED_PRECONDITION
    violation = found["PreconditionFailure"].violations[0]
    assert (violation.type, violation.subject) == ("NOT_RUNNING", "old")
    assert set(await running(at)) == {"old"}, "no partial effect"


async def test_placements_that_still_fit_are_kept_although_the_state_moved_on(start: Start) -> None:
    first_fit = FirstFit()
    at = await start(first_fit)
    first = await at.stub.PutFabric(put(fleet=TWO))
    first_fit.gate.clear()
    slow = asyncio.ensure_future(at.stub.Place(place("a", gpus=8)))
    await first_fit.begun(1)
    moved = await at.stub.EditFabric(edit({"drain": {"part": "n2"}}))
    first_fit.gate.set()
    answer = await slow
    assert answer.state_version == first.state_version
    assert answer.reserved_version not in (first.state_version, moved.state_version)
    assert len(first_fit.cases) == 1, "it was not decided again"


async def test_of_two_that_want_the_same_room_one_is_decided_again(start: Start) -> None:
    first_fit = FirstFit()
    at = await start(first_fit)
    await at.stub.PutFabric(put(fleet=TWO))
    first_fit.gate.clear()
    calls = [asyncio.ensure_future(at.stub.Place(place(name, gpus=8))) for name in ("a", "b")]
    await first_fit.begun(2)
    first_fit.gate.set()
    answers = await asyncio.gather(*calls)
    assert len(first_fit.cases) == 3
    assert [one is not None for one in first_fit.warm] == [False, False, True], "it goes on from the first try"
    assert {(await running(at))[name][0][0] for name in ("a", "b")} == {"n1", "n2"}
    assert len({answer.reserved_version for answer in answers}) == 2


async def test_who_loses_twice_is_aborted_and_may_retry(start: Start) -> None:
    first_fit = FirstFit()
    at = await start(first_fit)
    await at.stub.PutFabric(put(fleet=TWO))
    first_fit.gate.clear()
    slow = asyncio.ensure_future(details(at.stub.Place(place("a", gpus=8, requestId="retry"))))
    await first_fit.begun(1)
    await at.stub.EditFabric(edit({"drain": {"part": "n1"}}))
    first_fit.gate.set()
    first_fit.gate = threading.Event()
    await first_fit.begun(2)
    await at.stub.EditFabric(edit({"restore": {"part": "n1"}}, {"drain": {"part": "n2"}}))
    first_fit.gate.set()
    code, found = await slow
    assert code is grpc.StatusCode.ABORTED
    assert found["RetryInfo"].retry_delay.ToMilliseconds() > 0
    assert await running(at) == {}
    assert (await at.stub.Place(place("a", gpus=8, requestId="retry"))).HasField("reserved_version")


async def test_a_request_id_keeps_a_change_from_happening_twice(start: Start) -> None:
    at = await start(FirstFit())
    await at.stub.PutFabric(put())
    placed = [await at.stub.Place(place("a", requestId="1")) for _ in range(2)]
    assert placed[0] == placed[1]
    freed = [await at.stub.Release(pb.ReleaseRequest(request_id="2", workloads=["a"])) for _ in range(2)]
    assert [list(one.released) for one in freed] == [["a"], ["a"]]
    added = [await at.stub.EditFabric(edit({"add": {"kind": "n1", "count": "1"}}, requestId="3")) for _ in range(2)]
    assert added[0] == added[1]
    assert len((await at.stub.GetFabric(pb.GetFabricRequest())).fleet.nodes) == 2
    for call in (
        at.stub.Place(place("b", requestId="1")),
        at.stub.Release(pb.ReleaseRequest(request_id="1", workloads=["a"])),
    ):
        code, found = await details(call)
        assert code is grpc.StatusCode.ALREADY_EXISTS
        assert found["ErrorInfo"].reason == "REQUEST_ID_REUSED"


async def test_more_calls_than_may_wait_are_refused(start: Start) -> None:
    first_fit = FirstFit()
    first_fit.gate.clear()
    at = await start(first_fit, ServerConfig(port=0, limits=Limits(waiting=2)))
    await at.stub.PutFabric(put())
    waiting = [asyncio.ensure_future(at.stub.Place(place(name))) for name in ("a", "b")]
    await first_fit.begun(2)
    code, found = await details(at.stub.Place(place("c")))
    assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert found["QuotaFailure"].violations[0].subject == "server"
    assert found["RetryInfo"].retry_delay.ToMilliseconds() > 0
    first_fit.gate.set()
    assert all(answer.HasField("reserved_version") for answer in await asyncio.gather(*waiting))


async def test_many_clients_never_book_a_device_twice(start: Start) -> None:
    at = await start(FirstFit())
    nodes = [{**NODE, "id": f"n{row}", "gpuCount": "4"} for row in range(4)]
    await at.stub.PutFabric(put(fleet={**FLEET, "nodes": nodes}))
    outcomes: list[str] = []

    async def client(number: int) -> None:
        for row in range(4):
            name = f"c{number}-{row}"
            try:
                answer = await at.stub.Place(place(name, gpus=2))
            except grpc.aio.AioRpcError as error:
                outcomes.append(error.code().name)
                continue
            outcomes.append("PLACED" if answer.HasField("reserved_version") else "FULL")
            if row % 2:
                await at.stub.Release(pb.ReleaseRequest(workloads=[name]))

    await asyncio.gather(*map(client, range(8)))
    assert set(outcomes) <= {"PLACED", "FULL", "ABORTED"}
    seats = [seat for held in (await running(at)).values() for seat in held]
    assert len(seats) == len(set(seats))


async def test_without_a_fabric_the_error_says_what_to_do_first(start: Start) -> None:
    at = await start(FirstFit())
    for call in (
        at.stub.Place(place("a")),
        at.stub.Release(pb.ReleaseRequest(workloads=["a"])),
        at.stub.ListPlacements(pb.ListPlacementsRequest()),
        at.stub.Check(pb.CheckRequest()),
        at.stub.EditFabric(edit({"drain": {"part": "n1"}})),
        at.stub.Reconcile(pb.ReconcileRequest()),
        at.stub.GetFabric(pb.GetFabricRequest()),
    ):
        code, found = await details(call)
        assert code is grpc.StatusCode.FAILED_PRECONDITION
        assert found["PreconditionFailure"].violations[0].type == "FABRIC"


@pytest.mark.badinput
async def test_a_bad_field_is_named_in_the_details_and_hostile_text_fits_the_headers(start: Start) -> None:
    at = await start(FirstFit())
    await at.stub.PutFabric(put())
    code, found = await details(at.stub.Place(place("a", seed="-1")))
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert found["BadRequest"].field_violations[0].field == "seed"
    for text in ("\U0001f600" * 5000, "x" * 100_000):
        code, _ = await details(at.stub.EditFabric(edit({"drain": {"part": text[:4000]}})))
        assert code is grpc.StatusCode.INVALID_ARGUMENT
        code, _ = await failure(at.stub.Place(place("a", requestId=text)))
        assert code is grpc.StatusCode.INVALID_ARGUMENT


async def test_the_stand_in_of_these_tests_keeps_the_rules() -> None:
    case = Case.from_json(
        '{"fleet": {"name": "f", "levels": [], "nodes": [{"id": "n1", "path": {}, "gpu_model": "H", "gpu_count": 2,'
        ' "cpu_milli": 9, "memory_mib": 9}]}, "workloads": [{"id": "w", "subgroups": [{"name": "s", "roles":'
        ' [{"name": "r", "gpus": 2}]}]}]}'
    )
    decision = FirstFit()(Snapshot.of(case), cancelled=lambda: False, deadline=None)
    assert verify_placements(case, decision.placements) == ()
