"""The independent check of a decision, or of placements made by anyone else. No ortools, no trust.

Three readings must agree: the rules' own oracles (placement terms), the atoms measured on the lowered plan, and the
figures in the decision. Bounds that come with a certificate are evaluated again in exact integers.
"""

from __future__ import annotations

from collections import Counter

import numpy as np

from placement.admission import screen
from placement.compile import Lifted, Lowered, lift, lower, lower_placements, terms, whole
from placement.errors import InputError
from placement.model import Case, Certificate, Decision, Placement, Status, Verdict
from placement.rating import admission_proven, gap_of, refusing_tiers
from placement.rules.disturbance import grown
from placement.rules.registry import rule_named
from placement.seating import with_devices
from placement.snapshot import Snapshot
from solver.alone import fits, solo
from solver.cells import coarse_cells, fine_cells
from solver.certificate import evaluate, with_limits
from solver.check import Report, check, values
from solver.encode import encode
from solver.give_way import yields
from solver.greedy import greedy
from solver.model import Arrays
from solver.plan import Plan
from solver.problem import Problem
from solver.reduce import merge_items
from solver.rows import limit_names, row_names

__all__ = ["verify", "verify_placements"]


def _ready(case: Case | Snapshot) -> Snapshot:
    return case if isinstance(case, Snapshot) else Snapshot.of(case)


def _lowered(snapshot: Snapshot, rejected: frozenset[str]) -> Lowered:
    admitted = frozenset(w.id for w in snapshot.case.workloads) - rejected
    return lower(snapshot.case, snapshot.fabric, only=admitted, usage=snapshot.usage)


def _audit(lowered: Lowered, decision: Lifted | Decision) -> tuple[list[str], tuple[Placement, ...], Report | None]:
    """Violations by both readings, all placements, and the judge's report if the placements can be read at all.

    What the running state breaks already, word for word, is no violation (hold).
    """
    try:
        placements = whole(lowered, decision)
        plan = lower_placements(lowered, placements)
        native = _native(lowered, placements)
        if lowered.problem.homes:
            before = whole(lowered, Lifted(()))
            # Excused is only what would be said without those replicas that are more than ran on their node.
            excused = set(_native(lowered, before)) - set(_native(lowered, grown(placements, before)))
            native = [text for text in native if text not in excused]
    except InputError as error:
        return [str(error)], (), None
    report = check(lowered.problem, plan)
    found = list(dict.fromkeys(native))
    if report.violations and not found:
        for broken in report.violations:
            who = ", ".join(lowered.refs[i].key for i in broken.items) or "the plan"
            found.append(f"{broken.rule}: {who}: {broken.detail}")
    if found and not report.violations:
        found.append("internal: the rules' oracles and the lowered atoms disagree; please report this case")
    return found, placements, report


def _native(lowered: Lowered, placements: tuple[Placement, ...]) -> list[str]:
    """What the rules' own oracles find."""
    return [
        f"{active.rule.name}: {text}"
        for active in lowered.rules
        if active.hard is not None and active.spec.mode != "prefer"
        for text in active.hard.audit(lowered.case, lowered.fabric, placements)
    ]


def verify_placements(
    case: Case | Snapshot, placements: tuple[Placement, ...], disturbing: Decision | Lifted | None = None
) -> tuple[str, ...]:
    """What placements of any origin violate; empty if they are valid. Workloads left out are simply not placed.

    Replicas that name no devices get any that fit their node (`placement.seating`). Running work stays where it is,
    but for the moves, shrinks, evictions and growths of `disturbing`.
    """
    snapshot = _ready(case)
    rejected = frozenset(screen(snapshot.case, snapshot.fabric))
    seated = with_devices(snapshot, placements)
    whole_plan = Lifted(seated)
    if disturbing is not None:
        whole_plan = Lifted.of(seated, disturbing)
    return tuple(_audit(_lowered(snapshot, rejected), whole_plan)[0])


def verify(case: Case | Snapshot, decision: Decision) -> tuple[str, ...]:
    """What is wrong with a decision: broken rules, figures that are not so, workloads without an answer."""
    snapshot = _ready(case)
    rejected = frozenset(screen(snapshot.case, snapshot.fabric))
    lowered = _lowered(snapshot, rejected)
    found, placements, report = _audit(lowered, decision)
    if decision.case_id != snapshot.case_id:
        found.append(
            f"case_id: the decision is for case {decision.case_id}, this is case {snapshot.case_id} "
            "(another policy, seed or budget makes another case)"
        )
    found += _accounts(snapshot.case, decision, rejected)
    found += _growths(snapshot.case, decision)
    if report is not None:
        found += _figures(lowered, decision, placements, report)
        found += _disturbances(lowered, decision, placements)
        found += _proofs(lowered, decision)
        found += _refuted(lowered, decision)
        found += _on_the_empty_fleet(snapshot, lowered, decision)
    return tuple(found)


