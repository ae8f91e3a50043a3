"""Admission: pending workloads that are well-formed but cannot be meant are REJECTED, the rest is decided."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from placement.model import Affinity, Case, Role, Workload
from topology.fabric import Fabric

__all__ = ["Rejection", "screen"]


class Rejection(NamedTuple):
    """Why a workload is rejected: the rule it offends and a sentence for its owner."""

    rule: str
    reason: str


class _Known(NamedTuple):
    """The names that a workload may refer to."""

    partitions: tuple[str, ...]
    nested: tuple[str, ...]
    models: frozenset[str]
    nodes: frozenset[str]
    workloads: frozenset[str]
    groups: dict[str, str]


def screen(case: Case, fabric: Fabric) -> dict[str, Rejection]:
    """The pending workloads to leave out, by id, each with its first offence.

    A placement group is all or none: one rejected member rejects the other pending members. Running work is
    not screened; it is there.
    """
    known = _Known(
        partitions=tuple(partition.name for partition in fabric.partitions),
        nested=tuple(partition.name for partition in fabric.partitions if partition.nested),
        models=frozenset(fabric.gpu_models),
        nodes=frozenset(fabric.index),
        workloads=frozenset(
            [workload.id for workload in case.workloads] + [running.workload.id for running in case.running]
        ),
        groups={group.name: group.level for group in case.groups},
    )
    rejected: dict[str, Rejection] = {}
    for workload in sorted(case.workloads, key=lambda workload: workload.id):
        offence = next(_offences(workload, known), None)
        if offence is not None:
            rejected[workload.id] = offence
    return _spread_over_groups(case, rejected)


def _spread_over_groups(case: Case, rejected: dict[str, Rejection]) -> dict[str, Rejection]:
    """Reject the pending members of every group that lost one."""
    culprit: dict[str, str] = {}
    pending = sorted(case.workloads, key=lambda workload: workload.id)
    for workload in pending:
        if workload.group is not None and workload.id in rejected:
            culprit.setdefault(workload.group, workload.id)
    spread = dict(rejected)
    for workload in pending:
        if workload.group in culprit and workload.id not in rejected:
            reason = (
                f"group {workload.group!r} is placed whole or not at all, and its member "
                f"{culprit[workload.group]!r} is rejected"
            )
            spread[workload.id] = Rejection("topology", reason)
    return spread


def _offences(workload: Workload, known: _Known) -> Iterator[Rejection]:
    """All offences of one workload, the gravest first."""
    needed = workload.min_subgroups
    if needed is not None and needed > len(workload.subgroups):
        yield Rejection("gang", f"min_subgroups is {needed}, but there are {len(workload.subgroups)} subgroups")
    for subgroup in workload.subgroups:
        for role in subgroup.roles:
            yield from _role_offences(role, f"role {subgroup.name}/{role.name}", known)
        if subgroup.proximity is not None:
            yield from _level("topology", subgroup.proximity.level, f"subgroup {subgroup.name}", known.nested)
    if workload.proximity is not None:
        yield from _level("topology", workload.proximity.level, "proximity", known.nested)
    for affinity in workload.affinity:
        yield from _affinity_offences(workload, affinity, "affinity", known)
    for affinity in workload.anti_affinity:
        yield from _affinity_offences(workload, affinity, "anti_affinity", known)
    for node in workload.state_nodes:
        if node not in known.nodes:
            yield Rejection("state_fetch", f"state_nodes names {node!r}, which is not in the fleet")
    if workload.group is not None:
        level = known.groups.get(workload.group)
        if level is None:
            yield Rejection("topology", f"there is no placement group {workload.group!r}")
        else:
            yield from _level("topology", level, f"placement group {workload.group}", known.nested)


def _role_offences(role: Role, name: str, known: _Known) -> Iterator[Rejection]:
    """Offences inside one role."""
    if role.mig_profile is not None:
        yield Rejection("gpu_model", f"{name} asks for MIG profile {role.mig_profile!r}: not supported yet")
    if role.gpus and role.gpu_milli:
        yield Rejection("capacity", f"{name} asks for whole GPUs and for a share of one; keep gpus or gpu_milli")
    if role.min_replicas is not None and role.min_replicas > role.replicas:
        yield Rejection("gang", f"{name} has min_replicas {role.min_replicas} of {role.replicas} replicas")
    if role.gpu_memory_mib and not role.replica_gpu_milli:
        yield Rejection("gpu_model", f"{name} sets gpu_memory_mib but asks for no GPU")
    if role.gpu_models and not role.replica_gpu_milli:
        yield Rejection("gpu_model", f"{name} sets gpu_models but asks for no GPU")
    if role.gpu_models and known.models.isdisjoint(role.gpu_models):
        names = ", ".join(sorted(role.gpu_models)[:8])
        here = ", ".join(sorted(known.models)[:8]) or "none"
        yield Rejection("gpu_model", f"{name} wants {names}; the fleet has {here}")
    if role.proximity is not None:
        yield from _level("topology", role.proximity.level, f"{name} proximity", known.nested)
    if role.segment is not None:
        yield from _level("segments", role.segment.level, f"{name} segment", known.nested)
    if role.spread is not None:
        yield from _level("spread", role.spread.level, f"{name} spread", known.partitions)


def _affinity_offences(workload: Workload, affinity: Affinity, field: str, known: _Known) -> Iterator[Rejection]:
    """Offences of one affinity or anti-affinity term; labels that match nothing today are no offence."""
    yield from _level("affinity", affinity.level, field, known.partitions)
    if not affinity.workloads and not affinity.match:
        yield Rejection("affinity", f"{field} names no workloads and no labels to match")
    for other in affinity.workloads:
        if other == workload.id:
            yield Rejection("affinity", f"{field} names the workload itself")
        elif other not in known.workloads:
            yield Rejection("affinity", f"{field} names {other!r}, which is neither pending nor running")


def _level(rule: str, level: str, where: str, levels: tuple[str, ...]) -> Iterator[Rejection]:
    """An unknown level, or one that does not nest where nesting is needed."""
    if level not in levels:
        yield Rejection(rule, f"{where} names level {level!r}; the fleet has {', '.join(levels)}")
