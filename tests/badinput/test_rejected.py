"""Well-formed work that cannot be meant is REJECTED alone, with its reason; the rest of the batch is decided."""

import json
import time
from pathlib import Path
from typing import Any

import pytest

from placement.cli.app import run
from placement.engine import decide
from placement.model import (
    Affinity,
    Case,
    Decision,
    Kind,
    Proximity,
    Role,
    Segment,
    Spread,
    Subgroup,
    Unplaced,
    Verdict,
    Workload,
)
from placement.verify import verify
from solver.workers import Inline
from tests.badinput.base import CASE
from tests.placement.rules.small import gang

pytestmark = pytest.mark.badinput

GOOD = {workload.id for workload in CASE.workloads}


def two(name: str, **fields: object) -> Workload:
    """A workload of two subgroups of one replica each."""
    role = Role(name="r", gpus=1)
    return Workload(
        id=name,
        subgroups=(Subgroup(name="s", roles=(role,)), Subgroup(name="t", roles=(role,))),
        **fields,  # type: ignore[arg-type]
    )


def near(level: str = "rack", **fields: Any) -> dict[str, Any]:
    """Fields of a workload: an affinity."""
    return {"affinity": (Affinity(level=level, **fields),)}


def apart(level: str = "rack", **fields: Any) -> dict[str, Any]:
    """Fields of a workload: an anti-affinity."""
    return {"anti_affinity": (Affinity(level=level, **fields),)}


BAD: tuple[tuple[str, Workload, str, str], ...] = (
    ("unknown GPU model", gang("w", gpu_models=("H900",), gpus=1), "gpu_model", "the fleet has H100"),
    ("a model for no GPU", gang("w", gpu_models=("H100",), cpu_milli=1), "gpu_model", "asks for no GPU"),
    ("memory of no GPU", gang("w", gpu_memory_mib=1, cpu_milli=1), "gpu_model", "asks for no GPU"),
    ("MIG", gang("w", mig_profile="1g.10gb"), "gpu_model", "not supported yet"),
    ("whole GPUs and a share", gang("w", gpus=1, gpu_milli=500), "capacity", "keep gpus or gpu_milli"),
    ("a minimum above the number", gang("w", 2, min_replicas=3), "gang", "min_replicas 3 of 2"),
    ("a minimum of too many subgroups", two("w", min_subgroups=3), "gang", "there are 2 subgroups"),
    ("proximity of no level", gang("w", workload={"proximity": Proximity(level="row")}), "topology", "block, rack"),
    ("proximity of a role of no level", gang("w", proximity=Proximity(level="row")), "topology", "'row'"),
    ("segments of no level", gang("w", 4, segment=Segment(size=2, level="row")), "segments", "'row'"),
    ("spread over no level", gang("w", 4, spread=Spread(level="row")), "spread", "'row'"),
    ("affinity of no level", gang("w", workload=near(level="row", match={"a": "b"})), "affinity", "'row'"),
    ("affinity to nothing", gang("w", workload=near()), "affinity", "no labels"),
    ("affinity to a stranger", gang("w", workload=near(workloads=("x",))), "affinity", "'x'"),
    ("affinity to itself", gang("w", workload=near(workloads=("w",))), "affinity", "itself"),
    ("apart from a stranger", gang("w", workload=apart(workloads=("x",))), "affinity", "'x'"),
    ("state on no node", gang("w", workload={"state_nodes": ("n9",)}), "state_fetch", "not in the fleet"),
    ("a group that is not there", gang("w", workload={"group": "trio"}), "topology", "no placement group 'trio'"),
)  # fmt: skip


def solved(case: Case) -> Decision:
    decision = decide(case, clock=time.monotonic, workers=Inline())
    assert verify(case, decision) == ()
    return decision


def refused(decision: Decision, name: str) -> Unplaced:
    return next(one for one in decision.unplaced if one.workload == name)