def _accounts(case: Case, decision: Decision, rejected: frozenset[str]) -> list[str]:
    """Every pending workload is answered once; exactly the inadmissible ones are REJECTED."""
    answered = Counter([p.workload for p in decision.placements] + [u.workload for u in decision.unplaced])
    pending = {w.id for w in case.workloads}
    found = [f"{name}: is not a pending workload of the case" for name in sorted(answered.keys() - pending)]
    found += [f"{name}: has no answer" for name in sorted(pending - answered.keys())]
    found += [f"{name}: is answered {n} times" for name, n in sorted(answered.items()) if n > 1]
    known = pending | {r.workload.id for r in case.running}
    for one in decision.unplaced:
        if one.verdict is Verdict.PLACED:
            found.append(f"{one.workload}: is listed as not placed with the verdict PLACED")
        if one.rule is not None and rule_named(one.rule) is None and one.verdict is not Verdict.REJECTED:
            found.append(f"{one.workload}: its verdict names the rule {one.rule!r}, which does not exist")
        named = None if one.rule is None else rule_named(one.rule)
        if named is not None and named.kind == "objective" and one.verdict is not Verdict.REJECTED:
            found.append(f"{one.workload}: its verdict names {one.rule!r}, which refuses nothing")
        found += [f"{one.workload}: its rival {r!r} does not exist" for r in one.rivals if r not in known]
    said = {u.workload for u in decision.unplaced if u.verdict is Verdict.REJECTED}
    found += [f"{name}: is REJECTED without cause" for name in sorted(said - rejected)]
    found += [f"{name}: must be REJECTED" for name in sorted(rejected - said)]
    return found


def _growths(case: Case, decision: Decision) -> list[str]:
    """Growths by the documents alone: they begin at what runs, end at no more than is wanted, and add up."""
    running = {one.workload.id: one for one in case.running}
    left = {move.workload: move.replicas for move in decision.moves}
    left |= {shrink.workload: shrink.replicas for shrink in decision.shrinks}
    found = []
    for growth in decision.growths:
        one, role = running.get(growth.workload), (growth.subgroup, growth.role)
        if one is None:
            continue  # not running, which `whole` tells
        counts = Counter((r.subgroup, r.role) for r in one.replicas)
        wanted = {(s.name, r.name): r.replicas for s in one.workload.subgroups for r in s.roles}.get(role, 0)
        at = f"growths: role {growth.role} of {growth.workload}"
        if growth.before != counts[role]:
            found.append(f"{at}: {growth.before} are said to run, {counts[role]} do")
        if growth.after - growth.before != len(growth.added):
            found.append(f"{at}: from {growth.before} to {growth.after} with {len(growth.added)} new replicas")
        if not growth.before < growth.after <= wanted:
            found.append(f"{at}: from {growth.before} to {growth.after} is no growth, {wanted} are wanted")
        kept = Counter((r.subgroup, r.role) for r in left.get(growth.workload, one.replicas))
        if kept[role] != counts[role]:
            found.append(f"{at}: it loses replicas as well")
    return found


def _disturbances(lowered: Lowered, decision: Decision, placements: tuple[Placement, ...]) -> list[str]:
    """Moves, shrinks and evictions say what they are."""
    told = lift(lowered, lower_placements(lowered, placements))
    found = []
    if {(g.workload, g.subgroup, g.role) for g in decision.growths} != {
        (g.workload, g.subgroup, g.role) for g in told.growths
    }:
        found.append("growths: not the roles that have more replicas than now")
    for field in ("moves", "shrinks"):
        said = {entry.workload: entry for entry in getattr(decision, field)}
        real = {entry.workload: entry for entry in getattr(told, field)}
        found += [f"{field}: {name} is not one of them" for name in sorted(said.keys() - real.keys())]
        for name in sorted(said.keys() & real.keys()):
            for figure in {"moved", "lost"} & vars(said[name]).keys():
                if getattr(said[name], figure) != getattr(real[name], figure):
                    found.append(f"{field}: {name} reports another number of replicas {figure}")
    return found


