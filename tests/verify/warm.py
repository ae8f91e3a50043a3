"""Earlier answers of any content: what is made of them is valid, and no bound that they give is wrong."""

import time
from collections.abc import Iterator
from dataclasses import replace
from random import Random

from solver.cells import coarse_cells
from solver.check import check
from solver.encode import encode
from solver.messages import PlanFound
from solver.plan import Plan, Seat
from solver.problem import Problem
from solver.recall import Multipliers, recall
from solver.reduce import merge_items
from solver.resume import Warm, put_back, resume
from solver.rows import limit_names, row_names
from solver.solve import Budget, solve
from tests.solver.doubles import Told
from tests.verify.case import Case
from tests.verify.claims import decided
from tests.verify.measuring import damaged

TURNS = 3
ODD = ("", "gang/x", "capacity/@0-999999999/1000/0", "capacity/@9-1/1000/0", "limit/7", "/@1-2/", "*", "gang//0")
LARGE = (2**62, -(2**62), 2**70, 2**31)


def earlier_answers_do_no_harm(case: Case) -> Iterator[str]:
    """Whatever an earlier answer holds: plans made of it are valid, the way back makes none worse, bounds hold."""
    for _ in range(TURNS):
        warm = Warm(anything(case), frozenset(case.rng.sample(range(9), 3)), multipliers(case.problem, case.rng))
        plan, _ = resume(case.problem, warm)
        report = check(case.problem, plan)
        if report.violations or report.values < case.best.values:
            yield f"resume: {report.values} {report.violations[:1]} from {dict(warm.plan.seats)}"
            continue
        some = case.space.plan(case.rng.choice(case.space.combinations()), case.rng)
        before, after = check(case.problem, some), check(case.problem, put_back(case.problem, some, warm.plan))
        if after.violations or after.values > before.values:
            yield f"put back: {before.values} to {after.values} {after.violations[:1]} to {dict(warm.plan.seats)}"
        known = [PlanFound(merge_items(case.problem).pull(case.best.plan), case.best.values)]
        for told in ([], known):
            outcome = solve(case.problem, Budget(), clock=time.monotonic, workers=Told(*told), warm=warm)
            yield from decided("warm", outcome, case.problem, case.best)
        for problem in (case.problem, merge_items(case.problem).problem):
            for found in recall(problem, warm.kept, case.best.values):
                least = case.best.least(found.tier, found.limits)
                if found.value > least:
                    yield f"recall: {found.value} of tier {found.tier} is above {least}"


def anything(case: Case) -> Plan:
    """A plan that may hold for a problem, or for none."""
    plan = case.space.plan(case.rng.choice(case.space.combinations()), case.rng)
    for _ in range(case.rng.randrange(4)):
        plan = damaged(plan, case)
    if case.rng.random() < 0.5 and plan.seats:
        item = case.rng.choice(list(plan.seats))
        seat = Seat(case.rng.choice((-1, 0, 10**6)), ((case.rng.choice((-1, 0, 99)), case.rng.choice((-5, 0, 1000))),))
        odd = ((), ((seat,),), ((seat, seat), ()), tuple(() for _ in plan.seats[item]), plan.seats[item] * 2)
        plan = Plan({**plan.seats, item: case.rng.choice(odd)})
    return plan


def multipliers(problem: Problem, rng: Random) -> tuple[Multipliers, ...]:
    """Multipliers for some tiers: of rows that there are, of others, of any size."""
    names = [*row_names(problem, encode(problem, coarse_cells(problem), Plan()).arrays), *limit_names(problem.tiers)]
    found = []
    for tier in range(-1, problem.tiers + 1):
        by_row = {name: rng.randrange(-2000, 2000) for name in names if rng.random() < 0.6}
        by_row |= {name: rng.randrange(-9, 9) for name in rng.sample(ODD, 2)}
        if by_row and rng.random() < 0.1:
            by_row[rng.choice(list(by_row))] = rng.choice(LARGE)
        found.append(Multipliers(tier, rng.choice((1, 7, 100, 1024)), by_row))
    if rng.random() < 0.1:
        found[0] = replace(found[0], tier=0, scale=rng.choice((0, -1, 2**62)))
    return tuple(found)
