"""Tenants as a tree: who counts for whom, and what they hold."""

from __future__ import annotations

from collections.abc import Mapping

from placement.model.case import Case
from placement.rules.survey import Settled
from topology.fabric import Fabric

__all__ = ["families", "gpu_milli_in_use"]


def families(case: Case) -> Mapping[str, frozenset[str]]:
    """Listed tenant -> itself and all tenants below it."""
    parents = {tenant.name: tenant.parent for tenant in case.tenants}
    found: dict[str, set[str]] = {name: set() for name in parents}
    for name in parents:
        above: str | None = name
        while above is not None:
            found[above].add(name)
            above = parents[above]
    return {name: frozenset(members) for name, members in found.items()}


def gpu_milli_in_use(work: tuple[Settled, ...], fabric: Fabric, tenants: frozenset[str], model: str | None) -> int:
    """GPU milli that the tenants' work holds, on one GPU model or on all (None)."""
    return sum(
        seat.role.replica_gpu_milli
        for one in work
        if one.workload.tenant in tenants
        for seat in one.seats
        if model is None or fabric.nodes[seat.node].gpu_model == model
    )