@pytest.mark.parametrize(("workload", "rule", "told"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
def test_it_is_rejected_alone(workload: Workload, rule: str, told: str) -> None:
    decision = solved(CASE.model_copy(update={"workloads": (*CASE.workloads, workload)}))
    found = refused(decision, workload.id)
    assert (found.verdict, found.rule) == (Verdict.REJECTED, rule)
    assert told in found.reason
    assert {placement.workload for placement in decision.placements} == GOOD


def test_all_of_them_at_once_leave_the_rest_alone() -> None:
    bad = tuple(row[1].model_copy(update={"id": f"bad-{at}"}) for at, row in enumerate(BAD))
    decision = solved(CASE.model_copy(update={"workloads": (*CASE.workloads, *bad)}))
    assert {placement.workload for placement in decision.placements} == GOOD
    assert {one.verdict for one in decision.unplaced} == {Verdict.REJECTED}
    assert len(decision.unplaced) == len(bad)


def test_a_group_is_rejected_whole_and_nothing_else() -> None:
    pair = (
        gang("p1", gpu_models=("H900",), gpus=1, workload={"group": "pair"}),
        gang("p2", workload={"group": "pair"}),
    )
    decision = solved(CASE.model_copy(update={"workloads": (*CASE.workloads, *pair)}))
    assert refused(decision, "p2").verdict is Verdict.REJECTED
    assert "'p1'" in refused(decision, "p2").reason
    assert {placement.workload for placement in decision.placements} == GOOD


def test_who_must_be_near_a_rejected_one_is_not_placed_and_told_why() -> None:
    beside = (Affinity(level="rack", workloads=("bad",)),)
    pair = (gang("bad", gpu_models=("H900",), gpus=1), gang("w", workload={"affinity": beside}))
    decision = solved(CASE.model_copy(update={"workloads": (*CASE.workloads, *pair)}))
    found = refused(decision, "w")
    assert found.rule == "affinity"
    assert {placement.workload for placement in decision.placements} == GOOD


def test_a_ring_of_affinities_is_meant() -> None:
    ring = tuple(gang(f"w{at}", workload=near(workloads=(f"w{(at + 1) % 3}",))) for at in range(3))
    decision = solved(CASE.model_copy(update={"workloads": (*CASE.workloads, *ring)}))
    nodes = {p.workload: p.replicas[0].node for p in decision.placements}
    assert len({("b0/r0", "b0/r1")[int(nodes[w.id][1]) // 2] for w in ring}) == 1


@pytest.mark.parametrize(
    "workload",
    [
        gang("w", 65_536, gpus=64),
        gang("w", gpus=64),
        gang("w", cpu_milli=2**30),
        gang("w", memory_mib=2**34, cpu_milli=1),
        gang("w", nics=1024),
        gang("w", gpu_memory_mib=2**24, gpus=1),
        gang("w", 8, workload={"proximity": Proximity(level="node")}, gpus=1),
        gang("w", workload={"node_selector": {"pool": ("nowhere",)}}),
        gang("w", workload={"expected_duration_s": 10**9, "state_mib": 2**34, "message_mib": 2**24}),
        gang("w", workload={"kind": Kind.CPU}),
    ],
    ids=lambda workload: workload.model_dump_json(exclude_defaults=True)[:60],
)
def test_what_is_too_large_for_the_fleet_is_no_mistake(workload: Workload) -> None:
    decision = solved(CASE.model_copy(update={"workloads": (*CASE.workloads, workload)}))
    placed = {placement.workload for placement in decision.placements}
    assert placed >= GOOD
    if "w" not in placed:
        assert refused(decision, "w").verdict is not Verdict.REJECTED


def test_the_command_decides_the_rest(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    case = CASE.model_copy(update={"workloads": (*CASE.workloads, gang("w", gpu_models=("H900",), gpus=1))})
    (tmp_path / "case.json").write_text(case.to_json())
    assert run(["solve", str(tmp_path / "case.json"), "-o", "json"]) == 4
    told = json.loads(capsys.readouterr().out)
    assert [one["verdict"] for one in told["unplaced"]] == ["REJECTED"]
    assert len(told["placements"]) == 3
