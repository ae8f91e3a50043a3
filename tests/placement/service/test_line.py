"""The line before the solver: who is decided together, who waits, who does not."""

import asyncio
import threading
from typing import Any

import grpc
import pytest

from placement.errors import InputError
from placement.model import Decision
from placement.service.server import ServerConfig
from placement.service.times import Limits
from placement.snapshot import Snapshot
from placement.v1 import placement_pb2 as pb
from tests.placement.service.calls import TWO, FirstFit, details, edit, place, running
from tests.placement.service.conftest import Start
from tests.placement.service.test_servicer import FLEET, NODE, put

FOUR = {**FLEET, "nodes": [{**NODE, "id": f"n{row}"} for row in range(4)]}

AS_N3 = {"kind": "n3", "count": "1"}


def batches(first_fit: FirstFit) -> list[list[str]]:
    """Workload ids of each decision."""
    return [[workload.id for workload in case.workloads] for case in first_fit.cases]


async def held(start: Start, fleet: Any = FOUR) -> tuple[Any, FirstFit, asyncio.Task[Any]]:
    """A server whose first decision is held back, and that call."""
    first_fit = FirstFit()
    at = await start(first_fit)
    await at.stub.PutFabric(put(fleet=fleet))
    first_fit.gate.clear()
    first = asyncio.ensure_future(at.stub.Place(place("first", maxSolveTime="5s")))
    await first_fit.begun(1)
    return at, first_fit, first


def later(at: Any, name: str, **fields: Any) -> asyncio.Task[Any]:
    return asyncio.ensure_future(at.stub.Place(place(name, **{"maxSolveTime": "6s", **fields})))


async def test_calls_that_wait_are_decided_together_and_answered_apart(start: Start) -> None:
    at, first_fit, first = await held(start)
    waiting = [later(at, name) for name in "abc"]
    await asyncio.sleep(0.2)
    first_fit.gate.set()
    answers = await asyncio.gather(*waiting)
    assert (await first).reserved_version
    assert batches(first_fit) == [["first"], ["a", "b", "c"]]
    for name, answer in zip("abc", answers, strict=True):
        assert [one.workload for one in answer.decision.placements] == [name]
        assert answer.decision.case_id == answers[0].decision.case_id
        assert not answer.decision.unplaced
        assert answer.state_version == answers[0].state_version
    assert set(await running(at)) == {"first", "a", "b", "c"}


async def test_who_was_just_answered_comes_back_into_the_next_batch(start: Start) -> None:
    first_fit = FirstFit()
    at = await start(first_fit, ServerConfig(port=0, limits=Limits(gather_ms=400)))
    await at.stub.PutFabric(put(fleet=FOUR))
    first_fit.gate.clear()
    rounds = [[later(at, "first")]]
    await first_fit.begun(1)
    rounds.append([later(at, name) for name in "abc"])
    await asyncio.sleep(0.2)
    first_fit.gate.set()
    await asyncio.gather(*rounds[0], *rounds[1])
    again = [later(at, "d")]
    await asyncio.sleep(0.1)
    again += [later(at, name) for name in "ef"]
    await asyncio.gather(*again)
    alone = await at.stub.Place(place("g", maxSolveTime="6s"))
    assert alone.reserved_version
    assert batches(first_fit) == [["first"], ["a", "b", "c"], ["d", "e", "f"], ["g"]]


async def test_only_like_calls_share_a_decision(start: Start) -> None:
    at, first_fit, first = await held(start)
    others: tuple[dict[str, Any], ...] = ({"seed": "1"}, {"nowS": "5"}, {"tenants": [{"name": "t"}]}, {"name": "a"})
    waiting = [later(at, "a"), later(at, "b")]
    waiting += [later(at, fields.pop("name", f"other{row}"), **fields) for row, fields in enumerate(map(dict, others))]
    await asyncio.sleep(0.3)
    first_fit.gate.set()
    found = await asyncio.gather(*waiting, first, return_exceptions=True)
    assert ["a", "b"] in batches(first_fit)
    assert sorted(one for one in batches(first_fit) if "other" in one[0]) == [["other0"], ["other1"], ["other2"]]
    assert sum(isinstance(one, grpc.aio.AioRpcError) for one in found) == 1, "of two of one name, one runs"
    assert set(await running(at)) == {"first", "a", "b", "other0", "other1", "other2"}


async def test_who_is_in_a_hurry_does_not_wait(start: Start) -> None:
    at, first_fit, first = await held(start)
    hurried = later(at, "hurried", maxSolveTime="0.3s")
    await first_fit.begun(2)
    assert not first.done()
    first_fit.gate.set()
    await asyncio.gather(hurried, first)
    assert batches(first_fit)[:2] == [["first"], ["hurried"]]
    assert set(await running(at)) == {"first", "hurried"}


