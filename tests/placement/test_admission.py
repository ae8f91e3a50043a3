"""What is well-formed but cannot be meant is rejected by name and rule; the rest of the batch stays."""

import pytest

from placement.admission import screen
from placement.model import (
    Affinity,
    Case,
    PlacementGroup,
    Proximity,
    Role,
    Segment,
    Spread,
    Subgroup,
    Workload,
)
from topology.fabric import Fabric
from topology.model import Fleet, Level, Node


def node(row: int) -> Node:
    path = {"site": "s", "rack": f"r{row // 2}"}
    return Node(id=f"n{row}", path=path, gpu_model="H100", gpu_count=8, cpu_milli=8000, memory_mib=8000, feed="a")


FLEET = Fleet(
    name="four",
    levels=(
        Level(name="site", latency_us=9, bandwidth_gbps=1),
        Level(name="rack", latency_us=3, bandwidth_gbps=9),
    ),
    nodes=tuple(node(row) for row in range(4)),
)
GOOD = Workload(id="good", subgroups=(Subgroup(name="m", roles=(Role(name="w", gpus=1),)),))


def changed(role: dict[str, object] | None = None, **fields: object) -> Workload:
    """`bad`, with a role and fields that differ from `good`."""
    subgroup = Subgroup(name="m", roles=(Role(name="w", gpus=1).model_copy(update=role or {}),))
    return GOOD.model_copy(update={"id": "bad", "subgroups": (subgroup,)} | fields)


@pytest.mark.parametrize(
    ("bad", "rule", "word"),
    [
        (changed({"gpu_models": ("B300", "X1")}), "gpu_model", "B300"),
        (changed({"gpu_milli": 500}), "capacity", "share"),
        (changed({"mig_profile": "1g.10gb"}), "gpu_model", "not supported yet"),
        (changed({"min_replicas": 2}), "gang", "min_replicas"),
        (changed({"gpus": 0, "gpu_memory_mib": 9}), "gpu_model", "no GPU"),
        (changed({"segment": Segment(size=2, level="row")}), "segments", "'row'"),
        (changed({"spread": Spread(level="row")}), "spread", "'row'"),
        (changed({"proximity": Proximity(level="feed")}), "topology", "'feed'"),
        (changed(proximity=Proximity(level="spine")), "topology", "'spine'"),
        (changed(min_subgroups=2), "gang", "min_subgroups"),
        (changed(affinity=(Affinity(level="rack", workloads=("ghost",)),)), "affinity", "'ghost'"),
        (changed(affinity=(Affinity(level="rack", workloads=("bad",)),)), "affinity", "itself"),
        (changed(anti_affinity=(Affinity(level="rack"),)), "affinity", "no labels"),
        (changed(state_nodes=("n9",)), "state_fetch", "'n9'"),
        (changed(group="nobody"), "topology", "'nobody'"),
        (changed(group="odd"), "topology", "'hall'"),
    ],
)
def test_only_the_bad_one_is_rejected(bad: Workload, rule: str, word: str) -> None:
    groups = (PlacementGroup(name="odd", level="hall"),)
    case = Case.from_json(Case(fleet=FLEET, workloads=(bad, GOOD), groups=groups).to_json())
    rejected = screen(case, Fabric.from_fleet(FLEET))
    assert set(rejected) == {"bad"}
    assert rejected["bad"].rule == rule
    assert word in rejected["bad"].reason


def test_what_can_be_meant_is_admitted() -> None:
    fine = changed(
        {"gpu_models": ("H100", "X1"), "spread": Spread(level="feed"), "segment": Segment(size=1, level="node")},
        affinity=(Affinity(level="rack", workloads=("good",)),),
        anti_affinity=(Affinity(level="feed", match={"app": "nobody"}),),
        state_nodes=("n0",),
        group="pair",
    )
    case = Case(fleet=FLEET, workloads=(fine, GOOD), groups=(PlacementGroup(name="pair", level="rack"),))
    assert screen(case, Fabric.from_fleet(FLEET)) == {}


def test_a_group_is_rejected_whole() -> None:
    groups = (PlacementGroup(name="pair", level="rack"),)
    bad = changed(group="pair", min_subgroups=9)
    peer = GOOD.model_copy(update={"id": "peer", "group": "pair"})
    rejected = screen(Case(fleet=FLEET, workloads=(peer, bad, GOOD), groups=groups), Fabric.from_fleet(FLEET))
    assert set(rejected) == {"bad", "peer"}
    assert "'bad'" in rejected["peer"].reason
