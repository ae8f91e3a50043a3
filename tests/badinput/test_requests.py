"""Malformed requests: INVALID_ARGUMENT with the field and the mend, and the server as it was."""

import math
from collections.abc import Callable
from typing import Any

import grpc
import pytest

from placement.v1 import placement_pb2 as pb
from tests.badinput.base import CASE
from tests.mutate.requests import sound
from tests.mutate.server import Client

pytestmark = pytest.mark.badinput

Change = Callable[[Any], object]


def role(**fields: Any) -> Change:
    """Set fields of the first role."""

    def change(request: Any) -> None:
        for name, value in fields.items():
            setattr(request.workloads[0].subgroups[0].roles[0], name, value)

    return change


def first(owner: str, **fields: Any) -> Change:
    """Set fields of the first entry of a list."""

    def change(request: Any) -> None:
        for name, value in fields.items():
            setattr(getattr(request, owner)[0], name, value)

    return change


def top(**fields: Any) -> Change:
    def change(request: Any) -> None:
        for name, value in fields.items():
            setattr(request, name, value)

    return change


def again(owner: str) -> Change:
    def change(request: Any) -> None:
        rows = getattr(request, owner)
        rows.add().CopyFrom(rows[0])

    return change


def rule(**fields: Any) -> Change:
    def change(request: Any) -> None:
        params = fields.pop("params", {})
        added = request.policy.rules.add(**{"mode": pb.MODE_PREFER, "tier": 4, **fields})
        added.params.update(params)

    return change


def clear(owner: str, field: str) -> Change:
    return lambda request: getattr(request, owner)[0].ClearField(field)


def empty(**fields: Any) -> Change:
    """A batch of no workloads."""

    def change(request: Any) -> None:
        request.ClearField("workloads")
        if "use_server_state" in fields:
            request.ClearField("running")
        top(**fields)(request)

    return change


def duration(seconds: int, nanos: int = 0) -> Change:
    def change(request: Any) -> None:
        request.ClearField("work")
        request.max_solve_time.seconds = seconds
        request.max_solve_time.nanos = nanos

    return change


