"""Carries out a defragmentation step by step from the documents alone and asserts what every prefix must keep."""

from collections import Counter
from math import ceil

from placement.compile import lower, whole
from placement.compile.lifting import Lifted
from placement.defrag import Defragmentation
from placement.model import Case, Move, PlacedReplica
from placement.model.state import Replica
from placement.rules.registry import active_rules
from placement.snapshot import Snapshot
from placement.verify import verify_placements
from topology.levels import nested_domain_names

__all__ = ["simulate"]

Held = dict[str, list[PlacedReplica]]


def simulate(case: Case, told: Defragmentation) -> Held:
    """Where everything is in the end. AssertionError names the step that may not happen, or claims what is not so."""
    state: Held = {r.workload.id: [_placed(one) for one in r.replicas] for r in case.running}
    movable = {r.workload.id for r in case.running if r.movable}
    moved: dict[str, Move] = {}
    asked = _domains(case, told.level)
    free = _free(state, asked)
    start = _first_tier(case, ())
    assert set(told.free_before) <= free
    for step in told.steps:
        assert step.workload in movable
        old, new = state[step.workload], list(step.replicas)
        changed = [r for r, n in (Counter(new) - Counter(old)).items() for _ in range(n)]
        assert len(changed) == step.moved > 0
        assert step.nodes_before == tuple(sorted({r.node for r in old}))
        assert step.nodes_after == tuple(sorted({r.node for r in new}))
        during = {**state, step.workload: [*old, *changed]}
        _assert_room(case, state, during, step.workload)
        state[step.workload] = new
        was = next(r for r in case.running if r.workload.id == step.workload)
        gone = (Counter(new) - Counter(_placed(r) for r in was.replicas)).total()
        if gone:
            moved[step.workload] = Move(workload=step.workload, moved=gone, replicas=step.replicas)
        else:
            moved.pop(step.workload, None)
        assert verify_placements(case, (), Lifted((), moves=tuple(moved.values()))) == (), step.workload
        assert _first_tier(case, tuple(moved.values())) <= start, step.workload
        now = _free(state, asked)
        assert set(step.frees) <= now - free
        free = now
    assert set(told.free_after) <= free
    return state


def _placed(replica: Replica) -> PlacedReplica:
    devices = tuple(sorted(replica.devices, key=lambda device: device.index))
    return PlacedReplica(subgroup=replica.subgroup, role=replica.role, node=replica.node, devices=devices)


def _domains(case: Case, level: str) -> dict[str, str]:
    """Node -> its domain."""
    ids = [node.id for node in case.fleet.nodes]
    if level == "node":
        return dict(zip(ids, ids, strict=True))
    names = nested_domain_names(case.fleet.level_names, ids, [node.path for node in case.fleet.nodes])
    return dict(zip(ids, names[level], strict=True))


def _free(state: Held, domain_of: dict[str, str]) -> set[str]:
    return set(domain_of.values()) - {domain_of[r.node] for replicas in state.values() for r in replicas}


def _assert_room(case: Case, before: Held, during: Held, mover: str) -> None:
    """Devices, CPU, memory, NICs of the nodes and the power caps, with the mover in both of its places.

    A cap that is exceeded already may stay so, but nothing is added to it (hold).
    """
    roles = {
        (r.workload.id, sub.name, role.name): role
        for r in case.running
        for sub in r.workload.subgroups
        for role in sub.roles
    }
    nodes = {node.id: node for node in case.fleet.nodes}
    used: Counter[tuple[str, int]] = Counter()
    amounts: dict[str, list[int]] = {name: [0, 0, 0] for name in nodes}
    drawn, held = _drawn_w(case, during), _drawn_w(case, before)
    for name, replicas in during.items():
        for replica in replicas:
            role = roles[name, replica.subgroup, replica.role]
            for device in replica.devices:
                used[replica.node, device.index] += device.milli
            for k, amount in enumerate((role.cpu_milli, role.memory_mib, role.nics)):
                amounts[replica.node][k] += amount
    for (name, index), milli in used.items():
        assert milli <= 1000, (mover, name, index)
        assert index < nodes[name].gpu_count
    for name, (cpu, memory, nics) in amounts.items():
        node = nodes[name]
        assert cpu <= node.cpu_milli, (mover, name)
        assert memory <= node.memory_mib, (mover, name)
        assert nics <= node.nics, (mover, name)
    for cap in case.fleet.power_caps:
        domain_of = _domains(case, cap.partition) if cap.partition != "feed" else {n.id: n.feed for n in nodes.values()}
        inside = [node for node in nodes.values() if domain_of[node.id] == cap.domain]
        load = sum(node.idle_power_w + drawn[node.id] for node in inside)
        was = sum(node.idle_power_w + held[node.id] for node in inside)
        assert load <= max(cap.cap_w, was), (mover, cap.domain)


def _drawn_w(case: Case, state: Held) -> Counter[str]:
    """Node -> watts of its busy GPUs."""
    power_w = {node.id: node.gpu_power_w for node in case.fleet.nodes}
    drawn: Counter[str] = Counter()
    for replica in (r for replicas in state.values() for r in replicas):
        drawn[replica.node] += ceil(power_w[replica.node] * sum(device.milli for device in replica.devices) / 1000)
    return drawn


def _first_tier(case: Case, moves: tuple[Move, ...]) -> int:
    """The first tier of the case's own policy by the rules' oracles, all pending work left out."""
    alone = case.model_copy(update={"workloads": ()})
    snapshot = Snapshot.of(alone)
    lowered = lower(snapshot.case, snapshot.fabric)
    placements = whole(lowered, Lifted((), moves=moves))
    first = min((a.spec.tier for a in active_rules(case.policy) if a.objective is not None), default=0)
    return sum(
        a.objective.points(lowered.case, lowered.fabric, placements, a.spec)
        for a in active_rules(case.policy)
        if a.objective is not None and a.spec.tier == first
    )
