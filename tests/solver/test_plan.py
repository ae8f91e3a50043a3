import pickle

from solver.plan import Plan, Seat
from tests.solver.build import at, plan


def test_counts_per_bin() -> None:
    some = plan(i1=[at(0, 2, 2), ()])
    assert some.bins_of((1, 0)) == {0: 1, 2: 2}
    assert some.count((1, 0)) == 3
    assert some.count((1, 1)) == 0
    assert some.count((0, 0)) == 0
    assert not some.bins_of((0, 0))
    assert some.placed(1)
    assert not some.placed(0)


def test_plans_are_values() -> None:
    one = Plan({0: (at(1),)})
    assert one == plan(i0=[at(1)])
    assert one.without(0) == Plan()
    assert pickle.loads(pickle.dumps(one)) == one  # noqa: S301 - our own bytes


def test_seats_as_arrays() -> None:
    flat = Plan({1: ((Seat(4, ((0, 1000), (2, 1000))), Seat(5)), ()), 0: ((Seat(3, ((1, 250),)),),)}).flat
    assert flat.owners == ((1, 0, 2), (1, 1, 0), (0, 0, 1))
    assert flat.bins.tolist() == [4, 5, 3]
    assert (flat.seat.tolist(), flat.device.tolist(), flat.milli.tolist()) == ([0, 0, 2], [0, 2, 1], [1000, 1000, 250])
    assert Plan().flat.bins.size == Plan().flat.seat.size == 0