def _figures(lowered: Lowered, decision: Decision, placements: tuple[Placement, ...], report: Report) -> list[str]:
    """Tier values, terms, gaps and status against the placements."""
    found = []
    idle = values(lowered.problem, lowered.problem.anchor)
    refusing = refusing_tiers(lowered)
    stated = {t.tier: t for t in decision.tiers}
    if tuple(stated) != lowered.tiers or len(stated) != len(decision.tiers):
        return [f"tiers: the policy has tiers {list(lowered.tiers)}, the decision reports {list(stated)}"]
    for index, tier in enumerate(lowered.tiers):
        said, is_ = stated[tier], report.values[index]
        if said.value != is_:
            found.append(f"tiers[{index}].value: {said.value} is reported, the placements give {is_}")
        if said.do_nothing != idle[index]:
            found.append(f"tiers[{index}].do_nothing: {said.do_nothing} is reported, it is {idle[index]}")
        bound = 0 if said.bound is None else said.bound
        if bound > is_:
            found.append(f"tiers[{index}].bound: {bound} is above the value {is_}")
        if said.abs_gap not in (None, is_ - bound):
            found.append(f"tiers[{index}].abs_gap: {said.abs_gap} is reported, it is {is_ - bound}")
        gap = gap_of(is_, bound, idle[index] if index in refusing else None)
        if said.gap is None or abs(said.gap - gap) > 1e-9:
            found.append(f"tiers[{index}].gap: {said.gap} is reported, it is {gap}")
        if said.bound_source is None:
            found.append(f"tiers[{index}].bound_source: a bound names its source")
    open_tiers = [t for t in decision.tiers if t.bound != t.value]
    if (decision.status is Status.OPTIMAL) != (not open_tiers):
        found.append(f"status: {decision.status} does not go with the bounds")
    first = open_tiers[0] if open_tiers else None
    if decision.gap_tier != (None if first is None else first.tier):
        found.append(f"gap_tier: {decision.gap_tier} is reported, the first open tier is another")
    if decision.gap is None or abs(decision.gap - (0.0 if first is None else first.gap or 0.0)) > 1e-9:
        found.append(f"gap: {decision.gap} is reported, the first open tier has another")
    shown = first or (decision.tiers[0] if decision.tiers else None)
    if decision.bound_source != (None if shown is None else shown.bound_source):
        found.append(f"bound_source: {decision.bound_source} is not that of the tier the gap speaks of")
    if sorted(decision.holds, key=str) != sorted(lowered.holds, key=str):
        found.append("holds: not what the running state breaks")
    if len(decision.terms) != len({(t.name, t.tier) for t in decision.terms}):
        found.append("terms: a rule is reported twice in one tier")
    right = {(t.name, t.tier): t for t in terms(lowered, report)}
    given = {(t.name, t.tier): t for t in decision.terms}
    for name in sorted(right.keys() | given.keys()):
        wanted, got = right.get(name), given.get(name)
        if wanted is None or got is None:
            found.append(f"terms: {name[0]} of tier {name[1]} is {'missing' if got is None else 'not in the policy'}")
        elif wanted.points != got.points or abs(wanted.natural - got.natural) > 1e-6 * max(1.0, abs(wanted.natural)):
            found.append(f"terms: {name[0]} reports {got.points} points, the placements give {wanted.points}")
        elif (wanted.unit, wanted.weight) != (got.unit, got.weight):
            found.append(f"terms: {name[0]} has unit {wanted.unit!r} and weight {wanted.weight}")
    for index, said in enumerate(decision.tiers):
        if sorted(said.terms) != sorted(name for name, tier in right if tier == said.tier):
            found.append(f"tiers[{index}].terms: not the objectives of that tier")
    for active in lowered.rules:
        wanted = right.get((active.rule.name, active.spec.tier))
        if wanted is not None and active.points(lowered.case, lowered.fabric, placements) != wanted.points:
            found.append(f"internal: the oracle of {active.rule.name} disagrees with its atoms; please report")
    return found


