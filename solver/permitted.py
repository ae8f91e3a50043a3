"""Can one item be placed with all that may be done to what runs, under the limits on doing it? Domain by domain.

A no is a proof for a *relaxation*, in which what is disturbed needs no room elsewhere, but counts against every budget;
what leaves counts against guarantees. If the item fits no domain even so, it does not fit. First the budgets are
counted (`budgets`), then each domain is a small model (`by_domain`), then a part of the problem with all kinds of
limits but guarantees.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from solver.alone import always_on, forced, with_leaders
from solver.atoms import Allow, Capacity, Caps, Disruptions, Floor, RefuseCharge, Share, Stay, Together
from solver.budgets import Budgets
from solver.check import check
from solver.give_way import yielding
from solver.items import BoolArray
from solver.messages import BoundFound, PlanFound
from solver.neighbourhood import part_of
from solver.one_domain import domains_of
from solver.plan import Plan
from solver.problem import Atom, Problem
from solver.workers import Job, Workers

__all__ = ["Refusal", "all_together", "permitted", "refused_everywhere"]

_DOMAIN_S = 0.3
"""Longest search in one domain."""
_ALL_S = 0.8
"""Longest search in all domains by small models."""


@dataclass(frozen=True)
class Refusal:
    """How many domains were refuted, and by what: counting, or an exact certificate."""

    domains: int
    counted: int
    certified: int

    @property
    def proof(self) -> str:
        """In words."""
        if self.certified:
            return f"counting in {self.counted} of {self.domains} domains, a certificate in {self.certified}"
        return "counting"


def refused_everywhere(
    problem: Problem, item: int, workers: Workers | None, left: Callable[[], float | None]
) -> Refusal | None:
    """The proof that the item fits nowhere; None if it fits, or if that is not known. See `permitted`.

    For an item that greedy has not placed: it is not tried again.
    """
    found = permitted(problem, item, workers, left, simply=False)
    return found if isinstance(found, Refusal) else None


def permitted(
    problem: Problem, item: int, workers: Workers | None, left: Callable[[], float | None], *, simply: bool = True
) -> Refusal | Plan | None:
    """The proof that the item fits nowhere, or a valid plan of `forced` with it, or neither if time ran out.

    `left` gives the seconds left (None: no limit; a fixed amount of work is then spent on each domain that counting
    leaves open, none without `workers`). `simply`: a greedy plan is tried before any search. Nothing is said of items
    that must be near to others.
    """
    if any(isinstance(atom, Together) for atom in problem.atoms_of[item]):
        return None
    budgets = Budgets(problem, item)
    open_, count = [], 0
    for domain in domains_of(problem, item):
        count += 1
        if not budgets.closed(domain):
            open_.append(domain)
        if (seconds := left()) is not None and seconds <= 0:
            return None
    refusal = Refusal(count, count - len(open_), len(open_))
    if not open_:
        return refusal
    seconds = left()
    if workers is None or (seconds is not None and seconds <= 0):
        return None
    whole, here = forced(problem, item)
    plan = yielding(whole, here) if simply else None
    if plan is not None:
        return plan
    known = _refuted(whole, (here,), workers, seconds, _ALL_S)
    if known is not None:
        return refusal if known is True else known
    for domain in open_:
        seconds = left()
        if seconds is not None and seconds <= 0:
            return None
        small, here = _relaxed(problem, item, domain)
        if _refuted(small, (here,), workers, seconds, _DOMAIN_S) is not True:
            return None
    return refusal


def all_together(
    problem: Problem, items: Iterable[int], workers: Workers, left: Callable[[], float]
) -> Literal[True] | Plan | None:
    """True if exact certificates prove that the items cannot all be placed; a valid plan with all; None: unknown.

    What runs and is not among them may give way as far as the limits allow; what waits and is not is left out, unless
    one of them has to be near it.
    """
    wanted = set(items)
    waiting = wanted - problem.homes.keys()
    free = problem.homes.keys() | {leader for i in waiting for leader in with_leaders(problem, i)}
    part = part_of(problem, problem.anchor, free, np.ones(problem.bins.count, np.bool_))
    small, number = part.problem, {i: k for k, i in enumerate(part.items)}
    each = {(number[i], p): 1 for i in waiting for p in range(len(problem.items[i].parts))}
    hard = [a for atom in small.atoms if (a := atom if isinstance(atom, Floor) else atom.unpriced()) is not None]
    stays = [Stay("kept", -1, number[i], problem.homes[i], may_leave=False) for i in sorted(wanted - waiting)]
    asked = replace(small, atoms=(*hard, *stays, RefuseCharge("refused", 0, each)), tiers=1)
    found = _refuted(asked, sorted(number[i] for i in waiting), workers, left(), _ALL_S)
    if found is None or found is True:
        return found
    return part.whole(found)


def _inside(problem: Problem, item: int, bins: BoolArray) -> Problem:
    masks = [Allow("permitted", item, p, bins) for p in range(len(problem.items[item].parts))]
    return replace(problem, atoms=(*problem.atoms, *masks))


def _relaxed(problem: Problem, item: int, domain: BoolArray) -> tuple[Problem, int]:
    """The item in the domain, and what runs there or shares a limit with it, each of which may be gone.

    All else stays where it is: to disturb it could not help. With it the number that the item has there.
    """
    sharing = {i for atom in problem.atoms_of[item] for i in _limited(problem, atom, domain)}
    near = {
        i
        for i, seats in problem.homes.items()
        if i in sharing or any(domain[seat.bin] for held in seats for seat in held)
    }
    part = part_of(problem, problem.anchor, {item, *near}, domain)
    small = part.problem
    gang = part.items.index(item)
    atoms: list[Atom] = []
    for atom in small.atoms:
        if isinstance(atom, Allow) and atom.item != gang:
            continue
        mine = set(atom.items()) == {gang} or isinstance(atom, Capacity | Caps | Disruptions | Share)
        hard = atom.unpriced() if mine else None
        if hard is not None:
            atoms.append(hard)
    for i, seats in small.homes.items():
        for p, held in enumerate(seats):
            home = np.zeros(small.bins.count, np.bool_)
            home[[seat.bin for seat in held]] = True
            atoms.append(Allow("permitted", i, p, home))
    each = {(gang, p): 1 for p in range(len(small.items[gang].parts))}
    atoms.append(RefuseCharge("refused", 0, each))
    return _inside(replace(small, atoms=tuple(atoms), tiers=1), gang, domain), gang


def _limited(problem: Problem, atom: Atom, domain: BoolArray) -> Iterable[int]:
    """What runs and could make room in the domain under the atom by leaving, wherever it runs."""
    if not isinstance(atom, Caps):
        return () if atom.unpriced() is None else atom.items()
    groups = np.unique(atom.labels[domain & (atom.labels >= 0)])
    inside = np.isin(atom.labels, groups)
    users = (i for i in atom.items() if i in problem.homes)
    return [i for i in users if any(inside[seat.bin] for held in problem.homes[i] for seat in held)]


def _refuted(
    problem: Problem, wanted: Sequence[int], workers: Workers, seconds: float | None, most: float
) -> Literal[True] | Plan | None:
    """True if exact certificates prove that the items cannot all be placed; a valid plan with them; None: unknown."""
    missing = sum(
        part.count - (part.min_count if always_on(problem.items[i], part.bundle) else 0)
        for i in wanted
        for part in problem.items[i].parts
    )
    proofs: list[BoundFound] = []
    plans: list[Plan] = []

    def tell(message: object) -> None:
        if isinstance(message, PlanFound) and all(message.plan.placed(i) for i in wanted):
            plans.append(message.plan)
        elif isinstance(message, BoundFound) and message.value > missing and message.exact:
            proofs.append(message)

    job = Job(
        problem, problem.anchor, None if seconds is None else min(most, seconds), most if seconds is None else None
    )
    workers.run(job, tell)
    if proofs:
        return True
    return next((plan for plan in plans if not check(problem, plan).violations), None)
