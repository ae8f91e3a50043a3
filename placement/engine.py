"""decide: the one pure core. Service, CLI, what-if, tests and bench all go through it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from placement.admission import Rejection, screen
from placement.compile import Earlier, Lifted, Lowered, earlier, lift, lower, terms
from placement.explain import Explainer, Variant
from placement.ladder import refuse_hurry
from placement.model import Case, Certificate, Decision, Placement, Status, TierReport, Unplaced, Verdict
from placement.rating import admission_proven, gap_of, refusing_tiers
from placement.snapshot import Snapshot
from solver.collector import no_collection
from solver.solve import Bound, Budget, Outcome, State, solve
from solver.workers import Workers

__all__ = ["decide"]

_EXPLAIN_SHARE = 0.12
"""Part of a wall budget kept back to explain what was not placed."""
_EXPLAIN_MOST_S = 0.4
_CLOSE = 0.4
"""What comes after the solve (lifting, judging what is told last, the report) takes at most this part of lowering."""
_REPORT, _REPORT_LEAST_S = 0.2, 0.02
"""What comes after the explanations takes at most this part of lowering, and for small cases so long."""
_QUESTION_SHARE = 0.1
"""What one explanation is thought to take at first, as a part of lowering the case: both grow with the fleet."""


def decide(
    case: Case | Snapshot,
    *,
    clock: Callable[[], float],
    workers: Workers,
    start: tuple[Placement, ...] | None = None,
    warm: Decision | None = None,
    cancelled: Callable[[], bool] | None = None,
    deadline: float | None = None,
) -> Decision:
    """Decide a case: verified placements, a verdict for every other workload, values and proven bounds.

    `clock` gives seconds; `deadline` is a time on it (default: the case's wall budget, from when it is prepared; None
    with a work budget, under which equal cases give equal decisions but for the timings). `start` are placements of any
    origin that are judged beside our own; for running work that may be moved they say where it goes. `warm` is an
    earlier answer to go on from, of any origin: what of it holds is kept unless leaving it gains something, its
    multipliers are evaluated again for bounds, and `Decision.warm` says what became of it. Neither can do harm. A
    `Snapshot` spares preparing the case again.
    Raises InputError for a policy that cannot be meant, and for a wall budget below that of `ladder.least_ms`.
    """
    # All that is made on the way is gone when the collector starts again, and never looked through.
    with no_collection():
        return _decide(case, clock, workers, start, warm, cancelled, deadline)


def _decide(
    case: Case | Snapshot,
    clock: Callable[[], float],
    workers: Workers,
    start: tuple[Placement, ...] | None,
    warm: Decision | None,
    cancelled: Callable[[], bool] | None,
    deadline: float | None,
) -> Decision:
    snapshot = case if isinstance(case, Snapshot) else Snapshot.of(case)
    case, fabric = snapshot.case, snapshot.fabric
    began = clock()
    if deadline is None and case.budget.wall_ms is not None:
        refuse_hurry(snapshot, case.budget.wall_ms, "budget.wall_ms")
        deadline = began + case.budget.wall_ms / 1e3
    rejected = screen(case, fabric)
    admitted = frozenset(w.id for w in case.workloads) - rejected.keys()
    lowered = lower(case, fabric, only=admitted, usage=snapshot.usage)
    lower_s = clock() - began
    before = None if warm is None else earlier(lowered, warm)
    known = None if start is None else earlier(lowered, start)
    outcome = solve(
        lowered.problem,
        _search_budget(case, began, deadline, lower_s),
        clock=clock,
        workers=workers,
        start=None if known is None else known.warm.plan,
        warm=None if before is None else before.warm,
        cancelled=cancelled,
    )
    solved_at = clock()
    # What takes long at fleet size comes before the explanations, which use what time is left.
    lifted, proofs = lift(lowered, outcome.plan), _certificates(lowered, outcome.bounds)
    lifted_at = clock()
    closed = zip(outcome.bounds, outcome.report.values, strict=False)
    report_s = max(_REPORT_LEAST_S, _REPORT * lower_s)
    explainer = Explainer(
        lowered,
        Variant(lambda: lower(case, fabric, only=admitted, empty_fleet=True), lower_s),
        Variant(lambda: lower(case, fabric, only=admitted, raised=False), lower_s),
        outcome.plan,
        admission_proven(lowered, [bound.value == value for bound, value in closed]),
        lambda: None if deadline is None else deadline - report_s - clock(),
        workers,
        lower_s * _QUESTION_SHARE,
    )
    unplaced = tuple(sorted([*_refusals(rejected), *explainer.explain()], key=lambda one: one.workload))
    timings = {
        "lower_ms": lower_s * 1e3,
        **outcome.timings,
        "lift_ms": (lifted_at - solved_at) * 1e3,
        "explain_ms": (clock() - lifted_at) * 1e3,
        "total_ms": (clock() - began) * 1e3,
    }
    return _decision(snapshot, lowered, outcome, lifted, proofs, unplaced, timings, before)


def _search_budget(case: Case, began: float, deadline: float | None, lower_s: float) -> Budget:
    """What the search may use of a decision's budget; the rest of the time is for explanations and the report."""
    search_end = None
    if deadline is not None:
        kept_s = min(_EXPLAIN_MOST_S, _EXPLAIN_SHARE * (deadline - began))
        search_end = deadline - max(kept_s, _CLOSE * lower_s)
    work = None if case.budget.work is None else case.budget.work / 1e3
    return Budget(search_end, work, case.seed)


