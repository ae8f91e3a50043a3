"""health: which kinds of work a node in each state of health may take."""

from __future__ import annotations

from functools import partial

import numpy as np

from placement.model.case import Case
from placement.model.decision import Hold
from placement.model.fields import Document
from placement.model.policy import RuleSpec
from placement.model.workload import Kind
from placement.rules.context import Context, Usage
from placement.rules.rule import Placements
from placement.rules.standing import PlaceRule
from placement.rules.survey import settled
from solver.atoms import Allow
from solver.items import BoolArray, IntArray
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

    def read(self, usage: Usage, fabric: Fabric) -> None:
        """The state of every node, the kind of all running work."""
        _states(usage, fabric), _kinds(usage)

    def lower(self, context: Context, spec: RuleSpec) -> list[Atom]:
        """One mask per part."""
        params = self.params(spec)
        atoms: list[Atom] = []
        for (item, part), ref in context.parts():
            kind = ref.workload.kind
            mask = context.mask((self.name, kind), partial(_mask, context, params, kind))
            if mask is not None:
                atoms.append(Allow(self.name, item, part, mask))
        return atoms

    def holds(self, context: Context, spec: RuleSpec) -> list[Hold]:
        """Running work on nodes that its kind may not use any more."""
        params = self.params(spec)
        running, flat = context.usage.running, context.usage.flat
        kind_of = _kinds(context.usage)
        closed = np.array([[not params.admits(state, kind) for state in State] for kind in Kind], np.bool_)
        rows = np.flatnonzero(closed[kind_of[flat.owner], _states(context.usage, context.fabric)[flat.node]])
        places = set(zip(flat.owner[rows].tolist(), flat.node[rows].tolist(), strict=True))
        found = []
        for owner, row in sorted(places):
            node = context.fabric.nodes[row]
            detail = f"runs on {node.id}, which is {node.health.value}"
            found.append(Hold(rule=self.name, subject=running[owner].workload.id, detail=detail))
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


def _kinds(usage: Usage) -> IntArray:
    """Kind of all running work as its place in the list of kinds, int64."""
    number = {kind: place for place, kind in enumerate(Kind)}
    return usage.recall(("kinds",), lambda: np.array([number[one.workload.kind] for one in usage.running], np.int64))


def _states(usage: Usage, fabric: Fabric) -> IntArray:
    """Health of every node as its place in the list of states, int64[N]."""
    number = {state: place for place, state in enumerate(State)}
    states = fabric.health
    return usage.recall(("health",), lambda: np.fromiter((number[s] for s in states), np.int64, len(states)))


def _mask(context: Context, params: HealthParams, kind: Kind) -> BoolArray:
    admitted = np.array([params.admits(state, kind) for state in State], np.bool_)
    mask: BoolArray = admitted[_states(context.usage, context.fabric)]
    return mask
