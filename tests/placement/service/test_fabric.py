"""Edits, streams, checks, pages and reconciliation."""

from typing import Any

import grpc
import grpc.aio
import pytest
from google.protobuf import json_format

from placement.service.server import ServerConfig
from placement.service.times import Limits
from placement.v1 import placement_pb2 as pb
from tests.placement.service.calls import TWO, FirstFit, details, edit, place, running, work
from tests.placement.service.conftest import Start
from tests.placement.service.test_servicer import OLD, put


async def test_edits_change_the_fabric_and_name_who_sits_there(start: Start) -> None:
    at = await start(FirstFit())
    first = await at.stub.PutFabric(put(fleet=TWO, running=[OLD]))
    asked = await at.stub.EditFabric(edit({"fail": {"part": "n1"}}, validateOnly=True))
    assert (list(asked.nodes), list(asked.affected)) == (["n1"], ["old"])
    assert asked.state_version == first.state_version
    assert asked.fabric_version != first.fabric_version, "the version it would have"
    done = await at.stub.EditFabric(edit({"fail": {"part": "n1"}}, expectedVersion=first.fabric_version))
    assert done.fabric_version == asked.fabric_version
    held = await at.stub.GetFabric(pb.GetFabricRequest())
    assert (held.fabric_version, held.state_version) == (done.fabric_version, done.state_version)
    assert held.fleet.nodes[0].health == pb.HEALTH_FAILED
    assert held.running[0].workload.id == "old", "running work stays until it is released"
    assert (await at.stub.Place(place("a"))).decision.placements[0].replicas[0].node == "n2"
    stale = edit({"restore": {"part": "n1"}}, expectedVersion=first.fabric_version)
    code, found = await details(at.stub.EditFabric(stale))
    assert code is grpc.StatusCode.ABORTED
    assert found["ErrorInfo"].metadata["actual"] == done.fabric_version


async def test_every_kind_of_edit_is_done_in_its_turn(start: Start) -> None:
    at = await start(FirstFit())
    await at.stub.PutFabric(put(fleet=TWO))
    done = await at.stub.EditFabric(
        edit(
            {"add": {"kind": "n1", "count": "1", "at": "rack:r2"}},
            {"derate": {"part": "n2", "gpus": "3"}},
            {"relabel": {"part": "n1", "path": {"rack": "r7"}, "labels": {"pool": "fast"}}},
            {"fail": {"part": "rack:r7"}},
            {"restore": {"part": "n1"}},
            {"drain": {"part": "n2"}},
        )
    )
    held = {node.id: node for node in (await at.stub.GetFabric(pb.GetFabricRequest())).fleet.nodes}
    assert sorted(done.nodes) == sorted(held)
    added = held["n1-add1-0000"]
    assert (dict(added.path), added.gpu_count, added.health) == ({"rack": "r2"}, 8, pb.HEALTH_HEALTHY)
    n1, n2 = held["n1"], held["n2"]
    assert (dict(n1.path), dict(n1.labels), n1.health) == ({"rack": "r7"}, {"pool": "fast"}, pb.HEALTH_HEALTHY)
    assert (len(n2.unhealthy_gpus), n2.health) == (5, pb.HEALTH_CORDONED)


@pytest.mark.badinput
async def test_one_bad_edit_undoes_all(start: Start) -> None:
    at = await start(FirstFit())
    first = await at.stub.PutFabric(put(fleet=TWO))
    code, found = await details(at.stub.EditFabric(edit({"fail": {"part": "n1"}}, {"drain": {"part": "n3"}})))
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert found["BadRequest"].field_violations[0].field.startswith("edits[1]")
    assert (await at.stub.GetFabric(pb.GetFabricRequest())).fabric_version == first.fabric_version


async def test_a_fleet_in_parts_is_the_same_fleet(start: Start) -> None:
    at = await start(FirstFit())
    whole = put(fleet=TWO, running=[OLD])
    head = put(fleet=TWO)
    parts = [pb.PutFabricRequest(fleet=pb.Fleet(nodes=[node])) for node in whole.fleet.nodes]
    del head.fleet.nodes[:]
    parts = [head, *parts, pb.PutFabricRequest(running=whole.running)]

    async def send() -> Any:
        for part in parts:
            yield pb.PutFabricStreamRequest(part=part)

    answer = await at.stub.PutFabricStream(send())
    assert answer.fabric_version == (await at.stub.PutFabric(whole)).fabric_version
    assert set(await running(at)) == {"old"}