async def test_calls_that_reserve_nothing_do_not_stand_in_line(start: Start) -> None:
    at, first_fit, first = await held(start)
    free = [later(at, "a", validateOnly=True), later(at, "b", useServerState=False)]
    await first_fit.begun(3)
    first_fit.gate.set()
    await asyncio.gather(*free, first)
    assert sorted(batches(first_fit)) == [["a"], ["b"], ["first"]]


async def test_who_goes_away_gets_nothing_and_costs_the_others_nothing(start: Start) -> None:
    at, first_fit, first = await held(start)
    waiting = [later(at, name) for name in "abc"]
    await asyncio.sleep(0.2)
    waiting[0].cancel()
    await asyncio.sleep(0.2)
    second_gate = threading.Event()
    first_gate, first_fit.gate = first_fit.gate, second_gate
    first_gate.set()
    await first_fit.begun(2)
    waiting[1].cancel()
    await asyncio.sleep(0.2)
    second_gate.set()
    await asyncio.gather(first, waiting[2])
    assert batches(first_fit) == [["first"], ["b", "c"]], "a left before, b in the midst of it"
    assert set(await running(at)) == {"first", "c"}


async def test_an_edited_node_costs_only_those_who_sit_there(start: Start) -> None:
    at, first_fit, first = await held(start)
    waiting = [asyncio.ensure_future(at.stub.Place(place(name, gpus=8, maxSolveTime="6s"))) for name in "ab"]
    await asyncio.sleep(0.2)
    second_gate = threading.Event()
    first_gate, first_fit.gate = first_fit.gate, second_gate
    first_gate.set()
    await first_fit.begun(2)
    await at.stub.EditFabric(edit({"drain": {"part": "n1"}}))
    second_gate.set()
    await asyncio.gather(first, *waiting)
    assert batches(first_fit) == [["first"], ["a", "b"], ["a"]], "a was to sit on n1"
    assert {name: seats[0][0] for name, seats in (await running(at)).items()} == {"first": "n0", "a": "n3", "b": "n2"}


@pytest.mark.badinput
async def test_what_is_wrong_with_one_is_no_fault_of_the_others(start: Start) -> None:
    class Picky(FirstFit):
        def __call__(self, case: Snapshot, **more: Any) -> Decision:
            found = super().__call__(case, **more)
            if any(workload.id == "bad" for workload in case.case.workloads):
                raise InputError("policy", "a weight is too large", "lower it")
            return found

    picky = Picky()
    at = await start(picky)
    await at.stub.PutFabric(put(fleet=TWO))
    picky.gate.clear()
    first = later(at, "first")
    await picky.begun(1)
    waiting = [later(at, name) for name in ("a", "bad", "b")]
    bad = asyncio.ensure_future(details(waiting[1]))
    await asyncio.sleep(0.2)
    picky.gate.set()
    code, found = await bad
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert found["BadRequest"].field_violations[0].field == "policy"
    await asyncio.gather(first, waiting[0], waiting[2])
    assert set(await running(at)) == {"first", "a", "b"}


async def test_what_was_reserved_stays_so_when_the_second_try_fails(start: Start) -> None:
    class Flaky(FirstFit):
        def __call__(self, case: Snapshot, **more: Any) -> Decision:
            found = super().__call__(case, **more)
            if len(self.cases) == 3:
                raise RuntimeError("once")
            return found

    flaky = Flaky()
    at = await start(flaky)
    await at.stub.PutFabric(put(fleet=FOUR))
    flaky.gate.clear()
    first = later(at, "first")
    await flaky.begun(1)
    waiting = [asyncio.ensure_future(at.stub.Place(place(name, gpus=8, maxSolveTime="6s"))) for name in "abc"]
    await asyncio.sleep(0.2)
    second_gate = threading.Event()
    first_gate, flaky.gate = flaky.gate, second_gate
    first_gate.set()
    await flaky.begun(2)
    await at.stub.EditFabric(edit({"restore": {"part": "n0"}}, {"drain": {"part": "n1"}}, {"add": AS_N3}))
    second_gate.set()
    answers = await asyncio.gather(first, *waiting)
    assert batches(flaky) == [["first"], ["a", "b", "c"], ["a"], ["a"]], "a was to sit on n1; the third call failed"
    assert all(answer.reserved_version for answer in answers)
    assert set(await running(at)) == {"first", "a", "b", "c"}


@pytest.mark.badinput
async def test_a_name_that_occurs_twice_is_refused_before_the_line(start: Start) -> None:
    at = await start(FirstFit())
    await at.stub.PutFabric(put())
    code, found = await details(at.stub.Place(place("a", "a")))
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert found["BadRequest"].field_violations[0].field == "workloads[1].id"
    assert not (await at.stub.ListPlacements(pb.ListPlacementsRequest())).running
