"""The order in which bins are tried is that of sorting them all, however many of one price there are."""

import gc

import numpy as np
import pytest

from solver.atoms import Share, SpanCharge, UnitCharge
from solver.choice import best_first
from solver.collector import collection, no_collection
from solver.ground import Ground
from solver.items import IntArray
from solver.problem import Joint
from solver.sheet import sheet_of
from tests.solver.build import bins, ints, item, part, problem


@pytest.mark.parametrize(("prices", "limited"), [(1, False), (3, False), (3, True), (40, True), (400, False)])
def test_best_first_is_the_order_of_a_full_sort(prices: int, limited: bool) -> None:
    rng = np.random.default_rng(prices)
    free = rng.integers(0, 3, (400, 4)) * 500
    each: IntArray = rng.integers(0, prices, 400)
    case = problem(bins(free.tolist()), [item(part(3, milli=500))], [UnitCharge("u", 0, 0, 0, each)])
    ground = Ground(case)
    offer = ground.offer((0, 0))
    labels = np.arange(400) % 7 - 1
    joints = [Joint(labels, ints(0, 1, 2, 3, 0, 9))] if limited else []
    room = (free // 500).sum(axis=1)
    if limited:
        room = np.where(labels >= 0, np.minimum(room, joints[0].room[labels]), room)
    wanted = sorted((int(each[b]), -min(int(room[b]), 3), int(free[b].sum()), b) for b in range(400) if room[b])
    found = [bin_ for bin_, _ in best_first(offer, None, 3, joints) if room[bin_]]
    assert found == [b for *_, b in wanted]
    some = np.flatnonzero(offer.room)[::7]
    here = set(offer.bins[some].tolist())
    assert [b for b, _ in best_first(offer, some, 3, joints) if room[b]] == [b for *_, b in wanted if b in here]


def test_a_partition_is_wished_for_once_and_bins_alone_too() -> None:
    alone, swapped, pairs = ints(0, 1, 2, 3), ints(3, 2, 1, 0), ints(0, 0, 1, 1)
    spans = [SpanCharge("s", 0, 0, 0, p, 5) for p in (0, 2, 1, 2)]
    joint = Share("q", "quota", {(0, 0): 1}, limit=9)
    case = problem(bins([[1000]] * 4), [item(part(2, devices=1))], [*spans, joint], [alone, swapped, pairs])
    sheet = sheet_of(case, 0)
    assert sheet.spans == {0: [0, 2]}
    assert (len(sheet.charged), sheet.others) == (4, [])
    assert sheet_of(case, 0) is sheet


def test_an_atom_is_renumbered_without_touching_the_first() -> None:
    atom = SpanCharge("s", 0, 3, 0, 1, 5, always=True)
    moved = atom.remap({3: 1})
    assert moved == SpanCharge("s", 0, 1, 0, 1, 5, always=True)
    assert (atom.item, atom.remap({3: 3}), atom.remap({2: 1})) == (3, atom, None)


def test_the_collector_is_left_as_it_was_found() -> None:
    assert gc.isenabled()
    with no_collection():
        assert not gc.isenabled()
        with no_collection():
            pass
        assert not gc.isenabled()
    assert gc.isenabled()


def test_the_collector_works_inside_a_pause_where_it_is_asked_to() -> None:
    with no_collection():
        with collection():
            assert gc.isenabled()
        assert not gc.isenabled()
    with collection():
        assert gc.isenabled()
    assert gc.isenabled()
