"""Messages mirror documents exactly, and survive the way to the wire and back."""

from collections.abc import Iterator
from types import UnionType
from typing import Any, Union, get_args, get_origin

import pytest
from google.protobuf import json_format
from pydantic import BaseModel

from placement.errors import InputError
from placement.model import (
    Affinity,
    BoundSource,
    Budget,
    Certificate,
    Decision,
    Device,
    Hold,
    PlacedReplica,
    Placement,
    Policy,
    Proximity,
    Replica,
    Role,
    RuleSpec,
    Running,
    Segment,
    Spread,
    Subgroup,
    Tenant,
    Term,
    TierReport,
    Unplaced,
    Workload,
    default_policy,
)
from placement.model.decision import Status, Verdict
from placement.model.workload import Kind
from placement.service.bodies import (
    BatchBody,
    CaseAnswer,
    CaseBody,
    CheckAnswer,
    CheckBody,
    EditAnswer,
    EditBody,
    FabricAnswer,
    ListAnswer,
    ListBody,
    PlaceAnswer,
    PlaceBody,
    PutAnswer,
    PutBody,
    ReconcileAnswer,
    ReconcileBody,
    ReleaseAnswer,
    ReleaseBody,
    WhatIfAnswer,
    WhatIfBody,
)
from placement.service.wire import decode, encode
from placement.store import DifferenceKind
from placement.v1 import placement_pb2 as pb
from topology.edits import Add, Derate, Drain, Edit, Fail, Relabel, Restore
from topology.model import Fleet

FLEET: dict[str, Any] = {
    "name": "small",
    "levels": [{"name": "rack", "latency_us": 3, "bandwidth_gbps": 400}],
    "nodes": [
        {
            "id": "n1",
            "path": {"rack": "r1"},
            "gpu_model": "H100",
            "gpu_count": 8,
            "gpu_memory_mib": 81559,
            "unhealthy_gpus": [7],
            "cpu_milli": 192_000,
            "memory_mib": 2**21,
            "nics": 8,
            "price_micro_usd_h": 2_500_000,
            "idle_power_w": 900,
            "gpu_power_w": 700,
            "labels": {"a": ""},
            "taints": [{"key": "gpu", "value": "yes"}],
            "health": "degraded",
            "feed": "A",
            "maintenance": [{"start_s": 1, "end_s": 2}],
        },
        {"id": "n2", "path": {}, "cpu_milli": 0, "memory_mib": 0},
    ],
    "links": [{"a": "n1", "b": "n2", "bandwidth_gbps": 100, "latency_us": 0}],
    "power_caps": [{"partition": "rack", "domain": "r1", "cap_w": 40_000}],
    "sites": [{"name": "s", "tariff_micro_usd_kwh": 90_000, "carbon_g_kwh": 0}],
    "default_site": "s",
}


def fleet() -> Fleet:
    import json

    return Fleet.model_validate_json(json.dumps(FLEET))


def workload() -> Workload:
    """Every field set, most of them away from their default."""
    near = Proximity(level="rack", mode="prefer")
    role = Role(
        name="worker",
        replicas=4,
        min_replicas=2,
        gpus=8,
        gpu_models=("H100", "A100"),
        gpu_memory_mib=80_000,
        cpu_milli=1,
        memory_mib=2,
        nics=3,
        mig_profile="1g.10gb",
        proximity=near,
        segment=Segment(size=2, level="rack"),
        spread=Spread(level="rack", max_per_domain=2, mode="prefer"),
    )
    share = Role(name="share", gpu_milli=250)
    other = Affinity(level="rack", workloads=("x", "y"), match={"app": "cache"}, mode="prefer")
    return Workload(
        id="job",
        kind=Kind.BATCH_INFERENCE,
        tenant="t",
        tier=0,
        priority=0,
        min_subgroups=1,
        proximity=near,
        affinity=(other,),
        anti_affinity=(other, other),
        node_selector={"zone": ("a", "b"), "disk": ("ssd",)},
        tolerations=("*",),
        labels={"l": ""},
        expected_duration_s=1,
        state_mib=2**34,
        state_nodes=("n1",),
        message_mib=7,
        group="g",
        subgroups=(
            Subgroup(name="a", roles=(role, share), proximity=near),
            Subgroup(name="b", roles=(share,)),
        ),
    )


