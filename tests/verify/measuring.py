"""The judge against a second measurement, and greedy's plans before the judge."""

from collections.abc import Iterator
from dataclasses import replace

from solver.check import check
from solver.greedy import fill, greedy, orders
from solver.ground import Ground
from solver.plan import Plan
from solver.ruin import Ruin
from tests.verify.case import Case
from tests.verify.meaning import judge

SAMPLE = 6
STEPS = 8


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
        yield from _same(case, damaged(plan, case))
    if check(case.problem, case.best.plan).values != case.best.values:
        yield f"measure: {check(case.problem, case.best.plan).values}, brute force says {case.best.values}"


def _same(case: Case, plan: Plan) -> Iterator[str]:
    report = check(case.problem, plan)
    valid, values, costs = judge(case.problem, plan)
    if valid == bool(report.violations):
        yield f"measure: second opinion valid={valid}, judge {report.violations} on {dict(plan.seats)}"
    elif valid and (values != report.values or costs != [cost for _, cost in report.costs]):
        yield f"measure: judge {report.values} {report.costs}, second opinion {values} {costs}"


def damaged(plan: Plan, case: Case) -> Plan:
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
    return Plan({**plan.seats, i: tuple(tuple(seats) for seats in parts)})


def greedy_stays_valid(case: Case) -> Iterator[str]:
    """Greedy's plan is valid and not better than the optimum."""
    plan, _ = greedy(case.problem)
    report = check(case.problem, plan)
    if report.violations or report.values < case.best.values:
        yield f"greedy: {report.violations} {report.values}, optimum {case.best.values}"
    ground = Ground(case.problem)
    for item, seats in case.problem.homes.items():
        ground.settle(item, seats)
    fill(ground, orders(case.problem)[0], weighed=case.rng.randrange(2))
    report = check(case.problem, ground.plan())
    if report.violations or report.values != ground.values() or report.values < case.best.values:
        yield f"greedy, briskly: {report.violations} {report.values}, the ground has {ground.values()}"


def ruins_stay_valid(case: Case) -> Iterator[str]:
    """Ruin and recreate from any valid plan: valid, its own figures those of the judge, never worse than before."""
    starts = [case.problem.anchor, case.space.plan(case.rng.choice(case.space.combinations()), case.rng)]
    for start in starts:
        ruin = Ruin(case.problem, start, case.rng)
        before = check(case.problem, start).values
        if ruin.values != before:
            yield f"ruin: the ground has {ruin.values} for {dict(start.seats)}, the judge {before}"
        for _ in range(STEPS):
            better = ruin.step()
            report = check(case.problem, ruin.plan())
            if report.violations or report.values != ruin.values or report.values < case.best.values:
                yield f"ruin: {ruin.values}, the judge {report.values} {report.violations[:1]}"
                return
            if better != (ruin.values < before) or ruin.values > before:
                yield f"ruin: from {before} to {ruin.values} called better={better}"
            before = ruin.values
