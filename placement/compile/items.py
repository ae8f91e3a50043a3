"""From workloads to items: one per workload, or one per placement group, each with its tree of bundles."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from placement.model.case import Case
from placement.model.state import Running
from placement.model.workload import PlacementGroup, Role, Subgroup, Workload
from placement.rules.context import ItemRef, PartRef, Usage
from placement.rules.survey import seats_of
from placement.units import MILLI
from solver.items import Bundle, Demand, Item, Part
from topology.fabric import Fabric

__all__ = ["build_items", "build_usage"]


@dataclass
class _Tree:
    """An item under construction; equal `demands` of all items are one object."""

    key: str
    demands: dict[Demand, Demand]
    bundles: list[Bundle] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)
    refs: list[PartRef] = field(default_factory=list)
    bundle_of: dict[tuple[str, ...], int] = field(default_factory=dict)

    def bundle(self, name: str, parent: int, need: int) -> int:
        self.bundles.append(Bundle(name, parent, need))
        return len(self.bundles) - 1

    def workload(self, workload: Workload, parent: int) -> None:
        """Add a workload; one with a single subgroup needs no bundle for it."""
        subgroups = workload.subgroups
        if len(subgroups) == 1:
            self.subgroup(workload, subgroups[0], parent, workload.id)
            self.bundle_of[workload.id,] = self.bundle_of[workload.id, subgroups[0].name]
            return
        need = len(subgroups) if workload.min_subgroups is None else workload.min_subgroups
        root = self.bundle(workload.id, parent, need)
        self.bundle_of[workload.id,] = root
        for subgroup in subgroups:
            self.subgroup(workload, subgroup, root, f"{workload.id}/{subgroup.name}")

    def subgroup(self, workload: Workload, subgroup: Subgroup, parent: int, name: str) -> None:
        """Add a subgroup; a role that must or should stay close together gets a bundle of its own."""
        alone = len(subgroup.roles) == 1
        close = set() if alone else {role.name for role in subgroup.roles if role.proximity is not None}
        own = self.bundle(name, parent, len(close))
        self.bundle_of[workload.id, subgroup.name] = own
        for role in subgroup.roles:
            inside = own
            if role.name in close:
                inside = self.bundle(f"{name}/{role.name}", own, 0)
            if alone or role.name in close:
                self.bundle_of[workload.id, subgroup.name, role.name] = inside
            label = f"{workload.id}/{subgroup.name}/{role.name}"
            demand = _demand(role)
            demand = self.demands.setdefault(demand, demand)
            self.parts.append(Part(label, demand, role.replicas, role.min_count, inside))
            self.refs.append(PartRef(workload, subgroup, role))


def _demand(role: Role) -> Demand:
    return Demand(role.gpus, role.gpu_milli, (role.cpu_milli, role.memory_mib, role.nics))


def build_items(case: Case) -> tuple[tuple[Item, ...], tuple[ItemRef, ...]]:
    """Items and what they stand for, in order of their keys; a group's key is `group:` and its name.

    Workloads that name a group which the case does not define stand alone: admission has refused them.
    """
    groups = {group.name: group for group in case.groups}
    members: dict[str, list[Workload]] = {}
    single: list[Workload] = []
    for workload in case.workloads:
        if workload.group in groups:
            members.setdefault(str(workload.group), []).append(workload)
        else:
            single.append(workload)
    demands: dict[Demand, Demand] = {}
    built = [_item(workload.id, None, (workload,), demands) for workload in single]
    built += [_item(f"group:{name}", groups[name], tuple(found), demands) for name, found in members.items()]
    built.sort(key=lambda pair: (pair[1].group is not None, pair[1].key))
    return tuple(item for item, _ in built), tuple(ref for _, ref in built)


def _item(
    key: str, group: PlacementGroup | None, members: Iterable[Workload], demands: dict[Demand, Demand]
) -> tuple[Item, ItemRef]:
    tree = _Tree(key, demands)
    ordered = tuple(sorted(members, key=lambda workload: workload.id))
    parent = tree.bundle(key, -1, len(ordered)) if len(ordered) > 1 else -1
    for workload in ordered:
        tree.workload(workload, parent)
    item = Item(key, tuple(tree.bundles), tuple(tree.parts))
    return item, ItemRef(key, group, ordered, tuple(tree.refs), tree.bundle_of)


def build_usage(work: tuple[Running, ...], fabric: Fabric) -> Usage:
    """What running work takes of every device and resource, and what it leaves."""
    running = seats_of(work, fabric)
    devices = np.zeros((len(fabric.nodes), int(fabric.gpu_count.max(initial=0))), np.int64)
    resources = np.zeros((len(fabric.nodes), 3), np.int64)
    for one in running:
        for seat in one.seats:
            for device in seat.devices:
                devices[seat.node, device.index] += device.milli
            role = seat.role
            resources[seat.node] += (role.cpu_milli, role.memory_mib, role.nics)
    there = np.arange(devices.shape[1])[None, :] < fabric.gpu_count[:, None]
    for row, node in enumerate(fabric.nodes):
        if node.unhealthy_gpus:
            there[row, list(node.unhealthy_gpus)] = False
    offered = np.stack([fabric.cpu_milli, fabric.memory_mib, fabric.nics], axis=1)
    free = np.maximum(there * MILLI - devices, 0)
    return Usage(running, free, np.maximum(offered - resources, 0), devices, resources)
