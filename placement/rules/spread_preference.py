"""spread_preference: replicas of a role that should not crowd into one domain and do."""

from __future__ import annotations

from placement.model.case import Case
from placement.model.fields import Document, Natural
from placement.model.policy import RuleSpec
from placement.rules.context import Context
from placement.rules.rule import ObjectiveRule, Placements
from placement.rules.spread import crowds, spread_atoms
from placement.rules.survey import settled
from placement.units import MICRO
from solver.problem import Atom
from topology.fabric import Fabric

__all__ = ["SpreadPreference", "SpreadPreferenceParams"]


class SpreadPreferenceParams(Document):
    """Exchange rate."""

    excess_micro_usd_h: Natural = 200_000
    """Price of each replica above the number that a domain should hold."""


class SpreadPreference(ObjectiveRule[SpreadPreferenceParams]):
    """A price for every replica above the preferred number per domain, role by role."""

    name = "spread_preference"
    params_type = SpreadPreferenceParams
    unit = "USD/h"
    scale = MICRO

    def lower(self, context: Context, spec: RuleSpec) -> list[Atom]:
        """One priced spread per part."""
        price = spec.weight * self.params(spec).excess_micro_usd_h
        return spread_atoms(context, self.name, "prefer", price, context.tier(spec.tier)) if price else []

    def points(self, case: Case, fabric: Fabric, placements: Placements, spec: RuleSpec) -> int:
        """Replicas above the preferred number."""
        excess = 0
        for one in settled(case, fabric, placements):
            for role, count in crowds(one, fabric, "prefer"):
                excess += count - (role.spread.max_per_domain if role.spread else 0)
        return spec.weight * self.params(spec).excess_micro_usd_h * excess
