"""Tenants as a tree: who counts for whom, and what they hold."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import numpy as np

from placement.model.case import Case
from placement.rules.context import Context
from placement.rules.survey import Settled
from solver.items import BoolArray, PartKey
from topology.fabric import Fabric

__all__ = ["families", "gpu_milli_in_use", "gpu_milli_wanted", "on_model"]


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


def gpu_milli_wanted(context: Context) -> Mapping[str, Mapping[PartKey, int]]:
    """Tenant -> part with GPUs -> GPU milli of one replica of it; made once."""
    return context.recall(gpu_milli_wanted, lambda: _wanted(context))


def _wanted(context: Context) -> Mapping[str, Mapping[PartKey, int]]:
    found: dict[str, dict[PartKey, int]] = {}
    for key, ref in context.parts():
        if ref.role.replica_gpu_milli:
            found.setdefault(ref.workload.tenant, {})[key] = ref.role.replica_gpu_milli
    return found


def on_model(context: Context, model: str | None) -> BoolArray | None:
    """The nodes bool[N] with a GPU model of the fabric; None if these are all, or if no model is meant (None)."""
    if model is None:
        return None
    row = context.fabric.gpu_models.index(model)
    return context.mask((on_model, model), partial(np.equal, context.fabric.gpu_model, row))
