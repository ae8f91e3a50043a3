from collections.abc import Mapping
from dataclasses import dataclass, replace

from solver.atoms import RefuseCharge, Segments, SpanCharge, Together, Within
from solver.check import check
from solver.greedy import best_of, greedy, orders, ways
from solver.items import Bundle
from solver.messages import WaysGone
from solver.plan import Plan
from solver.problem import Atom, Encoding, Problem
from tests.solver.build import bins, ints, item, part, problem

FOUR = bins([[1000]] * 4)
HALVES = ints(0, 0, 1, 1)


def test_whole_gangs_only() -> None:
    case = problem(
        FOUR, [item(part(5, devices=1)), item(part(4, devices=1))], [RefuseCharge("r", 0, {(0, 0): 9, (1, 0): 1})]
    )
    plan, complete = greedy(case)
    assert complete
    assert not plan.placed(0)
    assert plan.count((1, 0)) == 4


def test_what_does_not_fit_leaves_no_trace() -> None:
    tree = (Bundle("root", -1, 2), Bundle("a", 0), Bundle("b", 0))
    torn = item(part(3, bundle=1, devices=1), part(2, bundle=2, devices=1), bundles=tree)
    case = problem(FOUR, [torn, item(part(4, devices=1))], [RefuseCharge("r", 0, {(0, 0): 99, (1, 0): 1})])
    plan, _ = greedy(case)
    assert not plan.placed(0)
    assert plan.placed(1)


def test_domains_segments_and_leaders() -> None:
    two = item(part(2, devices=1))
    atoms = [
        RefuseCharge("r", 0, {(0, 0): 1, (1, 0): 5}),
        Within("w", 0, 0, 0),
        Together("t", 0, 0, 1),
        Segments("s", 1, 0, 0, 1),
    ]
    case = problem(bins([[1000, 0], [0, 0], [1000, 1000], [1000, 1000]]), [two, two], atoms, [HALVES])
    assert all(order.index(0) < order.index(1) for order in orders(case)), "leaders come first"
    plan, _ = greedy(case)
    assert not check(case, plan).violations
    assert len(plan.seats) == 2


def test_two_segment_rules_on_one_part_hold_together() -> None:
    rules = [Segments("s", 0, 0, 0, 2), Segments("s", 0, 0, 1, 2)]
    case = problem(
        FOUR, [item(part(2, devices=1))], [*rules, RefuseCharge("r", 0, {(0, 0): 1})], [HALVES, ints(0, 1, 2, 3)]
    )
    plan, _ = greedy(case)
    assert not check(case, plan).violations


def test_two_required_domains_hold_together() -> None:
    rules = [Within("w", 0, 0, 0), Within("w", 0, 0, 1)]
    case = problem(FOUR, [item(part(1, devices=1))], [*rules], [HALVES, ints(0, 1, 1, 0)])
    pair = problem(FOUR, [item(part(2, devices=1))], [*rules], [HALVES, ints(0, 1, 1, 0)])
    for each in (case, pair):
        plan, _ = greedy(each)
        assert not check(each, plan).violations


def test_the_span_is_spared_where_one_domain_is_enough() -> None:
    free = bins([[1000, 0], [0, 0], [1000, 1000], [1000, 0]])
    wanted = [RefuseCharge("r", 0, {(0, 0): 1}), SpanCharge("span", 1, 0, 0, 0, 5)]
    case = problem(free, [item(part(3, devices=1))], wanted, [HALVES], tiers=2)
    plan, _ = greedy(case)
    assert check(case, plan).values == (0, 0)


def test_out_of_time_at_once_is_the_empty_plan_and_says_so() -> None:
    case = problem(FOUR, [item(part(1, devices=1))], [RefuseCharge("r", 0, {(0, 0): 1})])
    plan, complete = greedy(case, lambda: True)
    assert not complete
    assert plan == Plan()


@dataclass(frozen=True)
class _PerRack(Atom):
    """Five for every rack of the first partition in which item 0 has a replica."""

    rule: str = "racks"
    tier: int = 0

    def items(self) -> tuple[int, ...]:
        return (0,)

    def encode(self, into: Encoding) -> None:
        cols = list(into.touch(0, 0).values())
        for col in cols:
            into.model.cost(0, col, 5)

    def remap(self, new: Mapping[int, int]) -> Atom | None:
        return self if new.get(0) == 0 else None

    def cost(self, problem: Problem, plan: Plan) -> int:
        return 5 * len({int(problem.partitions[0][b]) for b in plan.bins_of((0, 0))})

    def gathers(self) -> tuple[int, int, int]:
        return 0, 0, 5


def test_a_gang_that_pays_for_each_rack_takes_few_and_ends_in_the_tightest() -> None:
    racks = ints(0, 1, 1, 2, 2, 2, 2, 3, 3, 3, 4)
    gang = item(part(7, devices=1))
    wanted = RefuseCharge("refuse", 0, {(0, 0): 100})
    case = problem(bins([[1000]] * 11), [gang], [wanted, _PerRack()], [racks])
    found = greedy(case)[0]
    assert sorted({int(racks[b]) for b in found.bins_of((0, 0))}) == [2, 3], "four and three, not one by one"
    six = replace(case, items=(item(part(6, devices=1)),))
    assert sorted({int(racks[b]) for b in greedy(six)[0].bins_of((0, 0))}) == [1, 2], "the last two fill a rack of two"


def test_ways_begin_where_they_are_told_to() -> None:
    items = [item(part(1, devices=1)), item(part(1, devices=2)), item(part(4, devices=1))]
    charge = RefuseCharge("r", 0, {(0, 0): 5, (1, 0): 6, (2, 0): 2})
    case = problem(bins([[1000, 1000]] * 2), items, [charge])
    assert orders(case) == [[0, 1, 2], [1, 0, 2], [2, 1, 0]]
    found = [(plan.seats, values) for plan, values, _ in ways(case)]
    assert len(found) == 4, "nothing, and three orders"
    for begin in range(5):
        assert [(plan.seats, values) for plan, values, _ in ways(case, None, begin)] == found[begin:]
    assert best_of(case).ways == 4
    assert best_of(case, late=lambda: True).ways == 2


def test_ways_that_others_have_gone_from_the_other_end_are_not_gone_again() -> None:
    items = [item(part(1, devices=1)), item(part(1, devices=2)), item(part(4, devices=1))]
    charge = RefuseCharge("r", 0, {(0, 0): 5, (1, 0): 6, (2, 0): 2})
    case = problem(bins([[1000, 1000]] * 2), items, [charge])
    every = [(plan.seats, values) for plan, values, _ in ways(case)]
    back = [(plan.seats, values) for plan, values, _ in ways(case, back=True)]
    assert back == every[:0:-1], "to change nothing is no way back"
    assert len(list(ways(case, others=lambda: 1))) == 3
    assert len(list(ways(case, others=lambda: 2, back=True))) == 1, "two are gone, on the third is somebody"
    heard: list[tuple[int, int]] = []

    def meet(gone: int, total: int, values: tuple[int, ...]) -> WaysGone:
        heard.append((gone, total))
        return WaysGone(2, values)

    made = best_of(case, meet=meet)
    assert heard == [(1, 4), (2, 4)]
    assert made.ways == 4
    assert made.plan.seats == every[1][0]
