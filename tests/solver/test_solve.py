import time
from collections.abc import Callable
from dataclasses import replace

import pytest

from solver.atoms import RefuseCharge, SpanCharge
from solver.check import check
from solver.messages import BoundFound, Message, PlanFound, WaysGone
from solver.plan import Plan, Seat
from solver.problem import Problem
from solver.solve import Budget, Outcome, State, solve
from solver.worker import Meanwhile
from solver.workers import Inline, Job
from tests.solver.build import bins, ints, item, part, plan, problem
from tests.solver.doubles import Told


def _greedy_trap() -> Problem:
    """Greedy takes the dear small gang first (densest); the optimum refuses it."""
    gangs = [item(part(1, devices=1)), item(part(2, devices=2))]
    wanted = RefuseCharge("refuse", 0, {(0, 0): 5, (1, 0): 4})
    return problem(
        bins([[1000, 1000], [1000, 1000]]), gangs, [wanted, SpanCharge("span", 1, 1, 0, 0, 3)], [ints(0, 1)], 2
    )


def _run(workers: Told | Inline, case: Problem | None = None, budget: Budget | None = None) -> Outcome:
    return solve(case or _greedy_trap(), budget or Budget(), clock=time.monotonic, workers=workers)


BEST = (5, 3)
FULL = tuple(Seat(b, ((0, 1000), (1, 1000))) for b in (0, 1))


def test_the_optimum_is_found_and_proven_in_every_tier() -> None:
    outcome = _run(Inline())
    assert outcome.state is State.OPTIMAL
    assert outcome.report.values == BEST
    assert tuple(b.value for b in outcome.bounds) == BEST
    assert outcome.plan == plan(i1=[FULL])
    assert outcome.reason is None


def test_no_search_is_a_fallback_with_greedy_in_hand() -> None:
    outcome = _run(Told(ending="the worker died"))
    assert outcome.state is State.FALLBACK
    assert outcome.reason == "the worker died"
    assert outcome.report.values == outcome.greedy_values
    assert not check(_greedy_trap(), outcome.plan).violations


@pytest.mark.parametrize(
    "lie",
    [
        PlanFound(plan(i1=[FULL], i0=[[Seat(0, ((0, 1000),))]]), (0, 0)),
        PlanFound(plan(i1=[FULL[:1]]), (0, 0)),
        PlanFound(plan(i7=[FULL]), (-1, -1)),
        PlanFound(Plan(), (-1, -1)),
        BoundFound(0, 10**6, (), None),
        "OPTIMAL",
        None,
    ],
    ids=["no room", "half a gang", "no such item", "worse", "bound too high", "a word", "nothing"],
)
def test_lies_change_nothing(lie: object) -> None:
    honest, lied = _run(Told()), _run(Told(lie))
    assert lied.plan == honest.plan
    assert lied.state is not State.OPTIMAL
    assert [b.value for b in lied.bounds] == [b.value for b in honest.bounds]


def test_status_comes_from_integers() -> None:
    told: list[object] = [PlanFound(plan(i1=[FULL]), BEST), BoundFound(0, 5, (), None), BoundFound(1, 3, (5,), None)]
    assert _run(Told(*told)).state is State.OPTIMAL
    assert _run(Told(*told[:2])).state is State.FEASIBLE
    loose = [*told[:2], BoundFound(1, 3, (4,), None)]
    assert _run(Told(*loose)).state is State.FEASIBLE, "that bound holds only where tier 0 is at most 4"


def test_a_bound_without_certificate_is_named_as_the_solvers_word() -> None:
    outcome = _run(Told(BoundFound(0, 2, (), None)))
    assert (outcome.bounds[0].value, outcome.bounds[0].source) == (2, "solver")
    assert outcome.bounds[1].value == 0


def test_a_plan_from_elsewhere_is_judged_and_used() -> None:
    case = _greedy_trap()
    for start, values in ((plan(i1=[FULL]), BEST), (plan(i1=[FULL[:1]]), None)):
        outcome = solve(case, Budget(), clock=time.monotonic, workers=Told(), start=start)
        assert outcome.report.values == (values or outcome.greedy_values)


def test_the_search_gets_the_time_that_is_left() -> None:
    script = Told()
    _run(script, budget=Budget(deadline=time.monotonic() + 5.0, seed=3))
    [job] = script.jobs
    assert job.seed == 3
    assert job.seconds is not None
    assert 4.0 < job.seconds <= 5.0


def test_without_time_there_is_no_search() -> None:
    script = Told()
    outcome = _run(script, budget=Budget(deadline=time.monotonic()))
    assert script.jobs == []
    assert outcome.state is State.FALLBACK
    assert not check(_greedy_trap(), outcome.plan).violations


def test_an_empty_problem_is_optimal_at_once() -> None:
    outcome = _run(Inline(), problem(bins([[1000]]), []))
    assert (outcome.state, outcome.report.values) == (State.OPTIMAL, (0,))


def test_work_instead_of_time_is_repeatable() -> None:
    first, second = (_run(Inline(), budget=Budget(work=1.0, seed=5)) for _ in range(2))
    assert first.plan == second.plan
    assert first.bounds == second.bounds


class _Beside(Told):
    """A search that has gone the last two greedy ways by the time that the caller has gone one."""

    def run(
        self,
        job: Job,
        tell: Callable[[object], None],
        cancelled: Callable[[], bool] | None = None,
        meanwhile: Meanwhile | None = None,
    ) -> str | None:
        """Be there while the plan to start from is made."""
        assert meanwhile is not None
        self.heard: list[Message] = []
        self.tell = tell
        first = meanwhile(self)
        self.ways = first.ways
        return super().run(replace(job, start=first.plan), tell)

    def pass_on(self, message: Message) -> None:
        """Hear how far the caller is."""
        self.heard.append(message)

    def listen(self) -> None:
        """Tell it after the second message."""
        for message in self.messages if len(self.heard) == 2 else ():
            self.tell(message)


def test_caller_and_search_share_the_greedy_ways() -> None:
    case, best = _greedy_trap(), plan(i1=[FULL])
    alone = _Beside()
    _run(alone, budget=Budget(time.monotonic() + 60))
    assert [one.ways for one in alone.heard if isinstance(one, WaysGone)] == [1, 2, 3] == list(range(1, alone.ways + 1))
    both = _Beside(PlanFound(best, check(case, best).values), WaysGone(1, BEST))
    outcome = _run(both, budget=Budget(time.monotonic() + 60))
    assert [one.ways for one in both.heard if isinstance(one, WaysGone)] == [1, 2]
    assert both.ways == 3, "all are gone, by whom does not matter"
    assert outcome.report.values == BEST
    assert both.jobs[0].start == best