@pytest.mark.badinput
async def test_a_stream_that_is_empty_too_long_or_malformed_changes_nothing(start: Start) -> None:
    at = await start(FirstFit(), ServerConfig(port=0, limits=Limits(stream_mib=1)))
    first = await at.stub.PutFabric(put())
    large = pb.PutFabricStreamRequest(part=pb.PutFabricRequest(expected_version="x" * 700_000))
    broken = pb.PutFabricStreamRequest(part=pb.PutFabricRequest(fleet=pb.Fleet(name="f")))
    broken.part.fleet.nodes.add(id="n")
    streams: list[tuple[list[pb.PutFabricStreamRequest], str]] = [([], "part"), ([large, large], "part")]
    streams.append(([broken], "fleet.nodes[0]"))
    for parts, field in streams:
        code, found = await details(at.stub.PutFabricStream(iter(parts)))
        assert code is grpc.StatusCode.INVALID_ARGUMENT
        assert found["BadRequest"].field_violations[0].field.startswith(field)
    assert (await at.stub.GetFabric(pb.GetFabricRequest())).state_version == first.state_version


async def test_check_judges_placements_of_any_origin(start: Start) -> None:
    at = await start(FirstFit())
    await at.stub.PutFabric(put(running=[OLD]))
    request = pb.CheckRequest(use_server_state=True, workloads=[json_format.ParseDict(work("a"), pb.Workload())])
    seat = request.placements.add(workload="a").replicas.add(subgroup="s", role="r", node="n1")
    seat.devices.add(index=0)
    assert "n1" in (await at.stub.Check(request)).violations[0], "the running work holds that device"
    seat.devices[0].index = 1
    assert not (await at.stub.Check(request)).violations
    del seat.devices[:]
    assert not (await at.stub.Check(request)).violations, "devices are found where none are named"


async def test_pages_take_a_filter_and_refuse_foreign_tokens(start: Start) -> None:
    at = await start(FirstFit())
    await at.stub.PutFabric(put())
    await at.stub.Place(place(*(f"w{row}" for row in range(5))))
    assert list(await running(at)) == [f"w{row}" for row in range(5)]
    page = await at.stub.ListPlacements(pb.ListPlacementsRequest(page_size=3))
    await at.stub.Release(pb.ReleaseRequest(workloads=["w0", "w3"]))
    rest = await at.stub.ListPlacements(pb.ListPlacementsRequest(page_token=page.next_page_token))
    assert [one.workload.id for one in rest.running] == ["w4"], "nothing is shifted, nothing shown twice"
    assert not (await at.stub.ListPlacements(pb.ListPlacementsRequest(tenant="nobody"))).running
    assert len((await at.stub.ListPlacements(pb.ListPlacementsRequest(tenant="default"))).running) == 3
    token = page.next_page_token
    for request in (
        *(pb.ListPlacementsRequest(page_token=forged) for forged in ("x", "WzFd", "bnVsbA==")),
        pb.ListPlacementsRequest(page_token=token, tenant="other"),
        pb.ListPlacementsRequest(page_size=1001),
        pb.ListPlacementsRequest(page_size=-1),
    ):
        code, found = await details(at.stub.ListPlacements(request))
        assert code is grpc.StatusCode.INVALID_ARGUMENT
        assert found["BadRequest"].field_violations[0].field in {"page_token", "tenant", "page_size"}


def listed(name: str, device: int, node: str = "n1") -> pb.Running:
    replica = {"subgroup": "s", "role": "r", "node": node, "devices": [{"index": str(device)}]}
    message = json_format.ParseDict({"workload": work(name), "replicas": [replica]}, pb.Running())
    assert isinstance(message, pb.Running)
    return message


async def test_reconcile_tells_the_differences_and_adopts_them(start: Start) -> None:
    at = await start(FirstFit())
    await at.stub.PutFabric(put(running=[OLD]))
    first = await at.stub.Place(place("young", "gone"))
    theirs = [listed("old", 5), listed("new", 5)]
    told = await at.stub.Reconcile(pb.ReconcileRequest(running=theirs))
    assert {one.workload: one.kind for one in told.differences} == {
        "old": pb.DIFFERENCE_KIND_CHANGED,
        "new": pb.DIFFERENCE_KIND_UNKNOWN,
        "young": pb.DIFFERENCE_KIND_MISSING,
        "gone": pb.DIFFERENCE_KIND_MISSING,
    }
    assert not told.adopted
    assert told.state_version == first.reserved_version, "telling changes nothing"
    assert any("n1" in hold.subject + hold.detail for hold in told.holds), "device 5 is used twice by their list"
    stale = pb.ReconcileRequest(running=theirs, adopt=True, expected_state_version="x")
    assert (await details(at.stub.Reconcile(stale)))[0] is grpc.StatusCode.ABORTED
    kept = await at.stub.Reconcile(pb.ReconcileRequest(running=theirs, adopt=True, grace_s=600))
    assert {one.workload for one in kept.differences} == {"old", "new"}, "young reservations may be missing"
    assert set(await running(at)) == {"old", "new", "young", "gone"}
    await at.stub.Reconcile(pb.ReconcileRequest(running=theirs, adopt=True))
    assert await running(at) == {"old": [("n1", 5)], "new": [("n1", 5)]}
    same = await at.stub.Reconcile(pb.ReconcileRequest(running=theirs, adopt=True))
    assert not same.differences
    assert same.adopted