def _refuted(lowered: Lowered, decision: Decision) -> list[str]:
    """Claims that a plan at hand disproves: bounds above a greedy plan, "it cannot fit" of what fits alone."""
    found = []
    if len(decision.tiers) != lowered.problem.tiers:
        return []
    plan, _ = greedy(lowered.problem, tries=1)
    reached = values(lowered.problem, plan)
    for index, said in enumerate(decision.tiers):
        if said.bound is not None and reached[index] < said.bound:
            found.append(f"tiers[{index}].bound: {said.bound} is claimed, a simple plan reaches {reached[index]}")
        if reached[index] > said.value:
            break
    proven = admission_proven(lowered, [t.bound == t.value for t in decision.tiers])
    for one in decision.unplaced:
        item = lowered.context.item_of.get(one.workload)
        if one.verdict is Verdict.OUTCOMPETED and not proven:
            found.append(f"{one.workload}: OUTCOMPETED needs a proven first tier")
        if one.workload in one.rivals:
            found.append(f"{one.workload}: is its own rival")
        denied = one.verdict in (Verdict.IMPOSSIBLE, Verdict.NO_ROOM) and one.rule != "affinity"
        if one.verdict is Verdict.IMPOSSIBLE and lowered.holds and lowered.problem.homes:
            continue  # What runs may be exchanged above a limit that holds on the empty fleet.
        if denied and one.rule == "preemption":
            if item is not None and yields(lowered.problem, item):
                found.append(f"{one.workload}: is called {one.verdict}, and fits where running work gives way")
        elif denied and item is not None and fits(solo(lowered.problem, item)) is not None:
            found.append(f"{one.workload}: is called {one.verdict}, and fits alone")
    return found


def _on_the_empty_fleet(snapshot: Snapshot, lowered: Lowered, decision: Decision) -> list[str]:
    """Where what runs is above a limit: "impossible" of what fits without it."""
    claimed = [u.workload for u in decision.unplaced if u.verdict is Verdict.IMPOSSIBLE and u.rule != "affinity"]
    if not claimed or not (lowered.holds and lowered.problem.homes):
        return []
    admitted = frozenset(lowered.context.item_of) & {w.id for w in snapshot.case.workloads}
    empty = lower(snapshot.case, snapshot.fabric, only=admitted, empty_fleet=True)
    items = ((name, empty.context.item_of.get(name)) for name in claimed)
    return [
        f"{name}: is called {Verdict.IMPOSSIBLE}, and fits the empty fleet"
        for name, item in items
        if item is not None and fits(solo(empty.problem, item)) is not None
    ]


_Models = dict[str, tuple[Arrays, tuple[str, ...]]]
"""Models that certificates speak of, and the names of their rows."""


def _proofs(lowered: Lowered, decision: Decision) -> list[str]:
    """Certified bounds again, in exact integers."""
    found = []
    merged = merge_items(lowered.problem).problem
    proofs = {c.tier: c for c in decision.certificates}
    models: _Models = {}
    for index, said in enumerate(decision.tiers):
        if said.bound_source != "certificate" or not said.bound:
            continue
        proof = proofs.get(said.tier)
        if proof is None:
            found.append(f"tiers[{index}].bound: it claims a certificate and there is none")
            continue
        earlier = tuple(t.value for t in decision.tiers[:index])
        if len(proof.limits) != index or any(v > u for v, u in zip(earlier, proof.limits, strict=True)):
            found.append(f"certificates: that of tier {said.tier} is conditional on values that are not met")
            continue
        proven = _evaluate(merged, proof, index, models)
        if proven is None or proven < said.bound:
            found.append(f"tiers[{index}].bound: {said.bound} is reported, its certificate proves {proven}")
    return found


def _evaluate(problem: Problem, proof: Certificate, index: int, models: _Models) -> int | None:
    pairs = [(name.partition("/"), y) for name, y in proof.multipliers]
    kept = [name.partition("/") for name in proof.kept]
    kinds = {name[0] for name in [*kept, *(name for name, _ in pairs)]} or {"coarse"}
    if len(kinds) != 1 or not kinds <= {"coarse", "fine"}:
        return None
    kind = kinds.pop()
    if kind not in models:
        cells = coarse_cells(problem) if kind == "coarse" else fine_cells(problem)
        arrays = encode(problem, cells, Plan()).arrays
        models[kind] = arrays, row_names(problem, arrays)
    arrays, names = models[kind]
    limited = with_limits(arrays, proof.limits)
    row_of = {name: row for row, name in enumerate((*names, *limit_names(len(proof.limits))))}
    y = np.zeros(limited.rows, np.int64)
    for name, multiplier in pairs:
        if name[2] not in row_of:
            return None
        y[row_of[name[2]]] = multiplier
    if any(name[2] not in row_of for name in kept):
        return None
    return evaluate(limited, index, proof.scale, y, [row_of[name[2]] for name in kept])
