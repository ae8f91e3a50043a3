"""A fleet compiled once into read-only arrays and partitions; every decision starts from one of these."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType

import networkx as nx
import numpy as np
from numpy.typing import NDArray

from topology.errors import TopologyError
from topology.graph import build_graph
from topology.levels import Partition, build_partitions
from topology.model import Fleet, Health, Level, Node

__all__ = ["Fabric"]


@dataclass(frozen=True, eq=False, kw_only=True)
class Fabric:
    """An immutable, versioned view of a fleet. Build it with ``from_fleet``.

    Row i of every array is node i of ``nodes``, which are sorted by id. All arrays are int64[N], read-only.

    Attributes:
        fleet: the fleet in canonical order.
        version: SHA-256 of its content in hexadecimal; the order of lists and mappings does not change it.
        nodes: the N nodes, sorted by id.
        index: node id -> row, read-only.
        levels: the declared levels, coarse to fine.
        partitions: one per level, coarse to fine, then ``node``, then ``feed`` if some node has a feed.
        gpu_count: GPUs of each node, unhealthy ones included.
        gpu_memory_mib: memory of one GPU; 0 if not known or no GPU.
        cpu_milli: thousandths of a CPU core.
        memory_mib: main memory.
        nics: network cards.
        price_micro_usd_h: per GPU-hour on a node with GPUs, per node-hour on a node without.
        idle_power_w: watts with no GPU busy.
        gpu_power_w: watts that each busy GPU adds.
        tariff_micro_usd_kwh: price of energy at the site of each node; 0 if the fleet has no sites.
        carbon_g_kwh: carbon intensity at the site of each node; 0 if the fleet has no sites.
        gpu_models: the names of the GPU models, sorted.
        gpu_model: index into ``gpu_models``, or -1 for a node without GPUs.
        health: the health of each node.
    """

    fleet: Fleet
    version: str
    nodes: tuple[Node, ...]
    index: Mapping[str, int]
    levels: tuple[Level, ...]
    partitions: tuple[Partition, ...]
    gpu_count: NDArray[np.int64]
    gpu_memory_mib: NDArray[np.int64]
    cpu_milli: NDArray[np.int64]
    memory_mib: NDArray[np.int64]
    nics: NDArray[np.int64]
    price_micro_usd_h: NDArray[np.int64]
    idle_power_w: NDArray[np.int64]
    gpu_power_w: NDArray[np.int64]
    tariff_micro_usd_kwh: NDArray[np.int64]
    carbon_g_kwh: NDArray[np.int64]
    gpu_models: tuple[str, ...]
    gpu_model: NDArray[np.int64]
    health: tuple[Health, ...]

    @cached_property
    def fleet_json(self) -> bytes:
        """The fleet as compact JSON, written once."""
        return self.fleet.model_dump_json().encode()

    @classmethod
    def from_fleet(cls, fleet: Fleet) -> Fabric:
        """Compile a fleet. The graph is built only when first asked for."""
        fleet = fleet.canonical()
        nodes = fleet.nodes
        gpu_models = tuple(sorted({node.gpu_model for node in nodes if node.gpu_model is not None}))
        model_row = {model: row for row, model in enumerate(gpu_models)}
        sites = {site.name: site for site in fleet.sites}
        first = fleet.levels[0].name if fleet.levels else ""
        default = sites.get(fleet.default_site or "")
        site_of = [sites.get(node.path.get(first, ""), default) for node in nodes]

        def column(value: Callable[[Node], int]) -> NDArray[np.int64]:
            return _column([value(node) for node in nodes])

        return cls(
            fleet=fleet,
            version=hashlib.sha256(fleet.model_dump_json().encode()).hexdigest(),
            nodes=nodes,
            index=MappingProxyType({node.id: row for row, node in enumerate(nodes)}),
            levels=fleet.levels,
            partitions=build_partitions(
                fleet.level_names,
                [node.id for node in nodes],
                [node.path for node in nodes],
                [node.feed for node in nodes],
            ),
            gpu_count=column(lambda node: node.gpu_count),
            gpu_memory_mib=column(lambda node: node.gpu_memory_mib),
            cpu_milli=column(lambda node: node.cpu_milli),
            memory_mib=column(lambda node: node.memory_mib),
            nics=column(lambda node: node.nics),
            price_micro_usd_h=column(lambda node: node.price_micro_usd_h),
            idle_power_w=column(lambda node: node.idle_power_w),
            gpu_power_w=column(lambda node: node.gpu_power_w),
            tariff_micro_usd_kwh=_column([site.tariff_micro_usd_kwh if site else 0 for site in site_of]),
            carbon_g_kwh=_column([site.carbon_g_kwh if site else 0 for site in site_of]),
            gpu_models=gpu_models,
            gpu_model=column(lambda node: -1 if node.gpu_model is None else model_row[node.gpu_model]),
            health=tuple(node.health for node in nodes),
        )

    @cached_property
    def healthy_gpus(self) -> NDArray[np.int64]:
        """GPUs of each node that are not listed as unhealthy."""
        return _column([node.gpu_count - len(node.unhealthy_gpus) for node in self.nodes])

    @cached_property
    def tainted(self) -> Mapping[str, NDArray[np.bool_]]:
        """Taint key, in order of names -> the nodes that carry it, bool[N]."""
        rows: dict[str, list[int]] = {}
        for row, node in enumerate(self.nodes):
            for taint in node.taints:
                rows.setdefault(taint.key, []).append(row)
        return {key: np.isin(np.arange(len(self.nodes)), found) for key, found in sorted(rows.items())}

    @cached_property
    def windows(self) -> NDArray[np.int64]:
        """Maintenance windows, int64[W, 3]: row of the node, start and end in seconds."""
        rows = [(row, w.start_s, w.end_s) for row, node in enumerate(self.nodes) for w in node.maintenance]
        return np.array(rows, np.int64).reshape(-1, 3)

    @cached_property
    def graph(self) -> nx.Graph[str]:
        """The fabric as a frozen NetworkX graph, built on first use; see ``topology.graph.build_graph``."""
        return build_graph(self.fleet, self.partitions)

    def partition(self, name: str) -> Partition:
        """Return the partition of that name; raise a TopologyError that lists the known ones."""
        for partition in self.partitions:
            if partition.name == name:
                return partition
        known = ", ".join(partition.name for partition in self.partitions)
        raise TopologyError("partition", f"there is no partition {name!r}", f"use one of: {known}")

    def __reduce__(self) -> tuple[Callable[[Fleet], Fabric], tuple[Fleet]]:
        """Compile again in the other process: a plain pickle would lose the read-only arrays and mapping."""
        return Fabric.from_fleet, (self.fleet,)


def _column(values: list[int]) -> NDArray[np.int64]:
    """Return a read-only int64 array."""
    column = np.array(values, dtype=np.int64)
    column.setflags(write=False)
    return column
