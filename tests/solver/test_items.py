import pytest

from solver.items import Bundle, Demand, Item, Part
from tests.solver.build import bins, item, part, problem

TREE = (Bundle("root"), Bundle("a", 0), Bundle("a-leaf", 1), Bundle("b", 0))


def test_a_share_of_1000_is_one_whole_device() -> None:
    assert Demand(milli=1000) == Demand(devices=1)
    assert Demand(devices=3).volume == 3000
    assert Demand(milli=190).volume == 190


@pytest.mark.badinput
@pytest.mark.parametrize(
    "bad", [{"devices": 1, "milli": 1}, {"devices": -1}, {"milli": 1001}, {"milli": -1}, {"resources": (-1,)}]
)
def test_a_demand_that_makes_no_sense_is_refused(bad: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"device|negative"):
        Demand(**bad)  # type: ignore[arg-type]


def test_subtrees() -> None:
    gang = item(part(bundle=2), part(bundle=3), part(bundle=1), bundles=TREE)
    assert gang.subtree(0) == (0, 1, 2, 3)
    assert gang.subtree(1) == (1, 2)
    assert gang.parts_of(1) == (0, 2)
    assert gang.parts_of(3) == (1,)
    assert gang.children(0) == (1, 3)


@pytest.mark.badinput
def test_a_broken_tree_is_refused() -> None:
    with pytest.raises(ValueError, match="root"):
        Item("x", (Bundle("root", 0),), ())
    with pytest.raises(ValueError, match="parent stands before"):
        Item("x", (Bundle("root"), Bundle("a", 2), Bundle("b", 0)), ())
    with pytest.raises(ValueError, match="does not exist"):
        item(part(bundle=1))
    with pytest.raises(ValueError, match="min_count"):
        Part("p", Demand(), 1, 2)


@pytest.mark.badinput
def test_a_demand_names_every_resource() -> None:
    with pytest.raises(ValueError, match="resources"):
        problem(bins([[1000]], [[4, 4]]), [item(part(devices=1))])
