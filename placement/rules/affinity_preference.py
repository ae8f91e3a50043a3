"""affinity_preference: preferred affinity and anti-affinity, priced."""

from __future__ import annotations

from collections import Counter
from functools import partial

import numpy as np

from placement.model.case import Case
from placement.model.fields import Document, Natural
from placement.model.policy import RuleSpec
from placement.rules.affinity import blocks, registers, touched
from placement.rules.amounts import check_amount
from placement.rules.context import Context
from placement.rules.relations import block_of, resolve
from placement.rules.rule import ObjectiveRule, Placements
from placement.rules.survey import running_seats, settled
from placement.rules.unit_charges import Graded, graded_costs
from placement.units import MICRO
from solver.atoms import Apart, Exclusive, Together, UnitCharge
from solver.items import Ranked
from solver.problem import Atom
from topology.fabric import Fabric

__all__ = ["AffinityPreference", "AffinityPreferenceParams"]


class AffinityPreferenceParams(Document):
    """Exchange rate."""

    miss_micro_usd_h: Natural = 200_000
    """Price of one miss, micro-USD per hour."""


class AffinityPreference(ObjectiveRule[AffinityPreferenceParams]):
    """Preferred terms, resolved as `placement.rules.relations.resolve` states; terms without targets cost nothing.

    One miss is: a replica outside (anti-affinity: inside) the domains of running targets; a domain that a follower
    touches and its pending leader does not; each further block in a domain among a family that would keep apart; a
    domain that two others who would keep apart share. Members of one placement group miss nothing of each other.
    """

    name = "affinity_preference"
    params_type = AffinityPreferenceParams
    unit = "USD/h"
    scale = MICRO

    def lower(self, context: Context, spec: RuleSpec) -> list[Atom]:
        """Charges for running targets, priced Together, Exclusive and Apart for pending ones."""
        price = spec.weight * self.params(spec).miss_micro_usd_h
        check_amount(price)
        tier = context.tier(spec.tier)
        relations = resolve(context.case, context.fabric, "prefer", registers(context))
        atoms: list[Atom] = []
        terms = [(name, level, names, False) for name, level, names in relations.near]
        terms += [(name, level, names, True) for name, level, names in relations.avoids]
        for name, level, names, inside in terms:
            key = (self.name, spec.tier, level, names, inside)
            costs = context.recall(key, partial(_misses, context, level, names, inside, price))
            if costs is not None:
                for (item, part), _ in context.keys_of[name]:
                    atoms.append(UnitCharge(self.name, tier, item, part, costs))
        item_of = blocks(context)
        for follower, leader, level in relations.follows if price else ():
            partition = context.partition(level)
            atoms.append(Together(self.name, partition, item_of[leader], item_of[follower], price, tier))
        for level, members in relations.families if price else ():
            items = tuple(sorted(item_of[member] for member in members))
            atoms.append(Exclusive(self.name, context.partition(level), items, price, tier))
        for level, *sides in relations.sides if price else ():
            ones, others = (tuple(sorted(item_of[block] for block in side)) for side in sides)
            atoms.append(Apart(self.name, context.partition(level), ones, others, price, tier))
        return atoms

    def points(self, case: Case, fabric: Fabric, placements: Placements, spec: RuleSpec) -> int:
        """Misses, counted domain by domain."""
        relations = resolve(case, fabric, "prefer")
        placed = settled(case, fabric, placements)
        running = {one.workload.id: one for one in running_seats(case, fabric)}
        by_id = {one.workload.id: one for one in placed}

        def block(name: str, level: str) -> set[int]:
            return {d for one in placed if block_of(one.workload) == name for d in one.domains(fabric, level)}

        misses = 0
        terms = [(name, level, names, False) for name, level, names in relations.near]
        terms += [(name, level, names, True) for name, level, names in relations.avoids]
        for name, level, names, inside in terms:
            labels = fabric.partition(level).domain_of
            there = {domain for other in names for domain in running[other].domains(fabric, level)}
            seats = by_id[name].seats if name in by_id else ()
            misses += sum((int(labels[seat.node]) in there) == inside for seat in seats)
        for follower, leader, level in relations.follows:
            misses += len(block(follower, level) - block(leader, level))
        for level, members in relations.families:
            touches = [domain for member in members for domain in block(member, level)]
            misses += len(touches) - len(set(touches))
        for level, *sides in relations.sides:
            ones, others = (Counter(domain for one in side for domain in block(one, level)) for side in sides)
            misses += sum(number * others[domain] for domain, number in ones.items())
        return spec.weight * self.params(spec).miss_micro_usd_h * misses


def _misses(context: Context, level: str, names: tuple[str, ...], inside: bool, price: int) -> Ranked | None:
    there = touched(context, level, names)
    some, all_ = bool(there.any()), bool(there.all())
    cost_of = {int(grade): int(grade == inside) for grade, occurs in ((True, some), (False, not all_)) if occurs}
    return graded_costs(context, Graded(there.view(np.uint8), cost_of), price)
