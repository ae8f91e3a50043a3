"""What is in use and what is ill in each domain of a fleet, as a tree along its levels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from placement.model import Running
from placement.model.fields import Document
from placement.units import MILLI, ceil_div
from topology.levels import FLEET, NODE, SINGLETON_MARK, nested_domain_names
from topology.model import Fleet, Health, Node

__all__ = ["Occupancy", "occupancy"]

_CLOSED = frozenset({Health.CORDONED, Health.FAILED})


class Occupancy(Document):
    """One domain, or the whole fleet, or a node: its own figures and, down to the depth asked for, those below."""

    level: str
    """`fleet`, a level name or `node`."""
    name: str
    """The domain's last label, or the id of the node."""
    part: str
    """The name that edits take: `rack:b1/r3`, or the id of the node."""
    nodes: int
    gpus: int
    gpu_model: str
    """Models of its nodes, joined by `+`; empty without GPUs."""
    used_gpu_milli: int
    """Held by running work."""
    free_gpu_milli: int
    """Of healthy GPUs, on nodes that are neither cordoned nor failed."""
    unhealthy_gpus: int
    health: dict[str, int]
    """Health -> number of nodes; only what occurs."""
    power_w: int
    """Idle draw of the nodes plus the draw of running work."""
    cap_w: int | None = None
    """The power cap of this domain itself."""
    below: tuple[Occupancy, ...] = ()


def occupancy(fleet: Fleet, running: Sequence[Running] = (), *, depth: int = 16, at: str | None = None) -> Occupancy:
    """Count a fleet and what runs on it, domain by domain, `depth` steps down; nodes are the last step.

    `at` names the part to begin at (see `topology.parts`; TopologyError if it is not there). Nodes without a label
    at a level stand beside the domains there.
    """
    counted = _Counted(fleet, running)
    nodes = {node.id: node for node in fleet.nodes}
    if at is None:
        return counted.domain(FLEET, fleet.name, fleet.name, "", list(fleet.nodes), 0, depth)
    from topology.parts import Parts  # noqa: PLC0415 - only where a part is asked for

    part = Parts(fleet.level_names, fleet.nodes).find(at, "--part")
    if part.partition == NODE:
        return counted.node(nodes[part.domain])
    members = [nodes[node_id] for node_id in part.nodes]
    if part.partition not in fleet.level_names:
        return counted.domain(part.partition, part.domain, str(part), "", members, 0, depth)
    step = fleet.level_names.index(part.partition) + 1
    last = part.domain.rsplit("/", maxsplit=1)[-1]
    return counted.domain(part.partition, last, str(part), part.domain, members, step, depth)


class _Counted:
    """A fleet with what runs on each node."""

    def __init__(self, fleet: Fleet, running: Iterable[Running]) -> None:
        self._levels = fleet.level_names
        self._caps = {(cap.partition, cap.domain): cap.cap_w for cap in fleet.power_caps}
        ids = [node.id for node in fleet.nodes]
        names = nested_domain_names(self._levels, ids, [node.path for node in fleet.nodes])
        self._domains = {level: dict(zip(ids, domains, strict=True)) for level, domains in names.items()}
        power_w = {node.id: node.gpu_power_w for node in fleet.nodes}
        self._used: Counter[str] = Counter()
        self._held: dict[str, Counter[int]] = {}
        self._drawn: Counter[str] = Counter()
        for one in running:
            for replica in one.replicas:
                milli = sum(device.milli for device in replica.devices)
                self._used[replica.node] += milli
                self._drawn[replica.node] += ceil_div(power_w[replica.node] * milli, MILLI)
                held = self._held.setdefault(replica.node, Counter())
                for device in replica.devices:
                    held[device.index] += device.milli

    def domain(
        self, level: str, name: str, part: str, path: str, nodes: list[Node], step: int, depth: int
    ) -> Occupancy:
        """The figures of these nodes; below it the domains of level `step`, or the nodes themselves."""
        below: list[Occupancy] = []
        if depth > 0 and step < len(self._levels):
            inner = self._levels[step]
            groups: dict[str, list[Node]] = {}
            for node in nodes:
                groups.setdefault(self._domains[inner][node.id], []).append(node)
            for domain in sorted(groups):
                last = domain.rsplit("/", maxsplit=1)[-1]
                if last.startswith(SINGLETON_MARK):
                    below.extend(self.node(node) for node in groups[domain])
                else:
                    place = f"{inner}:{domain}"
                    below.append(self.domain(inner, last, place, domain, groups[domain], step + 1, depth - 1))
        elif depth > 0:
            below = [self.node(node) for node in sorted(nodes, key=lambda node: node.id)]
        return self._sum(level, name, part, path or name, nodes, tuple(below))

    def node(self, node: Node) -> Occupancy:
        """The figures of one node."""
        return self._sum(NODE, node.id, node.id, node.id, [node], ())

    def _sum(
        self, level: str, name: str, part: str, domain: str, nodes: list[Node], below: tuple[Occupancy, ...]
    ) -> Occupancy:
        models = sorted({node.gpu_model for node in nodes if node.gpu_model is not None})
        health = Counter(node.health for node in nodes)
        return Occupancy(
            level=level,
            name=name,
            part=part,
            nodes=len(nodes),
            gpus=sum(node.gpu_count for node in nodes),
            gpu_model="+".join(models),
            used_gpu_milli=sum(self._used[node.id] for node in nodes),
            free_gpu_milli=sum(self._free(node) for node in nodes),
            unhealthy_gpus=sum(len(node.unhealthy_gpus) for node in nodes),
            health={state.value: health[state] for state in Health if health[state]},
            power_w=sum(node.idle_power_w + self._drawn[node.id] for node in nodes),
            cap_w=self._caps.get((level, domain)),
            below=below,
        )

    def _free(self, node: Node) -> int:
        if node.health in _CLOSED:
            return 0
        held = self._held.get(node.id, Counter())
        healthy = (gpu for gpu in range(node.gpu_count) if gpu not in node.unhealthy_gpus)
        return sum(max(0, MILLI - held[gpu]) for gpu in healthy)
