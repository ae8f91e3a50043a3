"""All rules, and the check of a policy against them."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from placement.errors import InputError
from placement.model.case import Case
from placement.model.policy import Policy, RuleSpec
from placement.rules.affinity import Affinity
from placement.rules.affinity_preference import AffinityPreference
from placement.rules.borrowing import Borrowing
from placement.rules.capacity import Capacity
from placement.rules.carbon import Carbon
from placement.rules.energy import Energy
from placement.rules.eviction import Eviction
from placement.rules.fairness import Fairness
from placement.rules.gang import Gang
from placement.rules.gpu_model import GpuModel
from placement.rules.guarantee import Guarantee
from placement.rules.health import Health
from placement.rules.latency import Latency
from placement.rules.left_value import LeftValue
from placement.rules.power_cap import PowerCap
from placement.rules.preemption import Preemption
from placement.rules.price import Price
from placement.rules.quota import Quota
from placement.rules.reclaim import Reclaim
from placement.rules.refused import Refused
from placement.rules.rule import HardRule, ObjectiveRule, Placements, Rule
from placement.rules.segments import Segments
from placement.rules.selectors import Selectors
from placement.rules.spread import Spread
from placement.rules.spread_preference import SpreadPreference
from placement.rules.stability import Stability
from placement.rules.state_fetch import StateFetch
from placement.rules.stranded import Stranded
from placement.rules.topology import Topology
from placement.rules.topology_preference import TopologyPreference
from placement.rules.vacancy import Vacancy
from topology.fabric import Fabric

__all__ = ["LAWS", "RULES", "Active", "active_rules", "rule_named"]

RULES: tuple[Rule[Any], ...] = (
    *(Capacity(), Gang(), GpuModel(), Health(), Selectors()),
    *(Topology(), Segments(), Spread(), Affinity(), Quota(), PowerCap(), Borrowing(), Preemption(), Guarantee()),
    *(Refused(), Reclaim(), Eviction(), Fairness(), Price(), Energy(), Carbon(), Latency(), StateFetch()),
    *(Stability(), Stranded(), LeftValue(), Vacancy()),
    *(TopologyPreference(), SpreadPreference(), AffinityPreference()),
)
"""Requirements first, then objectives; the order of atoms follows this one, not the policy's."""

LAWS = ("capacity", "gang", "preemption")
"""Rules that hold even where a policy does not list them."""


@dataclass(frozen=True)
class Active:
    """A rule that a policy uses, and how."""

    rule: Rule[Any]
    spec: RuleSpec

    @property
    def hard(self) -> HardRule[Any] | None:
        """The rule if it is a requirement."""
        return self.rule if isinstance(self.rule, HardRule) else None

    @property
    def objective(self) -> ObjectiveRule[Any] | None:
        """The rule if it is an objective."""
        return self.rule if isinstance(self.rule, ObjectiveRule) else None

    def points(self, case: Case, fabric: Fabric, placements: Placements) -> int:
        """What the rule charges in its tier by its oracle: an objective, or a requirement held in a tier; else 0."""
        if not self.spec.weight or not self.spec.tier:
            return 0
        if isinstance(self.rule, ObjectiveRule):
            return self.rule.points(case, fabric, placements, self.spec)
        if isinstance(self.rule, HardRule):
            return self.spec.weight * self.rule.excess(case, fabric, placements, self.spec)
        return 0


def rule_named(name: str) -> Rule[Any] | None:
    """The rule of that name, None if there is none."""
    return next((rule for rule in RULES if rule.name == name), None)


def active_rules(policy: Policy) -> tuple[Active, ...]:
    """The rules of a policy in the order of `RULES` (then by tier), with the laws that hold anyway.

    InputError names the entry of `policy.rules` that has an unknown name, a mode the rule does not have, or a
    parameter that is unknown or malformed.
    """
    names = [rule.name for rule in RULES]
    found: list[tuple[int, int, Active]] = []
    for row, spec in enumerate(policy.rules):
        field = f"policy.rules[{row}]"
        rule = rule_named(spec.name)
        if rule is None:
            near = get_close_matches(spec.name, names, n=3) or names
            raise InputError(f"{field}.name", f"there is no rule {spec.name!r}", f"use {', '.join(near)}")
        if spec.mode not in rule.modes:
            modes = " or ".join(sorted(rule.modes))
            raise InputError(f"{field}.mode", f"{spec.name!r} cannot be {spec.mode!r}", f"write {modes}")
        if isinstance(rule, HardRule) and spec.tier and not rule.excess_unit:
            known = ", ".join(r.name for r in RULES if isinstance(r, HardRule) and r.excess_unit)
            mend = f"write tier 0; these can be held at a price: {known}"
            raise InputError(f"{field}.tier", f"what running work breaks of {spec.name!r} has no price", mend)
        if rule.kind == "hard" and any(active.rule is rule for _, _, active in found):
            mend = "keep require or hold"
            raise InputError(f"{field}.mode", f"the requirement {spec.name!r} is listed in two modes", mend)
        rule.params(spec, f"{field}.params")
        found.append((names.index(spec.name), spec.tier, Active(rule, spec)))
    listed = {spec.name for spec in policy.rules}
    for number, rule in enumerate(RULES):
        if rule.name in LAWS and rule.name not in listed:
            found.append((number, 0, Active(rule, RuleSpec(name=rule.name, mode="require"))))
    return tuple(active for _, _, active in sorted(found, key=lambda entry: entry[:2]))
