"""What must hold for one random problem: every claim is compared with brute force and with a second measurement."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from random import Random

import numpy as np

from solver.cells import Cells, coarse_cells, fine_cells
from solver.certificate import evaluate, with_limits
from solver.check import check
from solver.encode import Encoded, encode
from solver.greedy import greedy
from solver.items import IntArray
from solver.messages import BoundFound, PlanFound
from solver.model import Arrays
from solver.pack import seat_plan
from solver.plan import Plan
from solver.problem import Problem
from solver.solve import Budget, Outcome, State, solve
from solver.workers import Inline, Job
from tests.verify.brute import Best, Choice, Space, TooLargeError
from tests.verify.exact import lexicographic
from tests.verify.meaning import judge
from tests.verify.problems import draw, shuffled

CellCounts = tuple[tuple[int, int, int, int], ...]
"""Sorted (item, part, cell, replicas)."""
SAMPLE = 6
"""Plans per case on which the judge and the second measurement are compared, besides the optimum."""


@dataclass(frozen=True)
class Case:
    """A problem small enough for brute force, with its optimum."""

    problem: Problem
    space: Space
    best: Best
    rng: Random


def make(seed: int, number: int, limit: int = 800, enough: int = 25) -> Case:
    """Case `number` of a seed: the first draw with at most `limit` plans (and seldom fewer than `enough`)."""
    rng = Random(f"{seed}:{number}")
    while True:
        problem = draw(rng)
        try:
            space = Space(problem, limit)
            best = space.best()
        except TooLargeError:
            continue
        if best.plans >= enough or rng.random() < 0.1:
            return Case(problem, space, best, rng)


def of(problem: Problem, seed: str = "") -> Case:
    """A case of a given problem, for shrinking."""
    space = Space(problem)
    return Case(problem, space, space.best(), Random(seed))


def measure_agrees(case: Case) -> Iterator[str]:
    """The judge and the second measurement say the same of valid plans and of plans that were damaged."""
    every = case.space.combinations()
    some = case.rng.sample(every, min(SAMPLE, len(every)))
    plans = [case.best.plan, *(case.space.plan(chosen, case.rng) for chosen in some)]
    for plan in plans:
        report = check(case.problem, plan)
        if report.violations:
            yield f"measure: a valid plan is refused: {report.violations[0]} {dict(plan.seats)}"
        yield from _same(case, plan)
    for plan in plans[:3]:
        yield from _same(case, _damaged(plan, case))
    if check(case.problem, case.best.plan).values != case.best.values:
        yield f"measure: {check(case.problem, case.best.plan).values}, brute force says {case.best.values}"


def _same(case: Case, plan: Plan) -> Iterator[str]:
    report = check(case.problem, plan)
    valid, values, costs = judge(case.problem, plan)
    if valid == bool(report.violations):
        yield f"measure: second opinion valid={valid}, judge {report.violations} on {dict(plan.seats)}"
    elif valid and (values != report.values or costs != [cost for _, cost in report.costs]):
        yield f"measure: judge {report.values} {report.costs}, second opinion {values} {costs}"


def _damaged(plan: Plan, case: Case) -> Plan:
    """The plan with one seat moved to another bin or device, dropped, or taken twice."""
    used = [(i, p) for i, parts in plan.seats.items() for p, seats in enumerate(parts) if seats]
    if not used:
        return plan
    rng = case.rng
    i, p = rng.choice(used)
    parts = [list(seats) for seats in plan.seats[i]]
    at = rng.randrange(len(parts[p]))
    seat = parts[p][at]
    match rng.randrange(4):
        case 0:
            parts[p][at] = replace(seat, bin=rng.randrange(case.problem.bins.count))
        case 1 if seat.devices:
            width = case.problem.bins.devices.shape[1]
            parts[p][at] = replace(seat, devices=tuple((rng.randrange(width), m) for _, m in seat.devices))
        case 2:
            del parts[p][at]
        case _:
            parts[p].append(seat)
    return plan.with_item(i, tuple(tuple(seats) for seats in parts))


def greedy_stays_valid(case: Case) -> Iterator[str]:
    """Greedy's plan is valid and not better than the optimum."""
    plan, _ = greedy(case.problem)
    report = check(case.problem, plan)
    if report.violations or report.values < case.best.values:
        yield f"greedy: {report.violations} {report.values}, optimum {case.best.values}"


