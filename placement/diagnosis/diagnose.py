"""diagnose: the strongest scope in which a workload does not fit, a minimal conflict there, repairs, or a price."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property

from placement.compile import lower, lower_placements, whole
from placement.compile.loosening import min_runtime_s
from placement.diagnosis.conflict import find_conflict
from placement.diagnosis.desk import Desk, Question
from placement.diagnosis.growing import lacks
from placement.diagnosis.kept import find_rivals
from placement.diagnosis.permitted import find_limits
from placement.diagnosis.raising import raised
from placement.diagnosis.repairs import Repairing
from placement.engine import decide
from placement.errors import InputError
from placement.model import Case, Decision, Status, Verdict
from placement.model.diagnosis import Cause, Diagnosis, Price, Repair, Scope
from placement.model.workload import Workload
from placement.snapshot import Snapshot
from solver.alone import solo
from solver.check import values
from solver.permitted import permitted
from solver.plan import Plan
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
    known = _known(snapshot, decision, workload)
    if known is not None:
        return known
    end = clock() + seconds
    desk = Desk(snapshot, workers, lambda: end - clock())
    early = replace(desk, left=lambda: end - (1 - _CONFLICT_SHARE) * seconds - clock())
    inquiry = _Inquiry(desk, early, decision, workload, clock, workers)
    return inquiry.refuted() or inquiry.left_out()


def _known(snapshot: Snapshot, decision: Decision, workload: str) -> Diagnosis | None:
    """The diagnosis of what runs or is placed; None for what waits in vain. InputError as `diagnose` says."""
    case = snapshot.case
    if decision.case_id != snapshot.case_id:
        raise InputError(
            "decision", "it was made for another case", "give the case as it was decided: same policy, seed and budget"
        )
    running = {one.workload.id: one for one in case.running}
    if workload in running:
        return Diagnosis(workload=workload, placed=True, lacks=lacks(snapshot, decision, running[workload]))
    if workload not in {w.id for w in case.workloads}:
        raise InputError("workload", f"{workload!r} is neither pending nor running in the case", "name one that is")
    if workload in {placement.workload for placement in decision.placements}:
        return Diagnosis(workload=workload, placed=True)
    said = next((one for one in decision.unplaced if one.workload == workload), None)
    if said is not None and said.verdict is Verdict.REJECTED:
        raise InputError("workload", f"{workload!r} cannot be meant: {said.reason}", "mend it as it says")
    return None


@dataclass(frozen=True)
class _Inquiry:
    """One workload that waits in vain. Conflicts are looked for at the `early` desk, all else at the `desk`."""

    desk: Desk
    early: Desk
    decision: Decision
    workload: str
    clock: Callable[[], float]
    workers: Workers

    @property
    def case(self) -> Case:
        """The case as it was decided."""
        return self.desk.snapshot.case

    @cached_property
    def question(self) -> Question:
        """Whether it fits beside some of the running work."""
        return self.desk.question(self.case, self.workload)

    def refuted(self) -> Diagnosis | None:
        """The diagnosis in the strongest scope in which it is proven not to fit; None if there is none."""
        for scope, asked, kept in self.scopes():
            found = self.beyond_limits() if asked is None else self.refuted_in(scope, asked, kept)
            if found is not None:
                return found
        return None

    def left_out(self) -> Diagnosis:
        """The diagnosis of what is not proven to be without a place: what it lacks, or who would lose theirs."""
        if self.desk.ask(self.question.beside(self.question.running)).plan is None:
            repairs = Repairing(self.desk, self.case, self.workload, (), self.question.running).find()
            return Diagnosis(workload=self.workload, repairs=repairs)
        price = self.price()
        rivals = find_rivals(self.desk, self.decision, self.workload)
        if rivals is None:
            return Diagnosis(workload=self.workload, price=price)
        return Diagnosis(
            workload=self.workload,
            scope=Scope.KEPT,
            proof=rivals.proof,
            conflict=rivals.causes,
            minimal=rivals.minimal,
            price=price,
        )

    def scopes(self) -> Iterator[tuple[Scope, Question | None, tuple[str, ...]]]:
        """(scope, the question, the running work that is kept), strongest first; no question: that of the limits.

        What may not be disturbed at all is asked for first. That work which may move is in the way where it is says
        less than that no move helps, and nothing where one does.
        """
        case, desk = self.case, self.desk
        young = {one.workload.id for one in case.running if case.now_s - one.start_s < min_runtime_s(case)}
        leave = {one.workload.id for one in case.running if one.evictable} - young
        held = {one.workload.id for one in case.running if not one.movable} - leave | young
        lowered = desk.lowered(case, self.workload)
        item = lowered.context.item_of[self.workload]

        def gives_way() -> bool:
            found = permitted(lowered.problem, item, desk.workers, desk.left) if lowered.problem.homes else None
            return isinstance(found, Plan)

        # What runs above a limit may be exchanged: then it may fit now, and would not without that work.
        if not (lowered.holds and gives_way()):
            yield Scope.EMPTY_FLEET, desk.question(case, self.workload, empty=True), ()
            # A place with all gone that may be disturbed is found at a glance, without asking for each of them.
            if desk.ask(solo(lowered.problem, item)).plan is None:
                yield Scope.PROTECTED, self.question, tuple(name for name in self.question.running if name in held)
            if lowered.problem.homes:
                yield Scope.PERMITTED, None, ()
            if len(held) + len(leave) < len(case.running) and not gives_way():
                yield Scope.PROTECTED, self.question, tuple(name for name in self.question.running if name not in leave)
        yield Scope.AS_IT_RUNS, self.question, self.question.running

    def refuted_in(self, scope: Scope, asked: Question, kept: tuple[str, ...]) -> Diagnosis | None:
        """The diagnosis if it is proven not to fit beside the running work that is kept."""
        answer = self.early.ask(asked.beside(kept))
        if answer.proof is None:
            return None
        conflict = find_conflict(self.early, asked, kept, answer.proof)
        price = self.price() if scope is Scope.AS_IT_RUNS else None
        repairs, gives_way = self.repairs(conflict.causes, scope)
        return Diagnosis(
            workload=self.workload,
            scope=scope,
            proof=conflict.proof,
            conflict=conflict.causes,
            minimal=conflict.minimal,
            background=() if scope is Scope.EMPTY_FLEET else asked.fixed,
            repairs=repairs,
            gives_way=gives_way,
            price=price,
        )

    def beyond_limits(self) -> Diagnosis | None:
        """The diagnosis if it does not fit whatever is moved and evicted within the limits on that."""
        desk, case, workload = self.desk, self.case, self.workload
        lowered = desk.lowered(case, workload)
        limits = find_limits(self.early, lowered, workload)
        if limits is None:
            return None
        conflict = limits.conflict

        def more() -> Iterator[Repair]:
            alone = len(lowered.problem.items) == len(lowered.problem.homes) + 1
            return raised(desk, lowered, workload, limits) if alone else iter(())

        items = {lowered.refs[item].key for item in lowered.problem.homes}
        return Diagnosis(
            workload=workload,
            scope=Scope.PERMITTED,
            proof=conflict.proof,
            conflict=conflict.causes,
            minimal=conflict.minimal,
            background=tuple(sorted(one.workload.id for one in case.running if one.workload.id not in items)),
            repairs=Repairing(desk, case, workload, conflict.causes, (), True, more).find(),
            gives_way=True,
        )

    def repairs(self, causes: tuple[Cause, ...], scope: Scope) -> tuple[tuple[Repair, ...], bool]:
        """Repairs with all that runs where it is; if there are none, with what may give way giving way (then True).

        Not where it fits by that alone.
        """
        blocking = [cause.name for cause in causes if cause.kind == "running"]
        found = Repairing(self.desk, self.case, self.workload, causes, blocking).find()
        if found or scope is Scope.AS_IT_RUNS or not any(one.movable or one.evictable for one in self.case.running):
            return found, False
        found = Repairing(self.desk, self.case, self.workload, causes, blocking, give_way=True).find()
        return found, bool(found)

    def price(self) -> Price | None:
        """What the objectives lose if it goes first, at its least size; `proven` if that answer is optimal.

        None if it finds no place even so. It takes half of the time that is left.
        """
        snapshot, decision = self.desk.snapshot, self.decision
        forced = tuple(_first(w) if w.id == self.workload else w for w in self.case.workloads)
        changed = Snapshot.of(self.case.model_copy(update={"workloads": forced}), snapshot.fabric)
        seconds = max(0.1, self.desk.left() / 2)
        other = decide(changed, clock=self.clock, workers=self.workers, deadline=self.clock() + seconds)
        placed = {placement.workload for placement in other.placements}
        if self.workload not in placed:
            return None
        admitted = {w.id for w in self.case.workloads} - {
            one.workload for one in decision.unplaced if one.verdict is Verdict.REJECTED
        }
        lowered = lower(self.case, snapshot.fabric, only=admitted, usage=snapshot.usage)
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
