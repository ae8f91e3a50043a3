import numpy as np

from solver.alone import fits, seats_short, solo, without_rule
from solver.atoms import Allow, Capacity, Hinge, RefuseCharge, Share, Stay, Together, Within
from solver.check import check
from solver.conflict import ask
from solver.items import Bundle
from solver.problem import Problem
from solver.workers import Inline
from tests.solver.build import at, bins, ints, item, part, problem

FOUR = bins([[1000]] * 4)
HALVES = ints(0, 0, 1, 1)
THREE = item(part(3, devices=1))


def test_counting_proves_that_there_is_no_seat() -> None:
    case = problem(FOUR, [THREE], [Allow("allow", 0, 0, np.array([True, True, False, False]))])
    assert seats_short(solo(case, 0)) == ((0, 0), 2)
    assert ask(solo(case, 0), None, None).proof == "counting"
    assert ask(solo(without_rule(case, "allow"), 0), None, None).plan is not None


def test_a_group_that_may_stay_out_is_no_conflict() -> None:
    tree = (Bundle("root", -1, 1), Bundle("a", 0), Bundle("b", 0))
    gang = item(part(9, bundle=1, devices=1), part(1, bundle=2, devices=1), bundles=tree)
    case = problem(FOUR, [gang])
    assert seats_short(solo(case, 0)) is None
    assert fits(solo(case, 0)) is not None


def test_others_and_their_prices_do_not_matter() -> None:
    case = problem(FOUR, [item(part(4, devices=1)), THREE], [RefuseCharge("r", 0, {(0, 0): 99, (1, 0): 1})])
    alone = solo(case, 1)
    assert len(alone.items) == 1
    assert fits(alone) is not None


def test_a_limit_with_a_price_on_top_is_still_a_limit() -> None:
    quota = Share("quota", "gpu", {(0, 0): 1}, limit=2, hinges=(Hinge(1, 1),), tier=0)
    case = problem(FOUR, [THREE], [quota])
    answer = ask(solo(case, 0), Inline(), None)
    assert answer.plan is None


def test_what_may_not_move_and_follows_what_may_is_gone_with_it() -> None:
    follower, leader, waiting = at(0, milli=1000), at(1), item(part(4, least=3, devices=1))
    ties = [
        Together("together", 0, leader=1, follower=0),
        Stay("stay", 0, 0, (follower,), may_leave=False, pinned=True),
        Stay("stay", 0, 1, (leader,), move_once=1, leave_once=1),
    ]
    items = (item(part(devices=1)), item(part(milli=0)), waiting)
    homes = {0: (follower,), 1: (leader,)}
    case = Problem(FOUR, (ints(0, 0, 0, 0),), items, (Capacity(), *ties), 1, homes)
    for beside in (False, True):
        alone = solo(case, 2, beside=beside)
        assert len(alone.items) == 1
        assert fits(alone) is not None


def test_what_counting_does_not_see_is_searched() -> None:
    two = item(part(2, devices=1), part(1, milli=600))
    case = problem(bins([[1000, 500], [1000, 500]]), [two], [Within("w", 0, 0, 0)], [ints(0, 0)])
    answer = ask(solo(case, 0), Inline(), None)
    assert answer.plan is None
    assert answer.proof in {None, "certificate"}, "unknown is allowed, counting cannot know"
    roomy = problem(bins([[1000, 600], [1000, 500]]), [two], [Within("w", 0, 0, 0)], [ints(0, 0)])
    found = ask(solo(roomy, 0), Inline(), None).plan
    assert found is not None
    assert not check(solo(roomy, 0), found).violations
