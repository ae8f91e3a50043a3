"""diagnose: the strongest scope in which a workload does not fit, a minimal conflict there, repairs, or a price."""

from __future__ import annotations

from collections.abc import Callable

from placement.compile import lower, lower_placements, whole
from placement.diagnosis.conflict import find_conflict
from placement.diagnosis.desk import Desk, Question
from placement.diagnosis.growing import lacks
from placement.diagnosis.permitted import find_limits
from placement.diagnosis.repairs import find_repairs
from placement.engine import decide
from placement.errors import InputError
from placement.model import Case, Decision, Status, Verdict
from placement.model.diagnosis import Diagnosis, Price, Scope
from placement.model.workload import Workload
from placement.snapshot import Snapshot
from solver.check import values
from solver.workers import Workers

__all__ = ["diagnose"]

_CONFLICT_SHARE = 0.5
"""Part of the time for the conflict; the rest is for repairs, or for the price."""


def diagnose(
    case: Case | Snapshot,
    decision: Decision,
    workload: str,
    *,
    clock: Callable[[], float],
    workers: Workers,
    seconds: float = 5.0,
) -> Diagnosis:
    """Why `workload` is not placed in this decision of the case, or does not grow, within so many seconds.

    InputError if the case has no such workload, if it is inadmissible (its reason says all), or if the
    decision is another case's.
    """
    snapshot = case if isinstance(case, Snapshot) else Snapshot.of(case)
    whole_case = snapshot.case
    if decision.case_id != snapshot.case_id:
        raise InputError("decision", "it was made for another case", "give the case and its own decision")
    running = {one.workload.id: one for one in whole_case.running}
    if workload in running:
        return Diagnosis(workload=workload, placed=True, lacks=lacks(snapshot, decision, running[workload]))
    if workload not in {w.id for w in whole_case.workloads}:
        raise InputError("workload", f"{workload!r} is neither pending nor running in the case", "name one that is")
    if workload in {placement.workload for placement in decision.placements}:
        return Diagnosis(workload=workload, placed=True)
    said = next((one for one in decision.unplaced if one.workload == workload), None)
    if said is not None and said.verdict is Verdict.REJECTED:
        raise InputError("workload", f"{workload!r} cannot be meant: {said.reason}", "mend it as it says")
    end = clock() + seconds
    desk = Desk(snapshot, workers, lambda: end - clock())
    early = Desk(snapshot, workers, lambda: end - (1 - _CONFLICT_SHARE) * seconds - clock())
    question = desk.question(whole_case, workload)
    # Where work may move and not leave, that it is in the way where it is says less than that no move helps.
    moves = any(one.movable and not one.evictable for one in whole_case.running)
    for scope, asked, kept in _scopes(desk, whole_case, workload, question):
        if scope is (Scope.PROTECTED if moves else Scope.AS_IT_RUNS):
            found = _permitted(early, desk, workload)
            if found is not None:
                return found
        answer = early.ask(asked.beside(kept))
        if answer.proof is not None:
            conflict = find_conflict(early, asked, kept, answer.proof)
            blocking = [cause.name for cause in conflict.causes if cause.kind == "running"]
            price = None
            if scope is Scope.AS_IT_RUNS:
                price = _price(snapshot, decision, workload, clock, workers, desk.left() / 2)
            return Diagnosis(
                workload=workload,
                scope=scope,
                proof=conflict.proof,
                conflict=conflict.causes,
                minimal=conflict.minimal,
                background=() if scope is Scope.EMPTY_FLEET else asked.fixed,
                repairs=find_repairs(desk, whole_case, workload, blocking),
                price=price,
            )
    if desk.ask(question.beside(question.running)).plan is None:
        repairs = find_repairs(desk, whole_case, workload, question.running)
        return Diagnosis(workload=workload, repairs=repairs)
    price = _price(snapshot, decision, workload, clock, workers, desk.left())
    return Diagnosis(workload=workload, price=price)


def _scopes(
    desk: Desk, case: Case, workload: str, question: Question
) -> tuple[tuple[Scope, Question, tuple[str, ...]], ...]:
    """(scope, the question, the running work that is kept), the strongest first."""
    protected = {one.workload.id for one in case.running if not one.evictable}
    return (
        (Scope.EMPTY_FLEET, desk.question(case, workload, empty=True), ()),
        (Scope.PROTECTED, question, tuple(name for name in question.running if name in protected)),
        (Scope.AS_IT_RUNS, question, question.running),
    )


def _permitted(early: Desk, desk: Desk, workload: str) -> Diagnosis | None:
    """The diagnosis if it does not fit whatever is moved and evicted within the limits on that."""
    case = desk.snapshot.case
    lowered = lower(case, desk.snapshot.fabric, only={workload}, usage=desk.snapshot.usage, growth=False)
    conflict = find_limits(early, lowered, workload)
    if conflict is None:
        return None
    items = {lowered.refs[item].key for item in lowered.problem.homes}
    return Diagnosis(
        workload=workload,
        scope=Scope.PERMITTED,
        proof=conflict.proof,
        conflict=conflict.causes,
        minimal=conflict.minimal,
        background=tuple(sorted(one.workload.id for one in case.running if one.workload.id not in items)),
        repairs=find_repairs(desk, case, workload, ()),
    )


def _price(
    snapshot: Snapshot,
    decision: Decision,
    workload: str,
    clock: Callable[[], float],
    workers: Workers,
    seconds: float,
) -> Price | None:
    """What the objectives lose if the workload goes first, at its least size; `proven` if that answer is optimal."""
    forced = tuple(_first(w) if w.id == workload else w for w in snapshot.case.workloads)
    changed = Snapshot.of(snapshot.case.model_copy(update={"workloads": forced}), snapshot.fabric)
    other = decide(changed, clock=clock, workers=workers, deadline=clock() + max(0.1, seconds))
    placed = {placement.workload for placement in other.placements}
    if workload not in placed:
        return None
    admitted = {w.id for w in snapshot.case.workloads} - {
        one.workload for one in decision.unplaced if one.verdict is Verdict.REJECTED
    }
    lowered = lower(snapshot.case, snapshot.fabric, only=admitted, usage=snapshot.usage)
    after = values(lowered.problem, lower_placements(lowered, whole(lowered, other)))
    now = {tier.tier: tier.value for tier in decision.tiers}
    gone = {placement.workload for placement in decision.placements} - placed
    gone |= {one.workload for one in other.evictions} - {one.workload for one in decision.evictions}
    return Price(
        tiers=tuple((tier, value - now[tier]) for tier, value in zip(lowered.tiers, after, strict=True)),
        losers=tuple(sorted(gone))[:50],
        proven=other.status is Status.OPTIMAL,
    )


def _first(one: Workload) -> Workload:
    """The workload before all others, and no larger than it must be."""
    subgroups = tuple(
        sub.model_copy(
            update={"roles": tuple(role.model_copy(update={"replicas": role.min_count}) for role in sub.roles)}
        )
        for sub in one.subgroups
    )
    return one.model_copy(update={"tier": 0, "priority": 1000, "subgroups": subgroups})
