"""Small cases and placements at random, for the tests of rules and of the compiler."""

from random import Random
from typing import Any

from placement.compile import Lifted, lower, whole
from placement.model import (
    Affinity,
    Case,
    Device,
    Kind,
    PlacedReplica,
    Placement,
    PlacementGroup,
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
    Workload,
)
from placement.rules import RULES
from placement.rules.capacity import Capacity
from placement.rules.rule import HardRule
from tests.placement.rules.small import cpu_node, node, small_fleet
from topology.fabric import Fabric
from topology.model import Fleet, Health, Node, PowerCap, Site, Taint, Window

__all__ = ["random_case", "random_placements"]


def random_case(random: Random) -> Case:
    """A case in which every rule has something to say."""
    nodes = tuple(_random_node(random, number) for number in range(random.randint(3, 9)))
    fleet = small_fleet(nodes, sites=_sites(random))
    racks = sorted({f"{n.path['block']}/{n.path['rack']}" for n in nodes})
    caps = [PowerCap(partition="rack", domain=rack, cap_w=random.choice([2500, 4000, 9000])) for rack in racks]
    caps += [PowerCap(partition="block", domain="b0", cap_w=random.choice([5000, 9000]))]
    fleet = small_fleet(nodes, sites=fleet.sites, power_caps=tuple(c for c in caps if random.random() < 0.5))
    names = [f"w{number}" for number in range(random.randint(1, 5))]
    others = [*names, "run0", "run1"]
    workloads = tuple(_random_workload(random, name, others) for name in names)
    running = tuple(_random_running(random, f"run{k}", fleet, others) for k in range(random.randint(0, 2)))
    tame = _tame_running(random, "run9", fleet) if random.random() < 0.8 else None
    running += () if tame is None else (tame,)
    rules = [_hard(random, rule) for rule in RULES if isinstance(rule, HardRule)]
    for rule in RULES:
        if rule.kind == "objective":
            tier, weight = random.randint(1, 3), random.choice([0, 1, 1, 7])
            params = _vacancy(random, fleet) if rule.name == "vacancy" else {}
            if rule.name == "stability":
                params["move_micro_usd_h"] = random.choice([0, 3])
            rules.append(RuleSpec(name=rule.name, mode="prefer", tier=tier, weight=weight, params=params))
    return Case(
        fleet=fleet,
        workloads=workloads,
        running=running,
        tenants=(
            Tenant(name="a", weight=3, quota_gpu_milli=random.choice([0, 4000]), quota_by_model={"A100": 2000}),
            Tenant(name="b", quota_by_model={"H100": 3000, "none": 0}, parent=random.choice([None, "a"])),
            *_more_tenants(random),
        ),
        groups=tuple(PlacementGroup(name=f"g{k}", level=random.choice(["block", "rack"])) for k in range(2)),
        policy=Policy(rules=tuple(rules)),
        now_s=1000,
    ).canonical()


def _hard(random: Random, rule: HardRule[Any]) -> RuleSpec:
    if rule.excess_unit and random.random() < 0.7:
        return RuleSpec(name=rule.name, mode="hold", tier=random.randint(1, 3), weight=random.choice([0, 1, 7]))
    return RuleSpec(name=rule.name, mode=random.choice(["require", "hold"]))


def _more_tenants(random: Random) -> tuple[Tenant, ...]:
    if random.random() < 0.3:
        return ()
    budget, least = random.choice([None, 0]), random.choice([None, 1000, 8000])
    by_model = random.choice([{}, {"H100": 2000, "none": 1}])
    return (
        Tenant(
            name="c",
            parent=random.choice([None, "a"]),
            disruption_budget=budget,
            guaranteed_gpu_milli=least,
            used_gpu_milli_h=random.choice([0, 0, 5, 2**50]),
            guaranteed_by_model=by_model,
            borrowing_limit_gpu_milli=random.choice([None, None, 0, 2000]),
            borrowing_limit_by_model=random.choice([{}, {"H100": 1000, "A100": 0, "none": 3}]),
            lending_limit_gpu_milli=random.choice([None, 0, 1000]),
            lending_limit_by_model=random.choice([{}, {"H100": 500}]),
        ),
    )