ADDED = f"policy.rules[{len(CASE.policy.rules)}]"
WEIGHT = "policy.price.weight"
TARIFF = "tariff_micro_usd_kwh"
ROLE = "workloads[0].subgroups[0].roles[0]"
PLACE: tuple[tuple[str, Change, str, str], ...] = (
    ("empty batch", empty(), "workloads", "at least 1 entries"),
    ("empty batch to validate", empty(validate_only=True), "workloads", "at least 1 entries"),
    ("empty batch on the server's state", empty(use_server_state=True), "workloads", "at least 1 entries"),
    ("nothing at all", lambda r: r.Clear(), "workloads", "at least 1 entries"),
    ("no id", clear("workloads", "id"), "workloads[0].id", "add"),
    ("empty id", first("workloads", id=""), "workloads[0].id", "not empty"),
    ("no subgroups", clear("workloads", "subgroups"), "workloads[0].subgroups", "at least 1 entries"),
    ("empty workload", lambda r: r.workloads.add(), "workloads[3].id", "add"),
    ("empty role", lambda r: r.workloads[0].subgroups[0].roles.add(), "roles[1].name", "add"),
    ("negative replicas", role(replicas=-1), f"{ROLE}.replicas", "at least 1"),
    ("no replicas", role(replicas=0), f"{ROLE}.replicas", "at least 1"),
    ("huge replicas", role(replicas=2**63 - 1), f"{ROLE}.replicas", "at most"),
    ("negative GPUs", role(gpus=-(2**63)), f"{ROLE}.gpus", "at least 0"),
    ("65 GPUs", role(gpus=65), f"{ROLE}.gpus", "at most 64"),
    ("share above one", role(gpu_milli=1001), f"{ROLE}.gpu_milli", "at most 1000"),
    ("negative memory", role(memory_mib=-1), f"{ROLE}.memory_mib", "at least 0"),
    ("CPU beyond any node", role(cpu_milli=2**31), f"{ROLE}.cpu_milli", "at most"),
    ("kind 99", first("workloads", kind=99), "workloads[0].kind", "KIND_TRAINING"),
    ("tier 10", first("workloads", tier=10), "workloads[0].tier", "at most 9"),
    ("priority 1001", first("workloads", priority=1001), "workloads[0].priority", "at most 1000"),
    ("control character", first("workloads", id="a\x1b[31m"), "workloads[0].id", "printable"),
    ("long id", first("workloads", id="x" * 254), "workloads[0].id", "at most 253"),
    ("workload twice", again("workloads"), "workloads[3].id", "its own id"),
    ("running twice", again("running"), "running[1].workload.id", "its own"),
    ("tenant twice", again("tenants"), "tenants[2].name", "its own name"),
    ("group twice", again("groups"), "groups[1].name", "its own name"),
    ("runs on no node", lambda r: setattr(r.running[0].replicas[0], "node", "x"), "replicas[0].node", "add the node"),
    ("running on no device", lambda r: setattr(r.running[0].replicas[0].devices[0], "index", 9), "devices", "indices"),
    ("running without a workload", clear("running", "workload"), "running[0].workload", "add"),
    ("running without replicas", clear("running", "replicas"), "running[0].replicas", "at least 1"),
    ("negative quota", first("tenants", quota_gpu_milli=-1), "tenants[0].quota_gpu_milli", "at least 0"),
    ("no weight", first("tenants", weight=0), "tenants[0].weight", "at least 1"),
    ("negative seed", top(seed=-1), "seed", "at least 0"),
    ("seed beyond 2**53", top(seed=2**53 + 1), "seed", "at most"),
    ("no work", top(work=0), "work", "at least 1"),
    ("endless work", top(work=2**62), "work", "at most"),
    ("no time", duration(0), "max_solve_time", "at least 1"),
    ("negative time", duration(-5), "max_solve_time", "at least 1"),
    ("endless time", duration(2**40), "max_solve_time", "at most"),
    ("time and work", lambda r: setattr(r.max_solve_time, "seconds", 1), "work", "one of the two"),
    ("two states", top(use_server_state=True), "running", "one of the two"),
    ("long request id", top(request_id="x" * 300), "request_id", "at most 253"),
    ("moment before the epoch", top(now_s=-1), "now_s", "at least 0"),
    ("unknown rule", rule(name="prise"), f"{ADDED}.name", "price"),
    ("rule without a mode", rule(name="price", mode=0), f"{ADDED}.mode", "add"),
    ("rule of mode 7", rule(name="price", mode=7), f"{ADDED}.mode", "MODE_PREFER"),
    ("objective as requirement", rule(name="price", mode=pb.MODE_REQUIRE, tier=0), f"{ADDED}.mode", "prefer"),
    ("unknown parameter", rule(name="price", params={"x": 1}), f"{ADDED}.params.x", "remove"),
    ("fraction", rule(name="energy", params={TARIFF: 0.5}), f"params.{TARIFF}", "whole"),
    ("NaN", rule(name="energy", params={TARIFF: math.nan}), f"params.{TARIFF}", "whole"),
    ("infinity", rule(name="energy", params={TARIFF: math.inf}), f"params.{TARIFF}", "whole"),
    ("beyond 2**53", rule(name="energy", params={TARIFF: 1e300}), f"params.{TARIFF}", "whole"),
    ("negative weight", rule(name="price", weight=-1), f"{ADDED}.weight", "at least 0"),
    (
        "weights that overflow",
        rule(name="energy", weight=10**6, params={TARIFF: 1e12}),
        "policy.rules",
        "lower",
    ),
)  # fmt: skip
FLEET: tuple[tuple[str, Change, str, str], ...] = (
    ("no fleet", lambda r: r.ClearField("fleet"), "fleet", "add"),
    ("no fleet name", lambda r: r.fleet.ClearField("name"), "fleet.name", "add"),
    ("no node id", lambda r: r.fleet.nodes[0].ClearField("id"), "fleet.nodes[0].id", "add"),
    ("node twice", lambda r: r.fleet.nodes.add().CopyFrom(r.fleet.nodes[0]), "fleet.nodes[4].id", "keep one"),
    ("level twice", lambda r: r.fleet.levels.add().CopyFrom(r.fleet.levels[0]), "fleet.levels[2].name", "keep one"),
    ("health 42", lambda r: setattr(r.fleet.nodes[0], "health", 42), "fleet.nodes[0].health", "HEALTH_HEALTHY"),
    ("negative GPUs", lambda r: setattr(r.fleet.nodes[0], "gpu_count", -1), "fleet.nodes[0].gpu_count", "at least 0"),
    ("path of no level", lambda r: r.fleet.nodes[0].path.update({"row": "x"}), "fleet.nodes[0].path.row", "block"),
    ("label with a slash", lambda r: r.fleet.nodes[0].path.update({"rack": "a/b"}), "fleet.nodes[0].path.rack", "'/'"),
    ("cap of no domain", lambda r: setattr(r.fleet.power_caps[0], "domain", "b9"), "power_caps[0].domain", "whole"),
    ("link to nowhere", lambda r: setattr(r.fleet.links[0], "a", "n99"), "fleet.links[0].a", "name an end"),
    ("wrong version", lambda r: setattr(r.fleet, "schema_version", 2), "fleet.schema_version", "at most 1"),
    ("unhealthy GPU 63", lambda r: r.fleet.nodes[0].unhealthy_gpus.append(63), "unhealthy_gpus", "from 0"),
    ("running twice", again("running"), "running[1].workload.id", "its own"),
    ("runs on no node", lambda r: setattr(r.running[0].replicas[0], "node", "x"), "running[0].replicas[0].node", "add"),
)  # fmt: skip
OTHERS: tuple[tuple[str, str, Change, str, str], ...] = (
    ("EditFabric", "no edits", lambda r: r.ClearField("edits"), "edits", "at least 1"),
    ("EditFabric", "an edit of nothing", lambda r: r.edits.add(), "edits[6]", ""),
    ("EditFabric", "no part", lambda r: r.edits[0].drain.ClearField("part"), "edits[0]", "add"),
    ("EditFabric", "no such part", lambda r: setattr(r.edits[0].drain, "part", "n9"), "edits[0].part", "node id"),
    ("EditFabric", "no such domain", lambda r: setattr(r.edits[1].fail, "part", "r9"), "edits[1].part", "rack:NAME"),
    ("EditFabric", "minus two nodes", lambda r: setattr(r.edits[2].add, "count", -2), "edits[2]", "at least 1"),
    ("EditFabric", "a kind that is none", lambda r: setattr(r.edits[2].add, "kind", "dgx"), "edits[2].kind", "hgx"),
    ("EditFabric", "two figures", lambda r: setattr(r.edits[3].derate, "power_w", 5), "edits[3]", "power_percent"),
    ("EditFabric", "no level", lambda r: r.edits[4].relabel.path.update({"row": "x"}), "edits[4].path.row", "block"),
    ("WhatIf", "no such part", lambda r: setattr(r.edits[0].drain, "part", "n9"), "edits[0].part", "node id"),
    ("WhatIf", "no such setting", lambda r: r.set.update({"price": 2}), "set.price", "use"),
    ("WhatIf", "a control character", lambda r: r.set.update({"\x1b[31m": 0.5}), "set.\\x1b[31m", "whole"),
    ("WhatIf", "no such rule", lambda r: r.set.update({"policy.prise.weight": 2}), "set.policy.prise.weight", "price"),
    ("WhatIf", "no such tenant", lambda r: r.set.update({"tenant.x.quota": 2}), "set.tenant.x.quota", "tenant"),
    ("WhatIf", "half a point", lambda r: r.set.update({WEIGHT: 0.5}), f"set.{WEIGHT}", "whole"),
    ("WhatIf", "a bad workload", lambda r: first("workloads", id="")(r.place), "place.workloads[0].id", "not empty"),
    ("Check", "no id", clear("placements", "workload"), "placements[0].workload", "add"),
    ("Check", "no node", lambda r: r.placements[0].replicas[0].ClearField("node"), "replicas[0].node", "add"),
    ("Check", "two states", top(use_server_state=True), "running", "one of the two"),
    ("Reconcile", "running twice", again("running"), "running[1].workload.id", "its own"),
    ("Reconcile", "on no node", lambda r: setattr(r.running[0].replicas[0], "node", "x"), "replicas[0].node", "add"),
    ("Release", "nothing", lambda r: r.ClearField("workloads"), "workloads", "at least 1"),
    ("Release", "an empty id", lambda r: r.workloads.append(""), "workloads[2]", "not empty"),
    ("ListPlacements", "a page of minus one", top(page_size=-1), "page_size", "at least"),
    ("ListPlacements", "a token from nowhere", lambda r: setattr(r, "page_token", "x"), "page_token", ""),
    ("GetCase", "no id", top(case_id=""), "case_id", "digits"),
    ("GetCase", "a path", top(case_id="../x"), "case_id", "digits"),
)  # fmt: skip
ALL = (*(("Place", *row) for row in PLACE), *(("PutFabric", *row) for row in FLEET), *OTHERS)