def _hint(name: str, encoded: Encoded, case: Case, plan: Plan, exact: bool) -> Iterator[str]:
    arrays = encoded.arrays
    row = arrays.broken_row(arrays.hint)
    if row is not None:
        yield f"{name}: the hint breaks row {row}"
        return
    values = tuple(arrays.value(tier, arrays.hint) for tier in range(case.problem.tiers))
    measured = check(case.problem, plan).values
    if exact and values != measured:
        yield f"{name}: the hint has {values}, its plan {measured}"
    if not exact and any(a > b for a, b in zip(values, measured, strict=True)):
        yield f"{name}: the relaxed hint costs {values}, its plan only {measured}"


def _guesses(name: str, encoded: Encoded, case: Case) -> Iterator[str]:
    """Random multipliers of both signs never give a bound above the least value."""
    for tier in range(case.problem.tiers):
        limits = case.rng.choice(sorted(case.best.vectors))[:tier]
        limited = with_limits(encoded.arrays, limits)
        raw = [case.rng.choice((0, 0, 0, 1, 2, 5)) * case.rng.choice((-1, 1)) for _ in range(limited.rows)]
        y = np.array(raw, np.int64)
        y[(y > 0) & (limited.row_lo < -(2**59))] = 0
        y[(y < 0) & (limited.row_hi > 2**59)] = 0
        value = evaluate(limited, tier, case.rng.choice((1, 2, 8)), y)
        least = case.best.least(tier, limits)
        if value is None or value > least:
            yield f"{name}: multipliers {raw} prove {value} in tier {tier} under {limits}, a plan has {least}"


def fine_is_exact(case: Case) -> Iterator[str]:
    """The fine model has the optimum of brute force, its solutions can be seated, its hints are right."""
    cells = fine_cells(case.problem)
    yield from _hint("fine", encode(case.problem, cells, case.best.plan), case, case.best.plan, exact=True)
    other = case.space.plan(case.rng.choice(case.space.combinations()), case.rng)
    yield from _hint("fine", encode(case.problem, cells, other), case, other, exact=True)
    encoded = encode(case.problem, cells, Plan())
    yield from _hint("fine", encoded, case, Plan(), exact=True)
    yield from _guesses("fine", encoded, case)
    found = lexicographic(encoded.arrays)
    if found is None or found[0] != case.best.values:
        yield f"fine: the model's optimum is {found and found[0]}, brute force {case.best.values}"
        return
    plan = seat_plan(case.problem, cells, encoded.counts(found[1]))
    report = None if plan is None else check(case.problem, plan)
    if report is None or report.violations or report.values != case.best.values:
        yield f"fine: the solution is seated as {plan} with {report}, optimum {case.best.values}"


def fine_knows_every_plan(case: Case) -> Iterator[str]:
    """With the replicas per cell fixed, the fine model is feasible exactly for what a plan can be, at its cost."""
    cells = fine_cells(case.problem)
    encoded = encode(case.problem, cells, Plan())
    known: dict[CellCounts, tuple[int, ...]] = {}
    every = case.space.combinations()
    for chosen in every:
        name = _per_cell(chosen, cells)
        if name is None:
            yield f"cells: a plan uses a bin without a cell: {chosen}"
            return
        least = min(case.space.vectors(chosen))
        known[name] = min(known.get(name, least), least)
    trials = [_per_cell(c, cells) for c in (*case.rng.sample(every, min(2, len(every))), *_strays(case, every))]
    for trial in trials:
        if trial is None:
            continue
        fixed = _with_counts(encoded, trial)
        found = None if fixed is None else lexicographic(fixed)
        if (found and found[0]) != known.get(trial):
            yield f"cells: {trial} costs {found and found[0]} in the model, {known.get(trial)} by brute force"


def _per_cell(chosen: Choice, cells: Cells) -> CellCounts | None:
    """The choice as replicas per cell, None if it uses a bin that belongs to none."""
    owner = {b: cell for cell, members in enumerate(cells.members) for b in members.tolist()}
    found: dict[tuple[int, int, int], int] = {}
    for i, rows in chosen.items():
        for p, row in enumerate(rows):
            for b, n in enumerate(row):
                if n and b not in owner:
                    return None
                if n:
                    found[i, p, owner[b]] = found.get((i, p, owner[b]), 0) + n
    return tuple(sorted((*key, n) for key, n in found.items()))


def _strays(case: Case, every: list[Choice]) -> Iterator[Choice]:
    """Choices near plans: a few replicas moved or added."""
    for _ in range(4):
        chosen = {i: [list(row) for row in rows] for i, rows in case.rng.choice(every).items()}
        for _ in range(case.rng.choice((1, 1, 2))):
            row = case.rng.choice(chosen[case.rng.choice(list(chosen))])
            give, take = case.rng.randrange(len(row)), case.rng.randrange(len(row))
            row[take] += 1
            if row[give] and case.rng.random() < 0.7:
                row[give] -= 1
        yield {i: tuple(tuple(row) for row in rows) for i, rows in chosen.items()}


