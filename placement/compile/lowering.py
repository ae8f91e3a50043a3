"""lower: a case and its fabric become a problem of items, bins and atoms."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from placement.compile.holding import hold
from placement.compile.items import build_items, build_usage
from placement.compile.loosening import loose, loosen
from placement.compile.magnitude import check_magnitude
from placement.model.case import Case, LoosenedCase
from placement.model.decision import Hold
from placement.model.state import Running
from placement.model.workload import Workload
from placement.rules.affinity import register_of
from placement.rules.context import Context, ItemRef, Usage
from placement.rules.disturbance import homes as running_homes
from placement.rules.registry import RULES, Active, active_rules
from placement.rules.relations import concerns
from solver.check import check
from solver.collector import no_collection
from solver.items import Bins
from solver.problem import Atom, Problem
from topology.fabric import Fabric

__all__ = ["Lowered", "count_usage", "lower"]


@dataclass(frozen=True, eq=False)
class Lowered:
    """A problem and the way back.

    `refs[i]` says what item i stands for; `case` is the case as it was lowered (only the chosen pending work, no
    running work on an empty fleet, loosened) and thus the one to hand to the rules' oracles; `tiers` are the policy's
    tiers, `tiers[t]` being tier t of the problem; `rules` are those that were lowered.
    """

    problem: Problem
    refs: tuple[ItemRef, ...]
    holds: tuple[Hold, ...]
    case: Case
    fabric: Fabric
    tiers: tuple[int, ...]
    rules: tuple[Active, ...]
    context: Context


def count_usage(running: tuple[Running, ...], fabric: Fabric) -> Usage:
    """What running work takes and leaves, with all that nearly every lowering asks of it read at once."""
    usage = build_usage(running, fabric)
    usage.read()
    _loose(usage, running)
    register_of(usage, running).read()
    for rule in RULES:
        rule.read(usage, fabric)
    return usage


def _loose(usage: Usage, running: tuple[Running, ...]) -> tuple[Running, ...]:
    return usage.recall(loose, lambda: loose(running))


def lower(
    case: Case,
    fabric: Fabric,
    *,
    skip_rules: Iterable[str] = frozenset(),
    only: Iterable[str] | None = None,
    empty_fleet: bool = False,
    usage: Usage | None = None,
    growth: bool = True,
    raised: bool = True,
) -> Lowered:
    """Lower a canonical case on the fabric of its fleet.

    `only` are the ids of the pending workloads to lower (None: all); `skip_rules` are rules to leave out;
    `empty_fleet` forgets the running work, and what wants to be near to it. Running work that may be moved or evicted
    or may grow becomes an item (see `loosening`; without `growth` nothing grows); `usage` is that of all running work.
    Without `raised` a limit that running work is above is not raised to what it takes, for questions in which some of
    it is thought away. InputError names a fault of the policy (among them weights so large that a tier leaves the
    solver's range), or a level that the fleet does not have.
    """
    case = _narrowed(case, None if only is None else frozenset(only), empty_fleet=empty_fleet)
    skipped = frozenset(skip_rules)
    rules = tuple(active for active in active_rules(case.policy) if active.rule.name not in skipped)
    if usage is None or empty_fleet:
        usage = build_usage(case.running, fabric)
    held: frozenset[str] = frozenset()
    with no_collection():
        known = _loose(usage, case.running)
        while True:
            found = _lowered(case, loosen(case, fabric, held, growth=growth, known=known), fabric, rules, usage)
            offending = _offending(found)
            if not offending:
                if found.holds and not raised:
                    found = _lowered(case, found.case, fabric, rules, usage, raised=False)
                check_magnitude(found.problem, found.tiers)
                return found
            held |= offending


def _lowered(
    whole: Case, case: Case, fabric: Fabric, rules: tuple[Active, ...], usage: Usage, *, raised: bool = True
) -> Lowered:
    """Lower a loosened case; `usage` is that of all running work of the `whole` case."""
    tiers = tuple(sorted({spec.tier for spec in case.policy.rules if spec.tier}))
    items, refs = build_items(case)
    left = usage if case is whole else build_usage(case.running, fabric)
    context = Context(case, fabric, refs, left, tiers)
    homes = {item: seats for _, item, seats in running_homes(context)}
    atoms: list[Atom] = []
    holds: list[Hold] = []
    before = context if case is whole else Context(whole, fabric, refs, usage, tiers)
    for active in rules:
        if active.objective is None or active.spec.weight > 0:
            made = active.rule.lower(context, active.spec)
            if homes and raised and active.hard is not None:
                made = [one for atom in made for one in hold(atom, active, context, items, homes)]
            atoms += made
        holds += active.rule.holds(before, active.spec)
    problem = Problem(
        bins=Bins(left.free_devices, left.free_resources),
        partitions=tuple(partition.domain_of for partition in fabric.partitions),
        items=items,
        atoms=tuple(atoms),
        tiers=max(1, len(tiers)),
        homes=homes,
    )
    return Lowered(problem, refs, tuple(holds), case, fabric, tiers, rules, context)


def _offending(lowered: Lowered) -> frozenset[str]:
    """Work that may be disturbed, and breaks a requirement where it is: it has to be held instead."""
    if not isinstance(lowered.case, LoosenedCase):
        return frozenset()
    problem = lowered.problem
    broken = check(problem, problem.anchor).violations
    items = {item for violation in broken for item in violation.items} & problem.homes.keys()
    if broken and not items:
        items = set(problem.homes)
    return frozenset(lowered.refs[item].members[0].id for item in items)


def _narrowed(case: Case, only: frozenset[str] | None, *, empty_fleet: bool) -> Case:
    workloads = case.workloads
    if only is not None:
        workloads = tuple(workload for workload in workloads if workload.id in only)
    running = case.running
    if empty_fleet and running:
        workloads = tuple(_unbound(workload, case) for workload in workloads)
        running = ()
    if workloads is case.workloads and running is case.running:
        return case
    return case.model_copy(update={"workloads": workloads, "running": running})


def _unbound(workload: Workload, case: Case) -> Workload:
    """A workload without its affinity to running work, which on the empty fleet could be anywhere."""
    kept = tuple(
        term for term in workload.affinity if not any(concerns(term, running.workload) for running in case.running)
    )
    return workload.model_copy(update={"affinity": kept}) if len(kept) < len(workload.affinity) else workload
