"""Synthetic cases hold what they promise, counted here from the documents alone."""

from collections import Counter

import pytest

from placement.admission import screen
from placement.cases.synth import synth_case
from placement.errors import InputError
from placement.model import Case, Kind
from topology.fabric import Fabric
from topology.model import Health
from topology.synth import FleetKind

CASES: tuple[tuple[FleetKind, int, float, int, int], ...] = (
    ("hgx", 32, 0.7, 20, 1),
    ("hgx", 16, 0.5, 5, 2),
    ("nvl72", 64, 0.8, 50, 3),
    ("mixed", 128, 0.95, 200, 4),
    ("mixed", 48, 0.0, 60, 5),
    ("hgx", 256, 0.6, 400, 6),
)


@pytest.fixture(scope="module", params=CASES, ids=lambda args: "-".join(map(str, args)))
def built(request: pytest.FixtureRequest) -> tuple[Case, float, int]:
    kind, nodes, occupancy, pending, seed = request.param
    return synth_case(kind, nodes, occupancy, pending, seed), occupancy, pending


def used_milli(case: Case) -> Counter[tuple[str, int]]:
    used: Counter[tuple[str, int]] = Counter()
    for work in case.running:
        for replica in work.replicas:
            for device in replica.devices:
                used[replica.node, device.index] += device.milli
    return used


def test_the_occupancy_is_what_was_asked(built: tuple[Case, float, int]) -> None:
    case, occupancy, _ = built
    total = 1000 * sum(node.gpu_count for node in case.fleet.nodes)
    assert sum(used_milli(case).values()) / total == pytest.approx(occupancy, abs=0.01)


def test_nobody_is_over_capacity_power_or_quota(built: tuple[Case, float, int]) -> None:
    case, _, _ = built
    nodes = {node.id: node for node in case.fleet.nodes}
    used = used_milli(case)
    assert all(milli <= 1000 for milli in used.values())
    for name, slot in used:
        assert slot not in nodes[name].unhealthy_gpus
        assert nodes[name].health in (Health.HEALTHY, Health.DEGRADED)
    cpu: Counter[str] = Counter()
    memory: Counter[str] = Counter()
    nics: Counter[str] = Counter()
    tenant: Counter[str] = Counter()
    for work in case.running:
        role = work.workload.subgroups[0].roles[0]
        assert len(work.replicas) == role.replicas
        for replica in work.replicas:
            cpu[replica.node] += role.cpu_milli
            memory[replica.node] += role.memory_mib
            nics[replica.node] += role.nics
            tenant[work.workload.tenant] += sum(device.milli for device in replica.devices)
    for node in nodes.values():
        assert cpu[node.id] <= node.cpu_milli
        assert memory[node.id] <= node.memory_mib
        assert nics[node.id] <= node.nics
    assert all(t.quota_gpu_milli is None or tenant[t.name] <= t.quota_gpu_milli for t in case.tenants)
    busy = Counter(name for name, _ in used)
    draw_w: Counter[str] = Counter()
    for node in nodes.values():
        rack = "/".join(node.path[level] for level in ("site", "block", "leaf", "rack"))
        draw_w[rack] += node.idle_power_w + busy[node.id] * node.gpu_power_w
    assert all(draw_w[cap.domain] <= cap.cap_w for cap in case.fleet.power_caps)


