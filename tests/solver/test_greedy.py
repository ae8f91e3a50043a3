from solver.atoms import RefuseCharge, Segments, SpanCharge, Together, Within
from solver.check import check
from solver.greedy import greedy, orders
from solver.items import Bundle
from solver.plan import Plan
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
