"""gpu_model: replicas sit on nodes with an allowed GPU model and enough memory per device."""

from __future__ import annotations

from functools import partial

import numpy as np

from placement.model.case import Case
from placement.model.policy import RuleSpec
from placement.model.workload import Role
from placement.rules.context import Context
from placement.rules.rule import NoParams, Placements
from placement.rules.standing import PlaceRule
from placement.rules.survey import pending_seats
from solver.atoms import Allow
from solver.items import BoolArray
from solver.problem import Atom
from topology.fabric import Fabric

__all__ = ["GpuModel"]


class GpuModel(PlaceRule[NoParams]):
    """Speaks of roles that ask for a device or a share of one; CPU-only roles may sit anywhere."""

    name = "gpu_model"
    params_type = NoParams

    def lower(self, context: Context, spec: RuleSpec) -> list[Atom]:
        """One mask per part that names models or memory."""
        atoms: list[Atom] = []
        for (item, part), ref in context.parts():
            role = ref.role
            if not role.replica_gpu_milli or not (role.gpu_models or role.gpu_memory_mib):
                continue
            key = (self.name, role.gpu_models, role.gpu_memory_mib)
            mask = context.mask(key, partial(_mask, context.fabric, role))
            if mask is not None:
                atoms.append(Allow(self.name, item, part, mask))
        return atoms

    def audit(self, case: Case, fabric: Fabric, placements: Placements) -> list[str]:
        """Replicas on another model, or on devices with too little memory."""
        found = []
        for seat in pending_seats(case, fabric, placements):
            role, node = seat.role, fabric.nodes[seat.node]
            if not role.replica_gpu_milli:
                continue
            if role.gpu_models and node.gpu_model not in role.gpu_models:
                asked = ", ".join(role.gpu_models)
                found.append(f"{seat.workload.id} role {role.name} needs {asked}; {node.id} has {node.gpu_model}")
            if node.gpu_memory_mib < role.gpu_memory_mib:
                found.append(
                    f"{seat.workload.id} role {role.name} needs {role.gpu_memory_mib} MiB per GPU; "
                    f"{node.id} has {node.gpu_memory_mib}"
                )
        return found


def _mask(fabric: Fabric, role: Role) -> BoolArray:
    fits: BoolArray = fabric.gpu_memory_mib >= role.gpu_memory_mib
    if role.gpu_models:
        wanted = [row for row, model in enumerate(fabric.gpu_models) if model in role.gpu_models]
        fits = fits & np.isin(fabric.gpu_model, wanted)
    return fits
