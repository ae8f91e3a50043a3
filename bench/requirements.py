"""The requirements of the default policy at no price: what runs and breaks one may stay, and is not repaired.

Peers repair nothing; a price on repairs in the first tier would be all that a comparison with them measures.
"""

from __future__ import annotations

from placement.model import Policy, RuleSpec, default_policy

__all__ = ["requirements", "without_repairs"]


def requirements() -> tuple[RuleSpec, ...]:
    """The default policy's requirements, each in mode `require`."""
    return tuple(_unpriced(rule) for rule in default_policy().rules if rule.mode in ("require", "hold"))


def without_repairs() -> Policy:
    """The default policy with its requirements at no price."""
    rules = tuple(_unpriced(rule) if rule.mode == "hold" else rule for rule in default_policy().rules)
    return Policy(name="without-repairs", rules=rules)


def _unpriced(rule: RuleSpec) -> RuleSpec:
    return rule.model_copy(update={"mode": "require", "tier": 0, "weight": 1})