@pytest.mark.parametrize(
    ("call", "change", "field", "mend"),
    [(call, *row) for call, _, *row in ALL],
    ids=[f"{call}: {name}" for call, name, *_ in ALL],
)
def test_a_malformed_request_is_refused_whole(client: Client, call: str, change: Change, field: str, mend: str) -> None:
    request = sound(call)
    change(request)
    before = client.state()
    with pytest.raises(grpc.RpcError) as caught:
        client.call(call, request)
    told = str(caught.value.details())
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT, told
    assert field in told.split(": ", maxsplit=1)[0]
    assert mend in told
    assert "Traceback" not in told
    assert client.state() == before


def test_work_that_cannot_be_meant_is_rejected_alone(client: Client) -> None:
    request = sound("Place")
    assert isinstance(request, pb.PlaceRequest)
    bad = request.workloads.add()
    bad.CopyFrom(request.workloads[0])
    bad.id = "bad"
    bad.subgroups[0].roles[0].gpu_models.append("H900")
    answer = client.call("Place", request)
    assert isinstance(answer, pb.PlaceResponse)
    assert [(one.workload, one.verdict) for one in answer.decision.unplaced] == [("bad", pb.VERDICT_REJECTED)]
    assert len(answer.decision.placements) == 3


GARBLED = (
    b"\xff\xff\xff",
    b"\x0a\xff\x01",
    b"\x12\x03\x0a\x05one",
    b"{}",
    b"\x80" * 40,
    sound("Place").SerializeToString()[:-3],
)


@pytest.mark.parametrize("data", GARBLED, ids=[str(number) for number in range(len(GARBLED))])
@pytest.mark.parametrize("call", ["Place", "WhatIf", "PutFabric", "EditFabric", "Release"])
def test_bytes_that_are_no_message_are_refused(client: Client, call: str, data: bytes) -> None:
    before = client.state()
    with pytest.raises(grpc.RpcError) as caught:
        client.send(call, data)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT, caught.value.details()
    assert "; " in str(caught.value.details())
    assert client.state() == before


def test_a_stream_of_bytes_that_are_no_message_is_refused(client: Client) -> None:
    before = client.state()
    with pytest.raises(grpc.RpcError) as caught:
        client.stream("PutFabricStream", [b"\xff\xff\xff"])
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT, caught.value.details()
    assert "request: 3 bytes are no message" in str(caught.value.details())
    assert client.state() == before
