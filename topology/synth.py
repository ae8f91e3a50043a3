"""Seeded reference fleets: plausible clusters of 16 to 131,072 nodes for tests, benchmarks and first steps.

The figures are round numbers in the range of public data sheets; they describe no real site. The same
arguments always give the same fleet.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from random import Random
from types import MappingProxyType
from typing import Literal, get_args

from topology.errors import TopologyError
from topology.model import Fleet, Health, Level, Node, PowerCap, Site, Taint

__all__ = ["MAX_NODES", "MIN_NODES", "SHAPES", "FleetKind", "Shape", "synth_fleet"]

FleetKind = Literal["hgx", "nvl72", "mixed"]
MIN_NODES = 16
MAX_NODES = 131_072

_SITE = Site(name="site-a", tariff_micro_usd_kwh=85_000, carbon_g_kwh=350)
_CPU_ONE_IN = 32
_UNHEALTHY_PERCENT = 5
_TIGHT_CAP_ONE_IN = 8
_TIGHT_CAP_PERCENT = 90
_LOOSE_CAP_PERCENT = 105


@dataclass(frozen=True)
class Shape:
    """One kind of node and how its racks, leaves and blocks are made up; units as in `topology.model.Node`."""

    key: str
    nodes_per_rack: int
    racks_per_leaf: int
    leaves_per_block: int
    nvlink_rack: bool
    gpu_model: str | None
    gpu_count: int
    gpu_memory_mib: int
    cpu_milli: int
    memory_mib: int
    nics: int
    price_micro_usd_h: int
    idle_power_w: int
    gpu_power_w: int

    def node(self, node_id: str, path: dict[str, str]) -> Node:
        """A healthy node of this kind, on no power feed."""
        return Node(
            id=node_id,
            path=path,
            gpu_model=self.gpu_model,
            gpu_count=self.gpu_count,
            gpu_memory_mib=self.gpu_memory_mib,
            cpu_milli=self.cpu_milli,
            memory_mib=self.memory_mib,
            nics=self.nics,
            price_micro_usd_h=self.price_micro_usd_h,
            idle_power_w=self.idle_power_w,
            gpu_power_w=self.gpu_power_w,
            labels={"pool": self.key},
            taints=(Taint(key="gpu"),) if self.gpu_count else (),
        )


_H100 = Shape("h100", 4, 8, 8, False, "H100", 8, 81_559, 192_000, 2_097_152, 8, 2_500_000, 2_800, 700)
_A100 = Shape("a100", 4, 8, 8, False, "A100", 8, 81_920, 128_000, 1_048_576, 8, 1_300_000, 1_900, 400)
_L40S = Shape("l40s", 4, 8, 8, False, "L40S", 8, 46_068, 128_000, 1_048_576, 2, 900_000, 1_000, 350)
_GB200 = Shape("gb200", 18, 4, 4, True, "GB200", 4, 189_471, 144_000, 983_040, 4, 4_000_000, 1_200, 1_200)
_CPU = Shape("cpu", 16, 8, 8, False, None, 0, 0, 128_000, 524_288, 1, 4_000_000, 400, 0)

SHAPES: Mapping[str, Shape] = MappingProxyType(
    {"hgx": _H100, "nvl72": _GB200, "a100": _A100, "l40s": _L40S, "cpu": _CPU}
)
"""Kinds of nodes by the name that a person gives them."""

_IB_LEVELS = (
    Level(name="site", latency_us=1_000, bandwidth_gbps=100),
    Level(name="block", latency_us=12, bandwidth_gbps=1_600),
    Level(name="leaf", latency_us=8, bandwidth_gbps=3_200),
    Level(name="rack", latency_us=5, bandwidth_gbps=3_200),
    Level(name="nvlink", latency_us=5, bandwidth_gbps=3_200),
)
_NVL_LEVELS = (
    Level(name="site", latency_us=1_000, bandwidth_gbps=100),
    Level(name="block", latency_us=12, bandwidth_gbps=800),
    Level(name="leaf", latency_us=8, bandwidth_gbps=1_600),
    Level(name="rack", latency_us=5, bandwidth_gbps=1_600),
    Level(name="nvlink", latency_us=5, bandwidth_gbps=1_600),
)


def synth_fleet(kind: FleetKind, nodes: int, seed: int) -> Fleet:
    """Return a reference fleet of exactly ``nodes`` nodes.

    One node in 32, at least one, has no GPU and stands in racks apart; the others carry the taint ``gpu``.

    - ``hgx``: 8 x H100 a node; racks of 4 nodes, leaves of 8 racks, blocks of 8 leaves. The NVLink domain is
      the node itself, so the nodes have no ``nvlink`` label.
    - ``nvl72``: 4 x GB200 a node; racks of 18 nodes, each rack one NVLink domain; 4 racks a leaf, 16 a block.
    - ``mixed``: about a fifth of the GPU nodes each in A100, L40S (8 a node, PCIe, no NVLink) and GB200, the
      rest H100; no block mixes models.

    The last rack of a model may be partly filled. Five percent of the GPU nodes, chosen by ``seed``, are
    degraded (with one unhealthy GPU) or cordoned. Racks take turns on two power feeds per row (the racks of
    one leaf). Each rack has a power cap: one rack in eight, chosen by ``seed``, at 90 % of its peak, which
    binds when it is nearly full, the others above their peak. Raises TopologyError for an unknown kind or a
    number of nodes outside 16..131072.
    """
    if kind not in get_args(FleetKind):
        raise TopologyError("kind", f"there is no fleet kind {kind!r}", f"use {', '.join(get_args(FleetKind))}")
    if not MIN_NODES <= nodes <= MAX_NODES:
        raise TopologyError("nodes", f"{nodes} is outside the range", f"choose {MIN_NODES}..{MAX_NODES}")
    random = Random(seed)
    cpu_nodes = max(1, nodes // _CPU_ONE_IN)
    built: list[Node] = []
    first_block = 0
    for shape, count in (*_shares(kind, nodes - cpu_nodes), (_CPU, cpu_nodes)):
        built.extend(_fill(shape, count, first_block, random))
        first_block += -(-count // (shape.nodes_per_rack * shape.racks_per_leaf * shape.leaves_per_block))
    return Fleet(
        name=f"{kind}-{nodes}-{seed}",
        levels=_IB_LEVELS if kind == "hgx" else _NVL_LEVELS,
        nodes=tuple(built),
        power_caps=tuple(_rack_caps(built, random)),
        sites=(_SITE,),
    )


def _shares(kind: FleetKind, gpu_nodes: int) -> tuple[tuple[Shape, int], ...]:
    """Divide the GPU nodes among the shapes of a kind."""
    if kind == "hgx":
        return ((_H100, gpu_nodes),)
    if kind == "nvl72":
        return ((_GB200, gpu_nodes),)
    fifth = gpu_nodes // 5
    # Whole NVLink racks where there is room for one: a part of one would only be a small special case.
    gb200 = fifth if fifth < _GB200.nodes_per_rack else fifth - fifth % _GB200.nodes_per_rack
    return ((_H100, gpu_nodes - 2 * fifth - gb200), (_A100, fifth), (_L40S, fifth), (_GB200, gb200))


def _fill(shape: Shape, count: int, first_block: int, random: Random) -> Iterator[Node]:
    """Yield ``count`` nodes of one shape, rack by rack, from block ``first_block`` on."""
    unhealthy: dict[int, Health] = {}
    if shape.gpu_count:
        sick = random.sample(range(count), (count * _UNHEALTHY_PERCENT + 50) // 100)
        unhealthy = {row: (Health.DEGRADED, Health.CORDONED)[turn % 2] for turn, row in enumerate(sick)}
    for row in range(count):
        rack = row // shape.nodes_per_rack
        leaf = rack // shape.racks_per_leaf
        path = {
            "site": _SITE.name,
            "block": f"b{first_block + leaf // shape.leaves_per_block:02d}",
            "leaf": f"l{leaf % shape.leaves_per_block}",
            "rack": f"r{rack % shape.racks_per_leaf}",
        }
        if shape.nvlink_rack:
            path["nvlink"] = "nv0"
        health = unhealthy.get(row, Health.HEALTHY)
        broken = (random.randrange(shape.gpu_count),) if health is Health.DEGRADED else ()
        yield shape.node(f"{shape.key}-{row:05d}", path).model_copy(
            update={
                "unhealthy_gpus": broken,
                "health": health,
                "feed": f"{path['block']}-{path['leaf']}-{'ab'[rack % 2]}",
            }
        )


def _rack_caps(nodes: list[Node], random: Random) -> Iterator[PowerCap]:
    """Yield one power cap per rack, in the order of the nodes."""
    peaks: dict[str, int] = {}
    for node in nodes:
        rack = "/".join(node.path[level] for level in ("site", "block", "leaf", "rack"))
        peaks[rack] = peaks.get(rack, 0) + node.idle_power_w + node.gpu_count * node.gpu_power_w
    for rack, peak in peaks.items():
        tight = random.randrange(_TIGHT_CAP_ONE_IN) == 0
        percent = _TIGHT_CAP_PERCENT if tight else _LOOSE_CAP_PERCENT
        yield PowerCap(partition="rack", domain=rack, cap_w=peak * percent // 100)
