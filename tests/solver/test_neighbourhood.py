from random import Random

import numpy as np

from solver.atoms import Apart, Exclusive, RefuseCharge, Share, Together
from solver.check import check
from solver.neighbourhood import Picker, part_of
from solver.plan import Plan, Seat
from tests.solver.build import bins, ints, item, part, plan, problem
from tests.verify.brute import Space

FOUR = bins([[1000, 1000]] * 4)
HALVES = ints(0, 0, 1, 1)
ALL, LEFT = np.ones(4, np.bool_), np.array([True, True, False, False])
WHOLE = ((0, 1000),)
ONE = item(part(1, devices=1))


def test_what_stays_takes_its_room_and_its_share() -> None:
    quota = Share("s", "x", {(0, 0): 2, (1, 0): 1}, limit=5)
    case = problem(FOUR, [item(part(2, devices=1)), item(part(3, devices=1))], [quota])
    stand = plan(i0=[[Seat(0, WHOLE), Seat(1, WHOLE)]])
    inner = part_of(case, stand, [1], ALL)
    assert inner.items == (1,)
    assert inner.problem.bins.devices.tolist() == [[0, 1000], [0, 1000], [1000, 1000], [1000, 1000]]
    share = next(a for a in inner.problem.atoms if isinstance(a, Share))
    assert (share.base, dict(share.use)) == (4, {(0, 0): 1})
    assert inner.whole(Plan()) == stand


def test_moves_stay_within_the_bins_and_where_the_item_already_is() -> None:
    case = problem(FOUR, [ONE])
    inner = part_of(case, plan(i0=[[Seat(3, WHOLE)]]), [0], LEFT)
    places = [b for rows in Space(inner.problem).options[0] for b, n in enumerate(rows[0]) if n]
    assert places == [3, 1, 0] or sorted(places) == [0, 1, 3]


def test_replicas_of_a_loose_item_are_freed_bin_by_bin() -> None:
    cost = RefuseCharge("r", 0, {(0, 0): 1})
    case = problem(FOUR, [item(part(4, 0, devices=1))], [cost])
    stand = plan(i0=[[Seat(0, WHOLE), Seat(2, WHOLE)]])
    inner = part_of(case, stand, [], LEFT)
    assert inner.problem.items[0].parts[0].count == 3
    assert inner.start == plan(i0=[[Seat(0, WHOLE)]])
    assert inner.whole(inner.start) == stand
    assert inner.whole(Plan()) == plan(i0=[[Seat(2, WHOLE)]])


def test_domains_of_what_stays_are_closed_to_rivals_and_open_to_followers() -> None:
    for rivalry in (Exclusive("e", 0, (0, 1)), Apart("a", 0, (0,), (1,)), Apart("a", 0, (1,), (0,))):
        rivals = problem(FOUR, [ONE, ONE], [rivalry], [HALVES])
        inner = part_of(rivals, plan(i0=[[Seat(0, WHOLE)]]), [1], ALL)
        assert [max(row[0][:2]) for row in Space(inner.problem).options[0]] == [0, 0, 0], "nothing on the left"
    led = problem(FOUR, [ONE, ONE], [Together("t", 0, 0, 1)], [HALVES])
    inner = part_of(led, plan(i0=[[Seat(0, WHOLE)]]), [1], ALL)
    assert [max(row[0][2:]) for row in Space(inner.problem).options[0]] == [0, 0, 0], "nothing on the right"


def test_a_follower_goes_with_its_leader_and_stays_out_without_it() -> None:
    case = problem(FOUR, [ONE, ONE], [Together("t", 0, 0, 1)], [HALVES])
    both = plan(i0=[[Seat(0, WHOLE)]], i1=[[Seat(1, WHOLE)]])
    assert part_of(case, both, [0], ALL).items == (0, 1)
    inner = part_of(case, Plan(), [1], ALL)
    for chosen in Space(inner.problem).combinations():
        whole = inner.whole(Space(inner.problem).plan(chosen, None))
        assert not check(case, whole).violations


def test_the_picker_is_seeded_and_adapts() -> None:
    case = problem(FOUR, [ONE] * 6, [], [HALVES])
    stand = plan(**{f"i{k}": [[Seat(k, WHOLE)]] for k in range(4)})
    one, two = (Picker(case, Random(5)) for _ in range(2))
    for _ in range(5):
        first, second = one.pick(stand), two.pick(stand)
        assert (first.items, first.start) == (second.items, second.start)
        assert first.whole(first.start) == stand
    size = one.size
    one.learn(solved=False)
    assert one.size <= size
