"""Requirements about single nodes: where work of some kind may be, replica by replica."""

from __future__ import annotations

from placement.model.case import Case
from placement.model.decision import PlacedReplica, Placement
from placement.model.policy import RuleSpec
from placement.rules.disturbance import mobile
from placement.rules.rule import HardRule, P, Placements
from placement.units import MILLI
from topology.fabric import Fabric

__all__ = ["PlaceRule"]


class PlaceRule(HardRule[P]):
    """A requirement that each replica alone keeps or breaks by the node that it is on.

    Held in a tier, every replica of work that may be disturbed costs as long as it stands where it may not be: its
    GPU milli, 1 without a GPU. Work that is evicted from there costs as much, so that a repair moves it or leaves it;
    but where nothing may run at all (`ends`), an eviction is a repair as well.
    """

    excess_unit = "GPUs where they may not be"
    excess_scale = MILLI

    def excess(self, case: Case, fabric: Fabric, placements: Placements, spec: RuleSpec) -> int:
        """The oracle: every replica by itself, judged by `audit`."""
        placed = {placement.workload: placement for placement in placements}
        waiting = {workload.id: workload for workload in case.workloads}
        total = 0
        for one in mobile(case):
            name = one.workload.id
            after = placed.get(name)
            alone = case.model_copy(update={"workloads": (waiting[name],), "running": ()})
            milli = {(s.name, r.name): max(1, r.replica_gpu_milli) for s in one.workload.subgroups for r in s.roles}
            # Where it did not stand before, it breaks the rule anew: no excess, but a violation.
            stood = {(r.node, r.subgroup, r.role) for r in one.replicas}
            judged: dict[tuple[str, str, str], bool] = {}
            for replica in one.replicas if after is None else after.replicas:
                if after is None and self.ends(fabric.nodes[fabric.index[replica.node]], spec):
                    continue
                key = (replica.node, replica.subgroup, replica.role)
                if key not in judged and key in stood:
                    only = Placement(workload=name, replicas=(PlacedReplica(**dict(replica)),))
                    judged[key] = bool(self.audit(alone, fabric, (only,)))
                total += milli[key[1:]] if judged.get(key) else 0
        return total
