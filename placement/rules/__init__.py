"""Rules: what a policy can ask for. Each lowers to atoms of the solver and carries an oracle of its own."""

from __future__ import annotations

from placement.rules.context import Context, ItemRef, PartRef, Usage
from placement.rules.registry import LAWS, RULES, Active, active_rules, rule_named
from placement.rules.rule import HardRule, ObjectiveRule, Rule

__all__ = [
    "LAWS",
    "RULES",
    "Active",
    "Context",
    "HardRule",
    "ItemRef",
    "ObjectiveRule",
    "PartRef",
    "Rule",
    "Usage",
    "active_rules",
    "rule_named",
]