def running() -> Running:
    role = Role(name="r", gpus=1)
    return Running(
        workload=Workload(id="old", subgroups=(Subgroup(name="s", roles=(role,)),)),
        replicas=(Replica(subgroup="s", role="r", node="n1", devices=(Device(index=3),)),),
        start_s=5,
        expected_end_s=9,
        last_checkpoint_s=6,
        restart_cost_micro_usd=1,
        movable=True,
        evictable=True,
    )


def decision() -> Decision:
    source: BoundSource = "certificate"
    tier = TierReport(
        tier=1,
        value=-(2**62),
        bound=2**62,
        gap=0.25,
        abs_gap=3,
        bound_source=source,
        do_nothing=9,
        terms=("refused",),
    )
    devices = (Device(index=0, milli=250),)
    placed = PlacedReplica(subgroup="s", role="r", node="n1", devices=devices)
    return Decision(
        case_id="c",
        status=Status.FALLBACK,
        fallback_reason="time",
        tiers=(tier,),
        gap=0.5,
        gap_tier=1,
        bound_source="solver",
        timings={"greedy": 1.5},
        terms=(Term(name="price", tier=3, points=-4, natural=-0.1, unit="USD/h", weight=0),),
        placements=(Placement(workload="job", replicas=(placed,)),),
        unplaced=(Unplaced(workload="x", verdict=Verdict.NO_ROOM, rule="quota", reason="full", rivals=("job",)),),
        holds=(Hold(rule="spread", subject="old", detail="3 of 2"),),
        certificates=(
            Certificate(tier=1, scale=2**62, limits=(1, -2), multipliers=(("row", -3), ("b", 4)), kept=("c",)),
        ),
    )


def tenant() -> Tenant:
    return Tenant(
        name="t",
        weight=7,
        quota_gpu_milli=0,
        quota_by_model={"H100": 0, "A100": 8000},
        lending_limit_by_model={"A100": 0},
    )


def policy() -> Policy:
    params: dict[str, Any] = {"big": 2**53, "off": False, "text": "t", "list": [1, [2]], "table": {"k": {}}}
    rule = RuleSpec(name="price", mode="prefer", tier=2, weight=0, params=params)
    return Policy(name="p", rules=(rule, RuleSpec(name="spread", mode="hold")))


SAMPLES: tuple[tuple[BaseModel, Any], ...] = (
    (fleet(), pb.Fleet),
    (workload(), pb.Workload),
    (running(), pb.Running),
    (tenant(), pb.Tenant),
    (policy(), pb.Policy),
    (default_policy(), pb.Policy),
    (decision(), pb.Decision),
    (PutBody(fleet=fleet(), running=(running(),), expected_version="v"), pb.PutFabricRequest),
)


@pytest.mark.parametrize(("document", "message"), SAMPLES, ids=lambda part: type(part).__name__)
def test_a_document_survives_the_wire(document: BaseModel, message: Any) -> None:
    sent = encode(document, message()).SerializeToString(deterministic=True)
    again = decode(message.FromString(sent), type(document), "document")
    assert again == document
    assert type(again) is type(document)


