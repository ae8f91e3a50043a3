"""An independent reader of the state: counts what every node gives and has, from the messages alone."""

from collections import Counter
from collections.abc import Iterable, Mapping

from placement.v1 import placement_pb2 as pb

AMOUNTS = ("cpu_milli", "memory_mib", "nics")


def oversubscribed(held: pb.GetFabricResponse, quotas: Mapping[str, int] = {}) -> list[str]:
    """One sentence per device, amount or quota (tenant -> GPU milli) that is given away more often than it is there.

    A workload listed twice counts too. Devices that broke under running work are not counted: it keeps its place.
    """
    nodes = {node.id: node for node in held.fleet.nodes}
    devices: Counter[tuple[str, int]] = Counter()
    amounts: Counter[tuple[str, str]] = Counter()
    tenants: Counter[str] = Counter()
    found = []
    names = Counter(running.workload.id for running in held.running)
    found += [f"{name} runs {count} times" for name, count in names.items() if count > 1]
    for running in held.running:
        roles = {(sub.name, role.name): role for sub in running.workload.subgroups for role in sub.roles}
        for replica in running.replicas:
            role = roles[replica.subgroup, replica.role]
            if replica.node not in nodes:
                found.append(f"{running.workload.id} runs on {replica.node}, which is not there")
                continue
            for device in replica.devices:
                devices[replica.node, device.index] += device.milli
                tenants[running.workload.tenant] += device.milli
            for name in AMOUNTS:
                amounts[replica.node, name] += getattr(role, name)
    for (node, index), milli in devices.items():
        if milli > 1000 or index >= nodes[node].gpu_count:
            found.append(f"{node} GPU {index}: {milli} milli of 1000, {nodes[node].gpu_count} GPUs there")
    for (node, name), amount in amounts.items():
        if amount > getattr(nodes[node], name):
            found.append(f"{node}: {amount} {name} of {getattr(nodes[node], name)}")
    found += [
        f"tenant {name}: {milli} of {quotas[name]}"
        for name, milli in tenants.items()
        if milli > quotas.get(name, milli)
    ]
    return found


def lost(held: Iterable[pb.Running], wanted: Mapping[str, tuple[str, ...]], unsure: set[str]) -> list[str]:
    """Where the running work is not what the answers said: workload id -> nodes. `unsure` ones had no answer."""
    real = {one.workload.id: tuple(sorted(replica.node for replica in one.replicas)) for one in held}
    return [
        f"{name}: the answers say {wanted.get(name)}, the server {real.get(name)}"
        for name in sorted((real.keys() | wanted.keys()) - unsure)
        if real.get(name) != wanted.get(name)
    ]
