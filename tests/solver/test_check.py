import pytest

from solver.atoms import RefuseCharge, SpanCharge
from solver.check import check, gang_violations, values
from solver.items import Bundle
from solver.plan import Plan, Seat
from solver.problem import Problem
from tests.solver.build import at, bins, ints, item, part, plan, problem

TWO_OF_THREE = (Bundle("root", -1, 2), Bundle("a", 0), Bundle("b", 0), Bundle("c", 0))


def _groups() -> Problem:
    gang = item(part(bundle=0), *(part(2, 1, bundle=b) for b in (1, 2, 3)), bundles=TWO_OF_THREE)
    cost = RefuseCharge("refuse", 0, {(0, p): 1 for p in range(4)})
    return problem(bins([[], []]), [gang], [cost, SpanCharge("span", 1, 0, 0, 0, 7)], [ints(0, 1)], tiers=2)


@pytest.mark.parametrize(
    ("parts", "valid"),
    [
        ([at(0), at(0), at(1), ()], True),
        ([at(0), at(0, 1), at(1, 1), at(0)], True),
        ([at(0), at(0), (), ()], False),  # one group of the two that are needed
        ([(), at(0), at(1), ()], False),  # the root's own part is missing
        ([at(0), at(0, 0, 0), at(1), ()], False),  # more replicas than the part has
        ([(), (), (), ()], False),  # placed with nothing at all
    ],
)
def test_the_gang_tree(parts: list[tuple[Seat, ...]], valid: bool) -> None:
    assert bool(gang_violations(_groups(), plan(i0=parts))) != valid


def test_tiers_and_costs_are_measured() -> None:
    case = _groups()
    report = check(case, plan(i0=[at(0), at(0), at(1), ()]))
    assert report.violations == ()
    assert report.values == values(case, plan(i0=[at(0), at(0), at(1), ()])) == (4, 7)
    assert report.costs == ((1, 4), (2, 7))
    assert check(case, Plan()).values == (7, 0)


@pytest.mark.badinput
@pytest.mark.parametrize(
    "broken",
    [
        plan(i1=[at(0)]),
        plan(i0=[at(0)]),
        plan(i0=[at(2), at(0), at(1), ()]),
        plan(i0=[at(-1), at(0), at(1), ()]),
        plan(i0=[at(0, milli=5), at(0), at(1), ()]),
    ],
    ids=["item", "parts", "bin", "negative bin", "device"],
)
def test_what_does_not_exist_is_a_violation_never_a_crash(broken: Plan) -> None:
    report = check(_groups(), broken)
    assert report.violations
    assert report.values == (7, 0)
