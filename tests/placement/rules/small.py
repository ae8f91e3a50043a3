"""Small fleets, cases and placements by hand, for the tests of rules and of the compiler."""

from typing import Any

from placement.compile import Lifted, Lowered, lower, lower_placements, whole
from placement.model import (
    Case,
    Device,
    PlacedReplica,
    Placement,
    Policy,
    Role,
    RuleSpec,
    Subgroup,
    Workload,
)
from placement.rules.disturbance import grown
from solver.check import check, gang_violations
from topology.fabric import Fabric
from topology.model import Fleet, Level, Node

__all__ = ["agree", "case_of", "cpu_node", "gang", "node", "place", "small_fleet"]

LEVELS = (
    Level(name="block", latency_us=20, bandwidth_gbps=200),
    Level(name="rack", latency_us=5, bandwidth_gbps=400),
)


def node(number: int, **changes: Any) -> Node:
    """Node n<number>: two nodes a rack, two racks a block, 4 GPUs H100 at 2 USD/h, 700 W."""
    given: dict[str, Any] = {
        "id": f"n{number}",
        "path": {"block": f"b{number // 4}", "rack": f"r{number // 2 % 2}"},
        "gpu_model": "H100",
        "gpu_count": 4,
        "gpu_memory_mib": 80_000,
        "cpu_milli": 64_000,
        "memory_mib": 512_000,
        "nics": 4,
        "price_micro_usd_h": 2_000_000,
        "idle_power_w": 500,
        "gpu_power_w": 700,
    }
    return Node(**(given | changes))


def cpu_node(number: int, **changes: Any) -> Node:
    """Node n<number> without GPUs at 1 USD/h."""
    return node(
        number,
        **({"gpu_model": None, "gpu_count": 0, "gpu_memory_mib": 0, "gpu_power_w": 0} | changes),
    )


def small_fleet(nodes: tuple[Node, ...] | None = None, **changes: Any) -> Fleet:
    """Eight equal nodes, or those given."""
    rows = tuple(node(i) for i in range(8)) if nodes is None else nodes
    return Fleet(name="small", levels=LEVELS, nodes=rows, **changes)


def gang(name: str = "w", replicas: int = 1, *, workload: Any = None, **role: Any) -> Workload:
    """A workload of one role, 1 GPU a replica if nothing else is said; `workload` are fields of the workload."""
    given: dict[str, Any] = {"name": "r", "replicas": replicas} | (
        {"gpus": 1} if not {"gpus", "gpu_milli", "cpu_milli"} & set(role) else {}
    )
    return Workload(id=name, subgroups=(Subgroup(name="s", roles=(Role(**(given | role)),)),), **(workload or {}))


def case_of(fleet: Fleet, *workloads: Workload, rules: tuple[RuleSpec, ...] = (), **fields: Any) -> Case:
    """A canonical case with just these rules."""
    return Case(fleet=fleet, workloads=workloads, policy=Policy(rules=rules), **fields).canonical()


def place(name: str, *seats: tuple[str, tuple[int, ...]], milli: int = 1000) -> Placement:
    """A placement of a `gang`: (node, device indices) per replica."""
    return Placement(
        workload=name,
        replicas=tuple(
            PlacedReplica(
                subgroup="s",
                role="r",
                node=where,
                devices=tuple(Device(index=index, milli=milli) for index in devices),
            )
            for where, devices in seats
        ),
    )


def agree(case: Case, placements: tuple[Placement, ...]) -> tuple[Lowered, dict[str, bool], dict[str, int]]:
    """Measure placements with atoms and with oracles and assert that they say the same, rule by rule.

    Returns the lowered case, rule -> broken (requirements) and rule -> points (objectives).
    """
    fabric = Fabric.from_fleet(case.fleet)
    lowered = lower(case, fabric)
    plan = lower_placements(lowered, placements)
    report = check(lowered.problem, plan)
    anchor = whole(lowered, Lifted(()))  # what running work breaks already is held
    broken: dict[str, bool] = {}
    points: dict[str, int] = {}
    for active in lowered.rules:
        name = active.rule.name
        if active.hard is not None:
            if active.spec.tier and active.spec.weight:
                held = sum(cost for n, cost in report.costs if lowered.problem.atoms[n].rule == name)
                assert active.points(lowered.case, fabric, placements) == held, (name, held)
                points[name] = held
            fresh = grown(placements, anchor)
            before = set(active.hard.audit(lowered.case, fabric, anchor))
            before -= set(active.hard.audit(lowered.case, fabric, fresh))
            found = [text for text in active.hard.audit(lowered.case, fabric, placements) if text not in before]
            broken[name] = bool(found)
            measured = [v.detail for v in report.violations if v.rule == name]
            if name == "gang":
                measured = [v.detail for v in gang_violations(lowered.problem, plan)]
            # A cap that full nodes cannot reach has no atom: over-used nodes may reach it.
            if name != "power_cap" or not broken.get("capacity"):
                assert bool(found) == bool(measured), (name, found, measured)
        elif active.objective is not None:
            points[name] = active.objective.points(lowered.case, fabric, placements, active.spec)
            tier = lowered.tiers.index(active.spec.tier)
            cost = sum(
                cost
                for number, cost in report.costs
                if (lowered.problem.atoms[number].rule, lowered.problem.atoms[number].tier) == (name, tier)
            )
            # Over-used devices have no remainder.
            if name not in ("stranded", "left_value") or not broken.get("capacity"):
                assert points[name] == cost, (name, points[name], cost)
    return lowered, broken, points
