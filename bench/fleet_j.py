"""The fleet-j instances: gangs of whole nodes onto free nodes, at the cost J that each file states."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np

from bench.method import Method
from placement.errors import InputError
from solver.items import BoolArray, IntArray

__all__ = ["FleetJ", "GangMethod", "Gangs", "cost_j", "faults_j", "read_fleet_j"]

Gangs: TypeAlias = tuple[tuple[int, ...] | None, ...]
"""For every gang the nodes that it is given, None if it is left out."""


@dataclass(frozen=True, eq=False)
class FleetJ:
    """One instance. Node, rack and block are indices; `sizes` the nodes that each gang wants."""

    name: str
    rack: IntArray
    """int64[N], rack of every node."""
    block: IntArray
    """int64[N], block of every node."""
    free: BoolArray
    """bool[N]; other nodes are busy and stay so."""
    rack_node_cost: IntArray
    """int64[R], cost of using one node of a rack."""
    block_target: IntArray
    """int64[B], newly used nodes of a block that cost nothing extra."""
    sizes: tuple[int, ...]
    min_racks: tuple[int, ...]
    """Racks of a gang that are free of charge."""
    min_blocks: tuple[int, ...]
    per_unplaced_node: int
    per_extra_rack: int
    per_extra_block: int
    per_node_above_target: int


GangMethod: TypeAlias = Method[FleetJ, Gangs]
"""A method on fleet-j instances."""


def read_fleet_j(path: Path) -> FleetJ:
    """Read a `fleet_J_*.json.gz` file; InputError if it is missing or is no such file."""
    try:
        with gzip.open(path, "rt", encoding="utf-8") as stream:
            told = json.load(stream)
        nodes, weights = told["nodes"], told["weights"]
        ids = [node["id"] for node in nodes]
        fleet = FleetJ(
            name=told["name"],
            rack=np.array([node["rack"] for node in nodes], np.int64),
            block=np.array([node["block"] for node in nodes], np.int64),
            free=np.array([node["free"] for node in nodes], np.bool_),
            rack_node_cost=np.array(told["rack_node_cost"], np.int64),
            block_target=np.array(told["block_target_nodes"], np.int64),
            sizes=tuple(told["gang_sizes_nodes"]),
            min_racks=tuple(told["min_racks"]),
            min_blocks=tuple(told["min_blocks"]),
            per_unplaced_node=weights["unplaced_node"],
            per_extra_rack=weights["extra_rack"],
            per_extra_block=weights["extra_block"],
            per_node_above_target=weights["node_above_block_target"],
        )
    except OSError as error:
        raise InputError(
            path.name, f"it cannot be read: {error.strerror}", "name the folder of measured data"
        ) from None
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(path.name, f"it is no fleet-j instance: {error}", "use the file as published") from None
    if ids != list(range(len(ids))):
        raise InputError(path.name, "its nodes are not numbered in order", "use the file as published")
    return fleet


def faults_j(fleet: FleetJ, gangs: Sequence[Sequence[int] | None]) -> tuple[str, ...]:
    """What an answer breaks: a gang in part, a node that is busy, unknown or used twice."""
    if len(gangs) != len(fleet.sizes):
        return (f"{len(gangs)} gangs are answered, the instance has {len(fleet.sizes)}",)
    found = []
    used: set[int] = set()
    for gang, (nodes, size) in enumerate(zip(gangs, fleet.sizes, strict=True)):
        if nodes is None:
            continue
        if len(nodes) != size:
            found.append(f"gang {gang} has {len(nodes)} nodes and wants {size}")
        for node in nodes:
            if not 0 <= node < fleet.free.size or not fleet.free[node]:
                found.append(f"gang {gang} uses node {node}, which is not free")
            elif node in used:
                found.append(f"gang {gang} uses node {node}, which another replica has")
            used.add(node)
    return tuple(found)


def cost_j(fleet: FleetJ, gangs: Sequence[Sequence[int] | None]) -> int:
    """J of a faultless answer, lower is better.

    J = per_unplaced_node x nodes of unplaced gangs + per_extra_rack x (racks used - min_racks) + per_extra_block x
    (blocks used - min_blocks), both summed over the placed gangs, + rack_node_cost of all used nodes +
    per_node_above_target x nodes used in a block above its target.
    """
    total = 0
    used: list[int] = []
    for nodes, size, racks, blocks in zip(gangs, fleet.sizes, fleet.min_racks, fleet.min_blocks, strict=True):
        if nodes is None:
            total += fleet.per_unplaced_node * size
            continue
        total += fleet.per_extra_rack * (len({int(fleet.rack[n]) for n in nodes}) - racks)
        total += fleet.per_extra_block * (len({int(fleet.block[n]) for n in nodes}) - blocks)
        used.extend(nodes)
    rows = np.array(used, np.int64)
    total += int(fleet.rack_node_cost[fleet.rack[rows]].sum())
    newly = np.bincount(fleet.block[rows], minlength=fleet.block_target.size)
    return total + fleet.per_node_above_target * int(np.maximum(newly - fleet.block_target, 0).sum())
