"""health: which kinds of work a node in each state of health may take."""

from __future__ import annotations

from functools import partial

import numpy as np

from placement.model.case import Case
from placement.model.decision import Hold
from placement.model.fields import Document
from placement.model.policy import RuleSpec
from placement.model.workload import Kind
from placement.rules.context import Context
from placement.rules.rule import Placements
from placement.rules.standing import PlaceRule
from placement.rules.survey import settled
from solver.atoms import Allow
from solver.items import BoolArray
from solver.problem import Atom
from topology.fabric import Fabric
from topology.model import Health as State
from topology.model import Node

__all__ = ["Health", "HealthParams"]


class HealthParams(Document):
    """The kinds of work that may start on a node in each state of health."""

    healthy: tuple[Kind, ...] = tuple(Kind)
    degraded: tuple[Kind, ...] = (Kind.BATCH_INFERENCE, Kind.EMBEDDING, Kind.CPU, Kind.FINE_TUNE)
    suspect: tuple[Kind, ...] = (Kind.CPU, Kind.BATCH_INFERENCE)
    cordoned: tuple[Kind, ...] = ()
    failed: tuple[Kind, ...] = ()

    def admits(self, state: State, kind: Kind) -> bool:
        """Whether work of this kind may start on a node in this state."""
        kinds: tuple[Kind, ...] = getattr(self, state.value)
        return kind in kinds


class Health(PlaceRule[HealthParams]):
    """New work starts only where the node's health admits its kind. Running work may stay, or is moved away (hold)."""

    name = "health"
    params_type = HealthParams

    def lower(self, context: Context, spec: RuleSpec) -> list[Atom]:
        """One mask per part."""
        params = self.params(spec)
        atoms: list[Atom] = []
        for (item, part), ref in context.parts():
            kind = ref.workload.kind
            mask = context.mask((self.name, kind), partial(_mask, context.fabric, params, kind))
            if mask is not None:
                atoms.append(Allow(self.name, item, part, mask))
        return atoms

    def holds(self, context: Context, spec: RuleSpec) -> list[Hold]:
        """Running work on nodes that its kind may not use any more."""
        params = self.params(spec)
        nodes = context.fabric.nodes
        found = []
        for one in context.usage.running:
            for row in sorted({seat.node for seat in one.seats}):
                node = nodes[row]
                if not params.admits(node.health, one.workload.kind):
                    detail = f"runs on {node.id}, which is {node.health.value}"
                    found.append(Hold(rule=self.name, subject=one.workload.id, detail=detail))
        return found

    def ends(self, node: Node, spec: RuleSpec) -> bool:
        """In a state of health that admits no kind of work."""
        return not getattr(self.params(spec), node.health.value)

    def audit(self, case: Case, fabric: Fabric, placements: Placements) -> list[str]:
        """New work on nodes that are too ill for it."""
        params = self.params(self.spec_in(case))
        found = []
        for one in settled(case, fabric, placements):
            for row in sorted({seat.node for seat in one.seats}):
                node = fabric.nodes[row]
                if not params.admits(node.health, one.workload.kind):
                    kind = one.workload.kind.value
                    found.append(f"{one.workload.id} ({kind}) on {node.id}, which is {node.health.value}")
        return found


def _mask(fabric: Fabric, params: HealthParams, kind: Kind) -> BoolArray:
    admitted = {state: params.admits(state, kind) for state in State}
    return np.fromiter((admitted[state] for state in fabric.health), np.bool_, len(fabric.nodes))