def _with_counts(encoded: Encoded, trial: CellCounts) -> Arrays | None:
    """The model with all replica columns fixed, None if it has no column for one."""
    lower, upper = encoded.arrays.lower.copy(), encoded.arrays.upper.copy()
    for by_cell in encoded.columns.values():
        upper[list(by_cell.values())] = 0
    for i, p, cell, n in trial:
        col = encoded.columns[i, p].get(cell)
        if col is None or n > encoded.arrays.upper[col]:
            return None
        lower[col] = upper[col] = n
    return replace(encoded.arrays, lower=lower, upper=upper)


def coarse_is_a_relaxation(case: Case) -> Iterator[str]:
    """The coarse model is never above brute force and holds every plan."""
    cells = coarse_cells(case.problem)
    encoded = encode(case.problem, cells, case.best.plan)
    yield from _hint("coarse", encoded, case, case.best.plan, exact=False)
    yield from _guesses("coarse", encoded, case)
    found = lexicographic(encoded.arrays)
    if found is None or found[0] > case.best.values:
        yield f"coarse: its optimum is {found and found[0]}, brute force {case.best.values}"


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
            again = evaluate(limited, message.tier, proof.scale, y)
            same = (proof.tier, proof.limits) == (message.tier, message.limits)
            if again != message.value or not same:
                yield f"{name}: the certificate of {message} proves {again}"


@dataclass
class Recorder:
    """Searches in this process and keeps what was told, by the problem it was told of."""

    problem: Problem | None = None
    told: list[object] | None = None

    def run(self, job: Job, tell: Callable[[object], None], cancelled: Callable[[], bool] | None = None) -> str | None:
        told: list[object] = []
        self.problem, self.told = job.problem, told

        def both(message: object) -> None:
            told.append(message)
            tell(message)

        return Inline().run(job, both, cancelled)


def _decided(name: str, outcome: Outcome, problem: Problem, best: Best) -> Iterator[str]:
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


def search_is_right(case: Case) -> Iterator[str]:
    """`solve` ends with the optimum, proven in every tier; all its bounds and certificates hold; order is no matter."""
    recorder = Recorder()
    outcome = solve(case.problem, Budget(seed=1), clock=time.monotonic, workers=recorder)
    yield from _decided("solve", outcome, case.problem, case.best)
    if outcome.report.values != case.best.values or outcome.state is not State.OPTIMAL:
        yield f"solve: {outcome.state} {outcome.report.values} {outcome.reason}, brute force {case.best.values}"
    if recorder.problem is not None and recorder.told is not None:
        yield from _bounds_hold("bound", recorder.told, recorder.problem, case.best)
    other = shuffled(case.problem, case.rng)
    moved = solve(other, Budget(seed=1), clock=time.monotonic, workers=Inline())
    if moved.report.values != case.best.values:
        yield f"shuffled: {moved.report.values}, in order {case.best.values}"


@dataclass
class Liar:
    """A search that claims what is not so."""

    messages: list[object]

    def run(self, job: Job, tell: Callable[[object], None], cancelled: Callable[[], bool] | None = None) -> str | None:
        for message in self.messages:
            tell(message)
        return None


def lies_are_not_believed(case: Case) -> Iterator[str]:
    """Claims of a lying search: better figures than a plan has, broken plans, bounds above a plan's value."""
    good = check(case.problem, Plan()).values
    boast = tuple(-1 for _ in good)
    broken = _damaged(case.best.plan, case)
    lies: list[object] = [
        PlanFound(broken, boast),
        PlanFound(Plan(), boast),
        PlanFound(Plan({len(case.problem.items): ()}), boast),
        BoundFound(0, good[0] + 1 + case.rng.randrange(9), (), None),
    ]
    case.rng.shuffle(lies)
    outcome = solve(case.problem, Budget(), clock=time.monotonic, workers=Liar(lies))
    yield from _decided("liar", outcome, case.problem, case.best)


CHECKS: tuple[Callable[[Case], Iterator[str]], ...] = (
    measure_agrees,
    greedy_stays_valid,
    fine_is_exact,
    fine_knows_every_plan,
    coarse_is_a_relaxation,
    search_is_right,
    lies_are_not_believed,
)


def failures(case: Case, checks: tuple[Callable[[Case], Iterator[str]], ...] = CHECKS) -> list[str]:
    """What does not hold; an exception is a failure too."""
    found: list[str] = []
    for check_ in checks:
        try:
            found.extend(check_(case))
        except Exception as error:  # noqa: BLE001 - the case is reported with its seed, the run goes on
            found.append(f"{check_.__name__}: {type(error).__name__}: {error}")
    return found
