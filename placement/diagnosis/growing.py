"""Why running work does not grow to what it wants: one replica more, beside all that the decision leaves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from placement.admission import screen
from placement.compile import Lowered, lower, lower_placements, whole
from placement.model import Decision, Running, Status
from placement.model.diagnosis import Lack
from placement.snapshot import Snapshot
from solver.alone import without_rule
from solver.atoms import Segments, Share, Spread, Within
from solver.check import check
from solver.gang import Gang
from solver.ground import Ground
from solver.items import PartKey
from solver.plan import Plan
from solver.problem import Problem

__all__ = ["lacks"]


def lacks(snapshot: Snapshot, decision: Decision, one: Running) -> tuple[Lack, ...]:
    """One entry for each role that runs with fewer replicas than wanted, also once the decision is carried out.

    The rule named is the first one without which a further replica finds a seat: a sufficient reason, not the only one.
    """
    case, name = snapshot.case, one.workload.id
    admitted = {workload.id for workload in case.workloads} - screen(case, snapshot.fabric).keys()
    lowered = lower(case, snapshot.fabric, only=admitted, usage=snapshot.usage)
    plan = lower_placements(lowered, whole(lowered, decision))
    counts = one.counts
    keys = {(ref.subgroup.name, ref.role.name): key for key, ref in lowered.context.keys_of.get(name, ())}
    found = []
    for subgroup in one.workload.subgroups:
        for role in subgroup.roles:
            at = (subgroup.name, role.name)
            after = plan.count(keys[at]) if at in keys else counts[at]
            if after >= role.replicas:
                continue
            rule, reason = None, _no_part(one)
            if name in {gone.workload for gone in decision.evictions}:
                reason = "it is evicted"
            elif at in keys and lowered.problem.part(keys[at]).count > after:
                rule, reason = _why(lowered, plan, keys[at], decision)
            found.append(
                Lack(
                    subgroup=at[0],
                    role=at[1],
                    runs=counts[at],
                    after=after,
                    wanted=role.replicas,
                    rule=rule,
                    reason=reason,
                )
            )
    return tuple(found)


def _no_part(one: Running) -> str:
    """Why the decision has no say in the growth of some running work."""
    if not one.lacking:
        return "the workload runs with less than its minimum: it is held as it is"
    return (
        "it is held as it is (a member of a placement group or of an affinity, MIG work, a subgroup that does not run "
        "of work that may only move, or work that breaks a rule where it runs)"
    )


def _why(lowered: Lowered, plan: Plan, key: PartKey, decision: Decision) -> tuple[str | None, str]:
    """The rule that keeps a further replica of the part out, and a sentence."""
    problem = _one_more(lowered.problem, plan, key)
    if _fits(problem, plan, key[0]):
        if decision.status is Status.OPTIMAL:
            return None, "a further replica would fit, and costs more than it is worth"
        return None, "a further replica would fit; the search ended before it was given one"
    for rule in dict.fromkeys(atom.rule for atom in problem.atoms if atom.tier < 0):
        if rule != "capacity" and _fits(without_rule(problem, rule), plan, key[0]):
            figures = "; ".join(_figures(lowered, problem, plan, key, rule))
            reason = f"{figures}; " if figures else ""
            return rule, f"{reason}without the rule {rule!r} a further replica would fit"
    return "capacity", "no further replica finds free devices, CPU, memory and NICs on a node that it may use"


def _one_more(problem: Problem, plan: Plan, key: PartKey) -> Problem:
    """The problem in which the item needs just one more replica of the part than the plan gives it."""
    item, wanted = key
    parts = list(problem.items[item].parts)
    for p, part in enumerate(parts):
        count = plan.count((item, p)) + (p == wanted)
        parts[p] = replace(part, count=count, min_count=min(count, part.min_count) if p != wanted else count)
    items = list(problem.items)
    items[item] = replace(items[item], parts=tuple(parts))
    return replace(problem, items=tuple(items))


def _fits(problem: Problem, plan: Plan, item: int) -> bool:
    """Whether the item gets what it needs beside its seats of the plan, with all others as they are there."""
    ground = Ground(problem)
    for other, seats in plan.seats.items():
        if other != item:
            ground.settle(other, seats)
    found = Gang(ground, item, plan.seats[item]).place()
    return found is not None and not check(problem, ground.plan()).violations


def _figures(lowered: Lowered, problem: Problem, plan: Plan, key: PartKey, rule: str) -> Iterator[str]:
    """What the rule says of the part, in words."""
    for atom in problem.atoms_of[key[0]]:
        if atom.rule != rule:
            continue
        if isinstance(atom, Share) and atom.limit is not None and key in atom.use:
            load = atom.load(plan)
            if load + atom.use[key] > atom.limit:
                yield f"{atom.name}: {atom.use[key]} more needed, {max(0, atom.limit - load)} left of {atom.limit}"
        elif isinstance(atom, Within | Segments | Spread):
            words = {Within: "all in one", Segments: "whole segments in one", Spread: "spread over"}
            yield f"{words[type(atom)]} {lowered.fabric.partitions[atom.partition].name}"
