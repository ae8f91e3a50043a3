"""selectors: node labels, taints and maintenance windows keep workloads away from nodes."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import numpy as np

from placement.model.case import Case
from placement.model.policy import RuleSpec
from placement.model.workload import Workload
from placement.rules.context import Context, Usage
from placement.rules.rule import NoParams, Placements
from placement.rules.standing import PlaceRule
from placement.rules.survey import settled
from solver.atoms import Allow
from solver.items import BoolArray, IntArray
from solver.problem import Atom
from topology.fabric import Fabric

__all__ = ["Selectors"]


class Selectors(PlaceRule[NoParams]):
    """Where a workload may start.

    A node is open to it if every selected label has an allowed value, every taint is tolerated, and no maintenance
    window overlaps [now, now + expected duration).
    """

    name = "selectors"
    params_type = NoParams

    def read(self, usage: Usage, fabric: Fabric) -> None:
        """Windows and taints of the nodes."""
        fabric.windows, fabric.tainted  # noqa: B018 - they are kept

    def lower(self, context: Context, spec: RuleSpec) -> list[Atom]:
        """One mask per part."""
        windows, taints = context.fabric.windows, context.fabric.tainted
        now_s = context.case.now_s
        atoms: list[Atom] = []
        for workload in (workload for item in context.items for workload in item.members):
            key = (
                self.name,
                tuple(sorted(workload.node_selector.items())),
                frozenset(taint for taint in taints if not workload.tolerates(taint)),
                workload.expected_duration_s if windows.size else 0,
            )
            mask = context.mask(key, partial(_mask, context, workload, taints, windows, now_s))
            if mask is not None:
                atoms += [Allow(self.name, i, p, mask) for (i, p), _ in context.keys_of[workload.id]]
        return atoms

    def audit(self, case: Case, fabric: Fabric, placements: Placements) -> list[str]:
        """Workloads on nodes that are closed to them, with the reason."""
        found = []
        for one in settled(case, fabric, placements):
            workload = one.workload
            end_s = case.now_s + workload.expected_duration_s
            for row in sorted({seat.node for seat in one.seats}):
                node = fabric.nodes[row]
                for label, values in workload.node_selector.items():
                    if node.labels.get(label) not in values:
                        found.append(f"{workload.id} on {node.id}: label {label} is {node.labels.get(label)!r}")
                found += [
                    f"{workload.id} on {node.id}: taint {taint.key} is not tolerated"
                    for taint in node.taints
                    if not workload.tolerates(taint.key)
                ]
                if any(window.start_s < end_s and window.end_s > case.now_s for window in node.maintenance):
                    found.append(f"{workload.id} on {node.id}: maintenance falls into its expected time")
        return found


def _labels(fabric: Fabric, label: str) -> dict[str, BoolArray]:
    """Value of a label -> nodes that have it."""
    found: dict[str, BoolArray] = {}
    for row, node in enumerate(fabric.nodes):
        value = node.labels.get(label)
        if value is not None:
            found.setdefault(value, np.zeros(len(fabric.nodes), np.bool_))[row] = True
    return found


def _mask(
    context: Context, workload: Workload, taints: Mapping[str, BoolArray], windows: IntArray, now_s: int
) -> BoolArray:
    mask = np.ones(len(context.fabric.nodes), np.bool_)
    for label, values in workload.node_selector.items():
        by_value = context.recall(("label", label), partial(_labels, context.fabric, label))
        open_to = np.zeros_like(mask)
        for value in values:
            if value in by_value:
                open_to |= by_value[value]
        mask &= open_to
    for taint, tainted in taints.items():
        if not workload.tolerates(taint):
            mask &= ~tainted
    overlap = (windows[:, 1] < now_s + workload.expected_duration_s) & (windows[:, 2] > now_s)
    mask[windows[overlap, 0]] = False
    return mask
