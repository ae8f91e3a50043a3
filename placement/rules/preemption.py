"""preemption: running work is disturbed only as its owner allows."""

from __future__ import annotations

from placement.model.case import Case, LoosenedCase
from placement.model.fields import Document, EpochSeconds
from placement.model.policy import RuleSpec
from placement.model.state import Running
from placement.rules.context import Context
from placement.rules.disturbance import disturbed, homes
from placement.rules.rule import HardRule, Placements
from solver.atoms import Stay
from solver.problem import Atom
from topology.fabric import Fabric

__all__ = ["Preemption", "PreemptionParams"]


class PreemptionParams(Document):
    """Protection of young work."""

    min_runtime_s: EpochSeconds = 0
    """Work that runs for less than this is not disturbed."""


class Preemption(HardRule[PreemptionParams]):
    """A law: it holds even where the policy does not list it.

    Only `movable` work is moved, and only `evictable` work is evicted or shrunk; nothing is that has run for less than
    `min_runtime_s`. Running work with neither is no part of the decision.
    """

    name = "preemption"
    params_type = PreemptionParams

    def lower(self, context: Context, spec: RuleSpec) -> list[Atom]:
        """One atom for each workload that runs and may be disturbed."""
        params = self.params(spec)
        atoms: list[Atom] = []
        for one, item, seats in homes(context):
            ripe = _ripe(one, context.case, params)
            move, leave = one.movable and ripe, one.evictable and ripe
            if not (move and leave):
                atoms.append(Stay(self.name, -1, item, seats, may_move=move, may_leave=leave))
        return atoms

    def audit(self, case: Case, fabric: Fabric, placements: Placements) -> list[str]:
        """Work that is moved, evicted or shrunk and may not be."""
        params = self.params(self.spec_in(case))
        placed = {placement.workload: placement for placement in placements}
        found = []
        for one in case.mobile if isinstance(case, LoosenedCase) else ():
            name, ripe = one.workload.id, _ripe(one, case, params)
            moved, lost = disturbed(one, placed.get(name))
            if moved and not (one.movable and ripe):
                found.append(f"{name} is moved, and {'may not be' if ripe else 'has only begun'}")
            if lost == len(one.replicas) and not (one.evictable and ripe):
                found.append(f"{name} is evicted, and {'may not be' if ripe else 'has only begun'}")
        return found


def _ripe(one: Running, case: Case, params: PreemptionParams) -> bool:
    return case.now_s - one.start_s >= params.min_runtime_s
