"""Totals beside the exact model change no optimum, and say what the fleet holds together."""

from solver.atoms import RefuseCharge, Remainder, UnitCharge
from solver.cells import coarse_cells, fine_cells
from solver.check import values
from solver.cpsat import Effort, minimise
from solver.encode import Encoded, encode
from solver.greedy import greedy
from solver.problem import Problem
from solver.totals import with_totals
from tests.solver.build import bins, ints, item, part, problem


def _case(prices: tuple[int, int]) -> Problem:
    """Two bins of four devices; three pairs and one single want them."""
    free = bins([[1000] * 4, [1000] * 4])
    each = {(i, 0): 10 for i in range(3)} | {(3, 0): 4}
    return problem(
        free,
        [item(part(1, devices=2)), item(part(1, devices=2)), item(part(1, devices=2)), item(part(1, devices=1))],
        [
            RefuseCharge("refuse", 0, each),
            *(UnitCharge("u", 1, i, 0, ints(*prices)) for i in range(4)),
            Remainder("left", 1, (4,), ints(5, 5)[:, None]),
        ],
        tiers=2,
    )


def _both(case: Problem) -> tuple[Encoded, Encoded]:
    plan, _ = greedy(case)
    fine = encode(case, fine_cells(case), plan)
    return fine, with_totals(fine, encode(case, coarse_cells(case), plan))


def test_the_optimum_and_the_hint_are_those_of_the_exact_model() -> None:
    case = _case((1, 2))
    fine, both = _both(case)
    assert both.arrays.variables > fine.arrays.variables
    assert both.arrays.broken_row(both.arrays.hint) is None
    plan, _ = greedy(case)
    assert tuple(both.arrays.value(t, both.arrays.hint) for t in range(2)) == values(case, plan)
    for tier, limits in ((0, ()), (1, (0,))):
        found = [minimise(m.arrays, tier, limits, m.arrays.hint, Effort(work=1.0)).bound for m in (fine, both)]
        assert found[0] == found[1]


def test_a_sum_over_the_bins_is_a_column() -> None:
    fine, both = _both(_case((1, 2)))
    sums = both.arrays.rows - fine.arrays.rows
    assert sums >= len(fine.columns)
    assert all(not costs[fine.arrays.variables :].any() for costs in both.arrays.objective)


def test_where_nothing_is_merged_the_model_stays_as_it_is() -> None:
    fine, both = _both(_case((1, 1)))
    assert len(fine.cells.members) == 1
    assert both is fine