def _vacancy(random: Random, fleet: Fleet) -> dict[str, Any]:
    domains = sorted({f"{n.path['block']}/{n.path['rack']}" for n in fleet.nodes})
    return {
        "domains": random.sample(domains, random.choice([0, 0, 1, len(domains)])),
        "wanted": random.choice([0, 0, 1, 2]),
        "value_micro_usd_h": random.choice([1, 1_000_003]),
    }


def _sites(random: Random) -> tuple[Site, ...]:
    if random.random() < 0.5:
        return ()
    return tuple(Site(name=f"b{k}", tariff_micro_usd_kwh=90_000 * k, carbon_g_kwh=333 * (k + 1)) for k in range(3))


def _random_node(random: Random, number: int) -> Node:
    common = {
        "price_micro_usd_h": random.choice([0, 1_999_999, 2_500_000]),
        "labels": {"pool": random.choice(["x", "y"])},
        "taints": tuple(Taint(key=key) for key in ("gpu", "odd") if random.random() < 0.2),
        "health": random.choice([Health.HEALTHY] * 6 + list(Health)),
        "maintenance": (Window(start_s=2000, end_s=3000),) if random.random() < 0.2 else (),
        "feed": random.choice([None, "fa", "fb"]),
    }
    if number and random.random() < 0.2:
        return cpu_node(number, **common)
    model = random.choice(["H100", "A100"])
    return node(
        number,
        gpu_model=model,
        gpu_memory_mib=80_000 if model == "H100" else 40_000,
        gpu_power_w=700 if model == "H100" else 401,
        unhealthy_gpus=(1,) if random.random() < 0.2 else (),
        **common,
    )


def _random_role(random: Random, name: str) -> Role:
    level = random.choice(["block", "rack", "node", "rack"])
    mode: Any = random.choice(["require", "prefer"])
    replicas = random.randint(1, 4)
    size: dict[str, Any] = random.choice(
        [{"gpus": 1}, {"gpus": 2}, {"gpus": 4}, {"gpu_milli": 333}, {"cpu_milli": 7001}]
    )
    return Role(
        name=name,
        replicas=replicas,
        min_replicas=random.choice([None, 1, replicas]),
        gpu_models=random.choice([(), (), ("H100",), ("A100", "H100")]),
        gpu_memory_mib=random.choice([0, 0, 60_000]),
        nics=random.choice([0, 1]),
        proximity=Proximity(level=level, mode=mode) if random.random() < 0.3 else None,
        segment=Segment(size=random.randint(1, 2), level=level) if random.random() < 0.3 else None,
        spread=Spread(level=level, max_per_domain=random.randint(1, 2), mode=mode) if random.random() < 0.3 else None,
        **size,
    )


def _random_workload(random: Random, name: str, others: list[str]) -> Workload:
    def terms() -> tuple[Affinity, ...]:
        return tuple(
            Affinity(
                level=random.choice(["rack", "block", "node"]),
                workloads=tuple(random.sample(others, random.randint(0, 2))),
                match={"app": random.choice(["p", "q"])} if random.random() < 0.5 else {},
                mode=random.choice(["require", "prefer"]),
            )
            for _ in range(random.choice([0, 0, 1, 2]))
        )

    subgroups = tuple(
        Subgroup(
            name=f"s{k}",
            roles=tuple(_random_role(random, f"r{j}") for j in range(random.randint(1, 2))),
            proximity=Proximity(level="rack", mode=random.choice(["require", "prefer"]))
            if random.random() < 0.3
            else None,
        )
        for k in range(random.randint(1, 2))
    )
    return Workload(
        id=name,
        kind=random.choice(list(Kind)),
        tenant=random.choice("abc"),
        tier=random.randint(0, 4),
        priority=random.randint(0, 300),
        subgroups=subgroups,
        min_subgroups=random.choice([None, 1]),
        proximity=Proximity(level="block", mode=random.choice(["require", "prefer"])),
        affinity=terms(),
        anti_affinity=terms(),
        node_selector={"pool": ("x",)} if random.random() < 0.2 else {},
        tolerations=random.choice([(), ("odd",), ("*",)]),
        labels={"app": random.choice(["p", "q"])},
        expected_duration_s=random.choice([500, 1001, 3600]),
        state_mib=random.choice([0, 140_001]),
        state_nodes=random.choice([(), ("n0", "gone"), ("n1", "n2")]),
        message_mib=random.choice([0, 77]),
        group=random.choice([None, None, None, "g0", "g1"]),
    )