def documents_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """The document classes that an annotation mentions."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from documents_in(part)


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (Fleet, pb.Fleet),
        (PlaceBody, pb.PlaceRequest),
        (BatchBody, pb.PlaceRequest),
        (PutBody, pb.PutFabricRequest),
        (Decision, pb.Decision),
        (PlaceAnswer, pb.PlaceResponse),
        (ReleaseBody, pb.ReleaseRequest),
        (ReleaseAnswer, pb.ReleaseResponse),
        (ListBody, pb.ListPlacementsRequest),
        (ListAnswer, pb.ListPlacementsResponse),
        (CheckBody, pb.CheckRequest),
        (CheckAnswer, pb.CheckResponse),
        (FabricAnswer, pb.GetFabricResponse),
        (PutAnswer, pb.PutFabricResponse),
        (PutAnswer, pb.PutFabricStreamResponse),
        (WhatIfAnswer, pb.WhatIfResponse),
        (CaseBody, pb.GetCaseRequest),
        (CaseAnswer, pb.GetCaseResponse),
        (EditAnswer, pb.EditFabricResponse),
        (ReconcileBody, pb.ReconcileRequest),
        (ReconcileAnswer, pb.ReconcileResponse),
    ],
)
def test_messages_have_exactly_the_fields_of_their_documents(document: type[BaseModel], message: Any) -> None:
    todo, seen = [(document, message.DESCRIPTOR)], 0
    while todo:
        model, descriptor = todo.pop()
        seen += 1
        assert set(model.model_fields) == set(descriptor.fields_by_name), f"{model.__name__} and its message differ"
        for name, info in model.model_fields.items():
            field = descriptor.fields_by_name[name]
            optional = get_origin(info.annotation) in {Union, UnionType} and type(None) in get_args(info.annotation)
            assert field.is_repeated or field.has_presence, f"{model.__name__}.{name} cannot tell unset from zero"
            assert not (optional and field.is_repeated), f"{model.__name__}.{name} cannot tell none from empty"
            todo += [(inner, field.message_type) for inner in documents_in(info.annotation)]
    assert seen


def test_every_edit_has_its_message() -> None:
    kinds = {kind.model_fields["op"].default: kind for kind in get_args(get_args(Edit)[0])}
    fields: Any = pb.Edit.DESCRIPTOR.fields_by_name  # the stubs allow for fields without a message type
    assert set(kinds) == set(fields)
    for name, kind in kinds.items():
        assert set(kind.model_fields) - {"op"} == set(fields[name].message_type.fields_by_name)
    for body, message in ((EditBody, pb.EditFabricRequest), (WhatIfBody, pb.WhatIfRequest)):
        assert set(body.model_fields) == set(message.DESCRIPTOR.fields_by_name)


def test_edits_survive_the_wire() -> None:
    edits = (
        Drain(part="rack:r1"),
        Fail(part="n1"),
        Restore(part="n1"),
        Add(kind="hgx", count=2, at="rack:r1"),
        Derate(part="n1", gpus=0),
        Relabel(part="n1", path={"rack": ""}, labels={"a": "b"}),
    )
    body = EditBody(edits=edits, expected_version="v", validate_only=True)
    sent = encode(body, pb.EditFabricRequest()).SerializeToString()
    assert decode(pb.EditFabricRequest.FromString(sent), EditBody, "request") == body


@pytest.mark.parametrize(
    ("kind", "enum"),
    [(Kind, pb.Kind), (Status, pb.Status), (Verdict, pb.Verdict), (DifferenceKind, pb.DifferenceKind)],
)
def test_enums_have_the_same_values(kind: Any, enum: Any) -> None:
    prefix = enum.Name(0).removesuffix("UNSPECIFIED")
    assert {prefix + value.name for value in kind} == set(enum.keys()) - {enum.Name(0)}


def test_what_is_not_set_takes_the_default_of_the_document() -> None:
    message = pb.Workload(id="w", kind=pb.KIND_UNSPECIFIED)
    message.subgroups.add(name="s").roles.add(name="r")
    found = decode(message, Workload, "workload")
    assert found == Workload(id="w", subgroups=(Subgroup(name="s", roles=(Role(name="r"),)),))
    assert found.expected_duration_s == 3600
    message.tier = 0
    assert decode(message, Workload, "workload").tier == 0


@pytest.mark.parametrize(
    ("text", "budget"),
    [("2s", Budget(wall_ms=2000)), ("0.0001s", Budget(wall_ms=1)), ("90s", Budget(wall_ms=5000))],
)
def test_durations_become_milliseconds_rounded_up_and_end_before_the_call(text: str, budget: Budget) -> None:
    message = json_format.ParseDict({"maxSolveTime": text}, pb.PlaceRequest())
    assert decode(message, BatchBody, "request").budget(2000, 5000) == budget


def test_the_budget_without_wishes_is_the_default_and_work_knows_no_clock() -> None:
    assert BatchBody().budget(2000, None) == Budget(wall_ms=2000)
    assert BatchBody().budget(2000, 300) == Budget(wall_ms=300)
    assert BatchBody(work=7).budget(2000, 300) == Budget(work=7)


@pytest.mark.badinput
def test_a_number_that_is_none_is_refused() -> None:
    message = encode(decision(), pb.Decision())
    message.gap = float("nan")
    with pytest.raises(InputError, match="gap: the number is not finite"):
        decode(message, Decision, "decision")
