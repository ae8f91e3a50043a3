"""The exact model is searched at once: what that proves is true, with the LP's reduced costs and without."""

from random import Random

import pytest

from solver.atoms import RefuseCharge, UnitCharge
from solver.cells import fine_cells
from solver.check import check
from solver.exact import Exact
from solver.messages import BoundFound, PlanFound
from solver.plan import Plan
from solver.problem import Problem
from solver.progress import Limits, Progress
from tests.solver.build import bins, ints, item, optimum, part, problem


def _crowd(seed: int) -> Problem:
    """Eight gangs that want about twice what four bins hold, and care where they sit."""
    rng = Random(seed)
    gangs = [item(part(rng.randint(1, 3), devices=rng.choice((1, 1, 2)))) for _ in range(8)]
    refused = RefuseCharge("refused", 0, {(i, 0): rng.randint(5, 40) for i in range(8)})
    prices = [UnitCharge("price", 0, i, 0, ints(*(rng.randint(0, 9) for _ in range(4)))) for i in range(8)]
    return problem(bins([[1000] * 4] * 4), gangs, [refused, *prices])


def _struck(case: Problem, *, bound_first: bool, work: float = 5.0) -> tuple[Progress, list[object]]:
    told: list[object] = []
    progress = Progress(case, Plan(), Limits(work=work), told.append)
    exact = Exact(progress, lambda *_: None, fine_cells(case))
    if bound_first:
        exact.bound(0)
    exact.strike(0, 10.0, 1.0)
    return progress, told


@pytest.mark.parametrize("bound_first", [False, True])
@pytest.mark.parametrize("seed", range(12))
def test_one_search_proves_the_optimum_of_a_small_model(seed: int, bound_first: bool) -> None:
    case = _crowd(seed)
    progress, told = _struck(case, bound_first=bound_first)
    best = optimum(case)
    assert progress.values == best
    assert progress.bounds == [best[0]]
    plans = [m for m in told if isinstance(m, PlanFound)]
    assert check(case, plans[-1].plan).values == best
    assert all(m.value <= best[0] for m in told if isinstance(m, BoundFound))


def test_cut_short_it_claims_nothing_false() -> None:
    case = _crowd(1)
    progress, _ = _struck(case, bound_first=True, work=1e-6)
    best = optimum(case)
    assert progress.bounds[0] <= best[0] <= progress.values[0]


def test_the_model_is_written_anew_only_for_another_plan() -> None:
    case = _crowd(2)
    progress = Progress(case, Plan(), Limits(work=5.0), lambda _: None)
    exact = Exact(progress, lambda *_: None, fine_cells(case))
    first = exact.encoded()
    assert exact.encoded() is first
    exact.strike(0, 10.0, 1.0)
    second = exact.encoded()
    assert second is not first
    assert second.arrays.value(0, second.arrays.hint) == progress.values[0]