def _refusals(rejected: Mapping[str, Rejection]) -> list[Unplaced]:
    return [
        Unplaced(workload=name, verdict=Verdict.REJECTED, rule=found.rule, reason=found.reason)
        for name, found in rejected.items()
    ]


def _decision(
    snapshot: Snapshot,
    lowered: Lowered,
    outcome: Outcome,
    lifted: Lifted,
    proofs: tuple[Certificate, ...],
    unplaced: tuple[Unplaced, ...],
    timings: dict[str, float],
    before: Earlier | None,
) -> Decision:
    idle, report = outcome.idle_values, outcome.report
    named = terms(lowered, report)
    refusing = refusing_tiers(lowered)
    tiers = []
    for index, tier in enumerate(lowered.tiers):
        value, bound = report.values[index], outcome.bounds[index]
        tiers.append(
            TierReport(
                tier=tier,
                value=value,
                bound=bound.value,
                gap=gap_of(value, bound.value, idle[index] if index in refusing else None),
                abs_gap=value - bound.value,
                bound_source="certificate" if bound.source == "certificate" else "solver",
                do_nothing=idle[index],
                terms=tuple(term.name for term in named if term.tier == tier),
            )
        )
    open_tier = next((t for t in tiers if t.value != t.bound), None)
    status = Status(outcome.state.value) if tiers else Status.OPTIMAL
    shown = open_tier or (tiers[0] if tiers else None)
    return Decision(
        case_id=snapshot.case_id,
        status=status,
        fallback_reason=outcome.reason if outcome.state is not State.OPTIMAL else None,
        tiers=tuple(tiers),
        gap=0.0 if open_tier is None else open_tier.gap,
        gap_tier=None if open_tier is None else open_tier.tier,
        bound_source=None if shown is None else shown.bound_source,
        terms=named,
        placements=lifted.placements,
        unplaced=unplaced,
        moves=lifted.moves,
        shrinks=lifted.shrinks,
        growths=lifted.growths,
        evictions=lifted.evictions,
        holds=lowered.holds,
        timings=timings,
        certificates=proofs,
        warm=None if before is None else before.report(lowered, lifted, outcome.recalled),
    )


def _certificates(lowered: Lowered, bounds: tuple[Bound, ...]) -> tuple[Certificate, ...]:
    found = []
    for bound in bounds:
        proof = bound.certificate
        if proof is not None:
            pairs = zip(proof.names, proof.multipliers, strict=True)
            found.append(
                Certificate.model_construct(
                    tier=lowered.tiers[proof.tier],
                    scale=proof.scale,
                    limits=proof.limits,
                    multipliers=tuple((f"{proof.model}/{row}", y) for row, y in pairs),
                    kept=tuple(f"{proof.model}/{row}" for row in proof.kept_names),
                )
            )
    return tuple(found)
