"""What a search claims, whole, cut off or lying: plans, bounds, certificates, status."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from solver.cells import Cells, coarse_cells, fine_cells
from solver.certificate import evaluate, with_limits
from solver.check import check
from solver.encode import Encoded, encode
from solver.items import IntArray
from solver.messages import BoundFound, PlanFound
from solver.plan import Plan
from solver.problem import Problem
from solver.reduce import merge_items
from solver.search import Limits, search
from solver.solve import Budget, Outcome, State, solve
from solver.worker import Meanwhile
from solver.workers import Inline, Job
from tests.solver.doubles import Told
from tests.verify.brute import Best
from tests.verify.case import Case
from tests.verify.measuring import damaged
from tests.verify.variants import shuffled


def _bounds_hold(name: str, told: list[object], problem: Problem, best: Best) -> Iterator[str]:
    models: dict[str, Callable[[Problem], Cells]] = {"fine": fine_cells, "coarse": coarse_cells}
    encoded: dict[str, Encoded] = {}
    for message in told:
        if isinstance(message, BoundFound):
            least = best.least(message.tier, message.limits)
            if message.value > least:
                yield f"{name}: {message} is above {least}"
            proof = message.certificate
            if proof is None:
                continue
            if proof.model not in encoded:
                encoded[proof.model] = encode(problem, models[proof.model](problem), Plan())
            limited = with_limits(encoded[proof.model].arrays, proof.limits)
            y: IntArray = np.zeros(limited.rows, np.int64)
            y[list(proof.rows)] = proof.multipliers
            again = evaluate(limited, message.tier, proof.scale, y, proof.kept)
            same = (proof.tier, proof.limits) == (message.tier, message.limits)
            if again != message.value or not same:
                yield f"{name}: the certificate of {message} proves {again}"


@dataclass
class Recorder:
    """Searches in this process and keeps what was told, with the problem whose models its certificates name."""

    problem: Problem | None = None
    told: list[object] | None = None

    def run(
        self,
        job: Job,
        tell: Callable[[object], None],
        cancelled: Callable[[], bool] | None = None,
        meanwhile: Meanwhile | None = None,
    ) -> str | None:
        told: list[object] = []
        self.problem, self.told = merge_items(job.problem).problem if job.merges else job.problem, told

        def both(message: object) -> None:
            told.append(message)
            tell(message)

        return Inline().run(job, both, cancelled, meanwhile)


def decided(name: str, outcome: Outcome, problem: Problem, best: Best) -> Iterator[str]:
    """What is wrong with an outcome: its plan, its values, its bounds, its state."""
    report = check(problem, outcome.plan)
    if report.violations or report.values != outcome.report.values:
        yield f"{name}: delivered {outcome.report}, the judge says {report}"
    if report.values < best.values:
        yield f"{name}: better than brute force: {report.values} < {best.values}"
    if outcome.state is State.OPTIMAL and report.values != best.values:
        yield f"{name}: OPTIMAL at {report.values}, brute force has {best.values}"
    lower = tuple(bound.value for bound in outcome.bounds)
    if lower > best.values:
        yield f"{name}: bounds {lower} are lexicographically above {best.values}"
    for tier, bound in enumerate(lower):
        if bound > best.least(tier, report.values[:tier]):
            yield f"{name}: bound {bound} of tier {tier} is above a plan within {report.values[:tier]}"
        if bound < report.values[tier] and outcome.state is State.OPTIMAL:
            yield f"{name}: OPTIMAL with the open tier {tier}"


def _plenty(case: Case) -> Budget:
    """Far more than a tiny problem takes; a search that does not end by then has lost its way.

    Where the model is a relaxation a search may have no proof to end with.
    """
    return Budget(deadline=time.monotonic() + (10 if case.exact else 0.5), seed=1)


def search_is_right(case: Case) -> Iterator[str]:
    """`solve` ends with the optimum, proven in every tier; all its bounds and certificates hold; order is no matter."""
    recorder = Recorder()
    outcome = solve(case.problem, _plenty(case), clock=time.monotonic, workers=recorder)
    yield from decided("solve", outcome, case.problem, case.best)
    proven = outcome.report.values == case.best.values and outcome.state is State.OPTIMAL
    if case.exact and not proven:
        yield f"solve: {outcome.state} {outcome.report.values} {outcome.reason}, brute force {case.best.values}"
    if recorder.problem is not None and recorder.told is not None:
        yield from _bounds_hold("bound", recorder.told, recorder.problem, case.best)
    other = shuffled(case.problem, case.rng)
    if not case.exact:
        return
    moved = solve(other, _plenty(case), clock=time.monotonic, workers=Inline())
    if moved.report.values != case.best.values:
        yield f"shuffled: {moved.report.values}, in order {case.best.values}"


def short_budgets_are_honest(case: Case) -> Iterator[str]:
    """A search that is cut off tells no bound that a plan disproves, and no plan that is not one."""
    rng = case.rng
    for limits in (Limits(seconds=rng.choice((0.0, 0.002, 0.01))), Limits(work=rng.choice((0.0, 1e-5, 1e-3)))):
        told: list[object] = []
        search(case.problem, case.problem.anchor, limits, told.append)
        yield from _bounds_hold("short", told, case.problem, case.best)
        for message in told:
            if isinstance(message, PlanFound):
                report = check(case.problem, message.plan)
                if report.violations or report.values != message.values:
                    yield f"short: {message} measures {report}"


def lies_are_not_believed(case: Case) -> Iterator[str]:
    """Claims of a lying search: better figures than a plan has, broken plans, bounds above a plan's value."""
    good = check(case.problem, case.problem.anchor).values
    boast = tuple(-1 for _ in good)
    broken = damaged(case.best.plan, case)
    lies: list[object] = [
        PlanFound(broken, boast),
        PlanFound(Plan(), boast),
        PlanFound(Plan({len(case.problem.items): ()}), boast),
        BoundFound(0, good[0] + 1 + case.rng.randrange(9), (), None),
    ]
    case.rng.shuffle(lies)
    outcome = solve(case.problem, Budget(), clock=time.monotonic, workers=Told(*lies))
    yield from decided("liar", outcome, case.problem, case.best)
