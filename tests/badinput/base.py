"""The sound case that every bad one is made from."""

import json
from typing import Any

from placement.model import (
    Budget,
    Case,
    Device,
    PlacementGroup,
    Replica,
    Role,
    Running,
    Subgroup,
    Tenant,
    Workload,
)
from tests.placement.rules.small import gang, node, small_fleet
from topology.model import Link, PowerCap

__all__ = ["CASE", "plain"]

CASE = Case(
    fleet=small_fleet(
        tuple(node(number) for number in range(4)),
        power_caps=(PowerCap(partition="rack", domain="b0/r0", cap_w=9_000),),
        links=(Link(a="n0", b="n1", bandwidth_gbps=100, latency_us=1),),
    ),
    workloads=(
        gang("one", 2, workload={"tenant": "a"}),
        gang("two", 1, gpu_milli=500, workload={"tenant": "b"}),
        Workload(id="cpu", subgroups=(Subgroup(name="s", roles=(Role(name="r", cpu_milli=1000),)),)),
    ),
    running=(
        Running(
            workload=gang("old"), replicas=(Replica(subgroup="s", role="r", node="n0", devices=(Device(index=0),)),)
        ),
    ),
    tenants=(Tenant(name="a", quota_gpu_milli=8000), Tenant(name="b")),
    groups=(PlacementGroup(name="pair", level="rack"),),
    budget=Budget(work=200),
)
"""Four nodes of four GPUs, one workload running, three pending that fit."""


def plain() -> dict[str, Any]:
    """The case as plain values, every field present, free to change."""
    found: dict[str, Any] = json.loads(CASE.model_dump_json())
    return found
