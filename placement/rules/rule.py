"""What a rule is: a name, its modes and parameters, a lowering to atoms, and an oracle in placement terms.

The oracle (`audit` of a requirement, `points` of an objective) measures placements from the documents
alone. It shares no atom and no solver type with the lowering, so that a rule that was lowered wrongly is seen.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from typing import ClassVar, Generic, Literal, TypeVar

from placement.errors import InputError
from placement.model.case import Case
from placement.model.decision import Hold, Placement
from placement.model.document import validate_text
from placement.model.fields import Document
from placement.model.policy import RuleSpec
from placement.rules.context import Context, Usage
from solver.problem import Atom
from topology.fabric import Fabric
from topology.model import Node

__all__ = ["HardRule", "NoParams", "ObjectiveRule", "Placements", "Rule"]

Placements = tuple[Placement, ...]
P = TypeVar("P", bound=Document)


class NoParams(Document):
    """A rule without parameters."""


class Rule(ABC, Generic[P]):
    """One rule of the registry. Rules hold no state; all figures come from the context or the case."""

    name: ClassVar[str]
    kind: ClassVar[Literal["hard", "objective"]]
    modes: ClassVar[frozenset[str]]
    params_type: type[P]

    def params(self, spec: RuleSpec, field: str = "params") -> P:
        """The checked parameters of a spec; InputError names the parameter below `field`."""
        unknown = sorted(set(spec.params) - set(self.params_type.model_fields))
        if unknown:
            known = ", ".join(self.params_type.model_fields) or "none"
            raise InputError(
                f"{field}.{unknown[0]}",
                f"the rule {self.name!r} has no such parameter",
                f"remove it or use one of: {known}",
            )
        try:
            return validate_text(self.params_type, json.dumps(spec.params), "")
        except InputError as error:
            raise InputError(f"{field}.{error.field}", error.problem, error.mend) from None

    @abstractmethod
    def lower(self, context: Context, spec: RuleSpec) -> list[Atom]:
        """The rule's atoms in a canonical order; `spec` is already checked."""

    def read(self, usage: Usage, fabric: Fabric) -> None:
        """Make at once what every lowering asks of the fleet and the running work alone, and keep it with them."""

    def holds(self, context: Context, spec: RuleSpec) -> list[Hold]:
        """What the running state breaks of this rule."""
        return []


class HardRule(Rule[P]):
    """A requirement. What running work breaks already may stay and is reported, never worsened.

    In mode `hold` with a tier, what is left of it costs: the natural amount of `excess` x the weight, in that tier.
    Only rules with an `excess_unit` can be held so; `excess_scale` is the amount in one such unit.
    """

    kind = "hard"
    modes = frozenset({"require", "hold"})
    excess_unit: ClassVar[str] = ""
    excess_scale: ClassVar[int] = 1

    def spec_in(self, case: Case) -> RuleSpec:
        """The rule's entry in the policy; an entry without parameters if the policy does not list it."""
        for spec in case.policy.rules:
            if spec.name == self.name:
                return spec
        return RuleSpec(name=self.name, mode="require")

    def ends(self, node: Node, spec: RuleSpec) -> bool:
        """Whether evicting what may not be on a node is as good as moving it: nothing could run there anyway."""
        return False

    def excess(self, case: Case, fabric: Fabric, placements: Placements, spec: RuleSpec) -> int:
        """How much the running work that may be disturbed still breaks, measured from the documents alone."""
        return 0

    @abstractmethod
    def audit(self, case: Case, fabric: Fabric, placements: Placements) -> list[str]:
        """What the placements of pending workloads violate, in sentences. InputError for unknown names."""


class ObjectiveRule(Rule[P]):
    """A price. `unit` is the natural unit of its term and `scale` the points of weight 1 in one such unit."""

    kind = "objective"
    modes = frozenset({"prefer"})
    unit: ClassVar[str]
    scale: ClassVar[int] = 1

    def natural(self, cost: int, spec: RuleSpec) -> float:
        """Unweighted points in the rule's unit."""
        return cost / self.scale

    @abstractmethod
    def points(self, case: Case, fabric: Fabric, placements: Placements, spec: RuleSpec) -> int:
        """The weighted points of these placements: equal to the cost of the rule's atoms to the unit."""