def _random_running(random: Random, name: str, fleet: Fleet, others: list[str]) -> Running:
    workload = _random_workload(random, name, others)
    replicas = tuple(
        Replica(subgroup=r.subgroup, role=r.role, node=r.node, devices=r.devices)
        for r in _random_replicas(random, workload, fleet)
    )
    return Running(
        workload=workload,
        replicas=replicas,
        movable=random.random() < 0.3,
        evictable=random.random() < 0.3,
    )


def _tame_running(random: Random, name: str, fleet: Fleet) -> Running | None:
    """Running work that breaks at most where it may stand, so that it may be disturbed; None if there is no room."""
    free = {n.id: [d for d in range(n.gpu_count) if d not in n.unhealthy_gpus] for n in fleet.nodes}
    gpus = random.choice([1, 2])
    spots = [(n, devices[at : at + gpus]) for n, devices in free.items() for at in range(0, len(devices), gpus)]
    spots = [(n, devices) for n, devices in spots if len(devices) == gpus]
    if len(spots) < 3:
        return None
    chosen = random.sample(spots, random.randint(1, 3))
    workload = Workload(
        id=name,
        kind=random.choice([Kind.TRAINING, Kind.INFERENCE]),
        tenant="c",
        tier=random.randint(0, 2),
        subgroups=(
            Subgroup(
                name="s",
                roles=(
                    Role(
                        name="r",
                        replicas=len(chosen) + random.choice([0, 0, 1, 2]),
                        min_replicas=random.choice([None, 1, 1]),
                        gpus=gpus,
                        gpu_models=random.choice([(), ("A100",), ("H100",)]),
                    ),
                ),
            ),
        ),
        tolerations=("*",),
        state_mib=random.choice([0, 140_001]),
    )
    return Running(
        workload=workload,
        replicas=tuple(
            Replica(subgroup="s", role="r", node=n, devices=tuple(Device(index=d) for d in devices))
            for n, devices in chosen
        ),
        start_s=random.choice([0, 990]),
        last_checkpoint_s=random.choice([None, 500]),
        expected_end_s=random.choice([None, 1500, 9000]),
        restart_cost_micro_usd=random.choice([0, 70_001]),
        movable=random.random() < 0.5,
        evictable=random.random() < 0.5,
    )


def _random_replicas(random: Random, workload: Workload, fleet: Fleet) -> list[PlacedReplica]:
    close = random.random() < 0.5
    home = random.choice(fleet.nodes)
    found = []
    for subgroup in workload.subgroups:
        for role in subgroup.roles:
            wanted = max(1, role.gpus) if role.replica_gpu_milli else 0
            for _ in range(random.choice([role.replicas, role.replicas, random.randint(1, role.replicas)])):
                where = home if close else random.choice(fleet.nodes)
                if where.gpu_count < wanted:
                    where = random.choice([n for n in fleet.nodes if n.gpu_count >= wanted])
                indices = random.sample(range(where.gpu_count), wanted)
                milli = role.gpu_milli or 1000
                devices = tuple(Device(index=index, milli=milli) for index in sorted(indices))
                found.append(PlacedReplica(subgroup=subgroup.name, role=role.name, node=where.id, devices=devices))
    return found


def random_placements(random: Random, case: Case) -> tuple[Placement, ...]:
    """Placements that are well-formed and may break anything; most of the time they keep within capacity."""
    fabric = Fabric.from_fleet(case.fleet)
    lowered = lower(case, fabric)
    stays = {placement.workload: placement for placement in whole(lowered, Lifted(()))}
    found: tuple[Placement, ...] = tuple(p for p in stays.values() if random.random() < 0.6)
    staying = {placement.workload for placement in found}
    case = lowered.case
    for workload in case.workloads:
        evicted = workload.id in stays and random.random() < 0.5
        for _ in range(0 if workload.id in staying or evicted else 3):
            replicas = tuple(_random_replicas(random, workload, case.fleet))
            tried = (*found, Placement(workload=workload.id, replicas=replicas))
            if random.random() < 0.05 or not Capacity().audit(case, fabric, tried):
                found = tried
                break
    return found