def test_the_pending_work_is_varied_and_can_be_meant(built: tuple[Case, float, int]) -> None:
    case, _, pending = built
    assert len(case.workloads) == pending
    assert screen(case, Fabric.from_fleet(case.fleet)) == {}
    cpu_only = [workload for workload in case.workloads if workload.kind is Kind.CPU]
    assert min(2, pending // 3) <= len(cpu_only) <= 3
    assert all(not workload.asks_gpus for workload in cpu_only)
    total = 1000 * sum(node.gpu_count for node in case.fleet.nodes)
    assert all(workload.gpu_milli_total <= total // 4 for workload in case.workloads)
    assert 8 <= len(case.tenants) <= 12
    assert any(tenant.quota_gpu_milli is not None for tenant in case.tenants)
    if pending >= 50:
        free = total - sum(used_milli(case).values())
        assert 0.8 < sum(workload.gpu_milli_total for workload in case.workloads) / free < 1.6
        roles = [workload.subgroups[0].roles[0] for workload in case.workloads]
        assert any(workload.proximity for workload in case.workloads)
        assert any(workload.anti_affinity for workload in case.workloads)
        assert any(workload.state_nodes for workload in case.workloads)
        assert any(role.gpu_models for role in roles)
        assert pending < 200 or any(role.spread for role in roles)


def test_many_workloads_use_every_rule() -> None:
    case = synth_case("mixed", 1024, 0.5, 600, 9)
    roles = [workload.subgroups[0].roles[0] for workload in case.workloads]
    required = [w.proximity.level for w in case.workloads if w.proximity and w.proximity.mode == "require"]
    assert len(set(required)) >= 2
    assert any(role.segment for role in roles)
    assert any(role.min_replicas for role in roles)
    assert any(role.nics for role in roles)
    assert any(workload.affinity for workload in case.workloads)
    assert not any(work.movable or work.evictable for work in case.running)
    free = synth_case("mixed", 1024, 0.5, 600, 9, preemption=True)
    assert any(work.movable for work in free.running)
    assert any(work.evictable for work in free.running)
    assert free.workloads == case.workloads
    assert max(len(work.replicas) for work in case.running) >= 8


def test_the_seed_decides_everything() -> None:
    first = synth_case("hgx", 32, 0.7, 20, 1)
    assert synth_case("hgx", 32, 0.7, 20, 1).to_json() == first.to_json()
    assert synth_case("hgx", 32, 0.7, 20, 2).id != first.id


@pytest.mark.badinput
@pytest.mark.parametrize(
    ("nodes", "occupancy", "pending", "seed", "field"),
    [(8, 0.5, 5, 1, "nodes"), (16, 1.0, 5, 1, "occupancy"), (16, 0.5, -1, 1, "pending"), (16, 0.5, 1, -1, "seed")],
)
def test_arguments_out_of_range_are_named(nodes: int, occupancy: float, pending: int, seed: int, field: str) -> None:
    with pytest.raises(InputError) as caught:
        synth_case("hgx", nodes, occupancy, pending, seed)
    assert caught.value.field == field


def test_demand_can_be_raised_above_what_is_free_by_larger_gangs() -> None:
    def wanted(case: Case) -> int:
        return sum(
            role.replicas * role.replica_gpu_milli for w in case.workloads for s in w.subgroups for role in s.roles
        )

    def free(case: Case) -> int:
        usable = {node.id for node in case.fleet.nodes if node.health in {Health.HEALTHY, Health.DEGRADED}}
        total = sum(
            1000 * (node.gpu_count - len(node.unhealthy_gpus)) for node in case.fleet.nodes if node.id in usable
        )
        return total - sum(device.milli for run in case.running for seat in run.replicas for device in seat.devices)

    plain = synth_case("hgx", 256, 0.5, 40, 5)
    raised = synth_case("hgx", 256, 0.5, 40, 5, demand_percent=130)
    assert wanted(plain) < 0.9 * free(plain)
    assert 1.3 <= wanted(raised) / free(raised) < 1.6
    assert raised.running == plain.running
    assert raised.fleet == plain.fleet
    assert not screen(raised, Fabric.from_fleet(raised.fleet))


@pytest.mark.badinput
@pytest.mark.parametrize("percent", [-1, 201])
def test_demand_out_of_range_is_named(percent: int) -> None:
    with pytest.raises(InputError, match="demand_percent"):
        synth_case("hgx", 16, 0.5, 4, 0, demand_percent=percent)
