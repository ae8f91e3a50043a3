"""What the atoms that speak of one item alone say of it, sorted by form: read once, asked at every placement."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np

from solver.atoms.allow import Allow, Segments, Within
from solver.atoms.apart import Apart
from solver.atoms.charge import RefuseCharge, SpanCharge, UnitCharge
from solver.atoms.share import Share
from solver.atoms.state import Exclusive
from solver.items import BoolArray, IntArray, Ranked
from solver.problem import Atom, Problem

__all__ = ["Sheet", "nearness_matters", "sheet_of"]


def nearness_matters(problem: Problem) -> bool:
    """True if some item must lie in one domain, or pays for lying in several."""
    return bool(problem.of(Within)) or bool(problem.of(SpanCharge))


@dataclass(slots=True)
class Sheet:
    """One item's own atoms. Bundles and parts are indices of the item's."""

    masks: list[tuple[int, BoolArray]] = field(default_factory=list)
    """(part, bins where it may sit)."""
    units: list[tuple[int, int, IntArray | Ranked]] = field(default_factory=list)
    """(part, tier, cost per replica and bin)."""
    charged: list[SpanCharge] = field(default_factory=list)
    """Costs of lying in several domains."""
    others: list[Atom] = field(default_factory=list)
    """Priced atoms of other forms, but for those that also speak of several items."""
    shapes: list[Segments | Within] = field(default_factory=list)
    """Requirements on how its replicas lie relative to each other."""
    within: dict[int, list[int]] = field(default_factory=dict)
    """bundle -> partitions of which it needs one domain."""
    segments: dict[int, Segments] = field(default_factory=dict)
    """part -> its segments (the last, if there are several)."""
    spans: dict[int, list[int]] = field(default_factory=dict)
    """bundle -> partitions of which one domain is wished, fine to coarse, each kind of domain once."""
    gathered: dict[int, dict[int, int]] = field(default_factory=dict)
    """bundle -> partition -> price of each further domain."""


def sheet_of(problem: Problem, item: int) -> Sheet:
    """The item's sheet, made once per problem."""
    known = cast(list[Sheet | None], problem.recall("sheets", lambda: [None] * len(problem.items)))
    sheet = known[item]
    if sheet is None:
        sheet = known[item] = _sheet(problem, item)
    return sheet


def _sheet(problem: Problem, item: int) -> Sheet:
    sheet = Sheet()
    for atom in problem.own_atoms[item]:
        write = _FORMS.get(type(atom))
        if write is not None:
            write(sheet, atom)
        elif atom.tier >= 0:
            _other(sheet, atom)
    for partitions in sheet.spans.values():
        # A partition that cuts the bins like one before it would be tried in vain.
        first = {-1 if _single(problem, p) else p: p for p in reversed(partitions)}
        kept = [p for p in dict.fromkeys(partitions) if p in first.values()]
        partitions[:] = sorted(kept, key=lambda p: -problem.domains(p))
    return sheet


def _single(problem: Problem, partition: int) -> bool:
    """Whether every bin is a domain of its own."""
    labels = problem.partitions[partition]
    return problem.recall(("single", partition), lambda: bool((np.bincount(labels) == 1).all()))


def _unit(sheet: Sheet, atom: UnitCharge) -> None:
    sheet.units.append((atom.part, atom.tier, atom.each))


def _allow(sheet: Sheet, atom: Allow) -> None:
    sheet.masks.append((atom.part, atom.bins))


def _span(sheet: Sheet, atom: SpanCharge) -> None:
    sheet.charged.append(atom)
    if atom.price_once:
        sheet.spans.setdefault(atom.bundle, []).append(atom.partition)


def _within(sheet: Sheet, atom: Within) -> None:
    sheet.shapes.append(atom)
    sheet.within.setdefault(atom.bundle, []).append(atom.partition)


def _segments(sheet: Sheet, atom: Segments) -> None:
    sheet.shapes.append(atom)
    sheet.segments[atom.part] = atom


def _other(sheet: Sheet, atom: Atom) -> None:
    sheet.others.append(atom)
    found = atom.gathers()
    if found is not None:
        bundle, partition, price = found
        sheet.gathered.setdefault(bundle, {})[partition] = price
        sheet.spans.setdefault(bundle, []).append(partition)


def _joint(sheet: Sheet, atom: Atom) -> None:
    """Nothing: it speaks of several items, though of one only here."""


_FORMS: dict[type[Atom], Callable[[Sheet, Any], None]] = {
    UnitCharge: _unit,
    Allow: _allow,
    SpanCharge: _span,
    Within: _within,
    Segments: _segments,
    RefuseCharge: _joint,
    Share: _joint,
    Exclusive: _joint,
    Apart: _joint,
}
