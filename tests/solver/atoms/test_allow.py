import numpy as np
import pytest

from solver.atoms import Allow, RefuseCharge, Segments, Within
from solver.items import Bundle
from solver.plan import Seat
from solver.problem import Atom
from tests.solver.build import at, bins, ints, item, optimum, part, plan, problem

FOUR = bins([[1000], [1000], [1000], [1000]])
HALVES = ints(0, 0, 1, 1)
PARITY = ints(0, 1, 0, 1)


def _ok(atom: Atom, seats: tuple[Seat, ...]) -> bool:
    return not atom.violations(problem(FOUR, [item(part(4, 0, devices=1))], [atom], [HALVES]), plan(i0=[seats]))


def test_allow() -> None:
    mask = Allow("allow", 0, 0, np.array([True, False, True, False]))
    assert _ok(mask, at(0, 2))
    assert not _ok(mask, at(0, 1))
    assert mask.mask((0, 0)) is mask.bins
    assert mask.mask((0, 1)) is None
    assert mask.remap({1: 0}) is None


def test_within_looks_at_the_whole_subtree_and_at_nothing_else() -> None:
    tree = (Bundle("root"), Bundle("a", 0), Bundle("a-leaf", 1), Bundle("b", 0))
    gang = item(part(bundle=1), part(bundle=2), part(bundle=3), bundles=tree)
    case = problem(FOUR, [gang], [], [HALVES])
    inner = Within("within", 0, 1, 0)
    assert not inner.violations(case, plan(i0=[at(0), at(1), at(3)]))
    assert inner.violations(case, plan(i0=[at(0), at(2), at(0)]))
    assert Within("within", 0, 0, 0).violations(case, plan(i0=[at(0), at(1), at(3)]))


@pytest.mark.parametrize(
    ("places", "size", "fine"),
    [
        ((0, 0, 2, 2), 2, True),
        ((0, 2, 2, 2), 2, False),
        ((0, 0, 2), 2, True),
        ((0, 0, 0, 2), 3, True),
        ((0, 0, 2, 2), 3, False),
        ((0, 1, 2), 1, True),
    ],
)
def test_segments(places: tuple[int, ...], size: int, fine: bool) -> None:
    assert _ok(Segments("segments", 0, 0, 0, size), at(*places)) == fine


@pytest.mark.badinput
def test_a_segment_has_replicas() -> None:
    with pytest.raises(ValueError, match="at least one replica"):
        problem(FOUR, [item(part(devices=1))], [Segments("segments", 0, 0, 0, 0)], [HALVES])


@pytest.mark.parametrize(
    ("atom", "best"),
    [
        (None, 0),
        (Allow("allow", 0, 0, np.array([True, True, True, False])), 1),
        (Within("within", 0, 0, 0), 2),
        (Segments("segments", 0, 0, 0, 2), 0),
        (Segments("segments", 0, 0, 0, 3), 2),
    ],
)
def test_the_model_says_the_same(atom: Atom | None, best: int) -> None:
    cost = RefuseCharge("refuse", 0, {(0, 0): 1})
    atoms = [cost] if atom is None else [cost, atom]
    assert optimum(problem(FOUR, [item(part(4, 0, devices=1))], atoms, [HALVES, PARITY])) == (best,)
