"""Names of rows: each its own, the same after a change, and multipliers that find their rows again."""

from dataclasses import replace

import numpy as np

from solver.atoms import Allow, Caps, RefuseCharge, Share, SpanCharge
from solver.cells import coarse_cells, fine_cells
from solver.encode import encode
from solver.lp import lp_bound
from solver.plan import Plan
from solver.problem import Problem
from solver.recall import Multipliers, recall
from solver.rows import multipliers_of, row_names
from tests.solver.build import bins, ints, item, part, problem


def case(items: int, *, drained: int | None = None) -> Problem:
    """Gangs of 3 on 8 nodes of two devices, four of them in each of two groups with a cap; a quota on the first."""
    labels = ints(0, 0, 0, 0, 1, 1, 1, 1)
    gangs = [replace(item(part(3, devices=1)), key=f"job-{i}") for i in range(items)]
    keys = [(i, 0) for i in range(items)]
    atoms = [
        RefuseCharge("refused", 0, {key: 10 + key[0] for key in keys}),
        Share("quota", "tenant", dict.fromkeys(keys[:4], 1), limit=7),
        Caps("power", ("a", "b"), labels, {key: ints(2, 3) for key in keys}, ints(0, 0), ints(9, 11)),
        *(SpanCharge("near", 0, i, 0, 0, 4) for i in range(items)),
    ]
    if drained is not None:
        open_ = np.arange(8) != drained
        atoms += [Allow("health", i, 0, open_) for i in range(items)]
    return problem(bins([[1000, 1000]] * 8), gangs, atoms, [labels])


def names(of: Problem, *, fine: bool = False) -> tuple[str, ...]:
    cells = fine_cells(of) if fine else coarse_cells(of)
    return row_names(of, encode(of, cells, Plan()).arrays)


def test_no_two_rows_have_one_name() -> None:
    for fine in (False, True):
        found = names(case(6), fine=fine)
        assert len(set(found)) == len(found)
        assert {name.split("/", maxsplit=1)[0] for name in found} >= {"gang", "capacity", "quota", "power"}


def test_rows_keep_their_names_when_items_come() -> None:
    before, after = names(case(6)), names(case(8))
    assert set(before) <= set(after)
    assert {name.split("/")[1] for name in set(after) - set(before)} <= {"job-6", "job-7"}


def test_a_row_about_other_bins_has_what_was_kept_for_the_nearest() -> None:
    kept = {"capacity/@0-7/1000/0": -5, "capacity/@8-9/1000/0": -3, "quota/*t/0": -2, "row": 1}
    asked = (
        "capacity/@1-7/1000/0",
        "capacity/@8-8/1000/0",
        "capacity/@20-21/1000/0",
        "capacity/@0-7/500/0",
        "quota/*t/0",
    )
    assert multipliers_of(asked, kept).tolist() == [-5, -3, 0, 0, -2]


def kept(of: Problem) -> Multipliers:
    encoded = encode(of, coarse_cells(of), Plan())
    found = lp_bound(encoded.arrays, 0, (), "coarse", None)
    assert found is not None
    named = row_names(of, encoded.arrays)
    proof = found.certificate
    by_row = {named[row]: y for row, y in zip(proof.rows, proof.multipliers, strict=True)}
    return Multipliers(0, proof.scale, by_row)


def test_multipliers_give_the_same_bound_again() -> None:
    of = case(6)
    found = lp_bound(encode(of, coarse_cells(of), Plan()).arrays, 0, (), "coarse", None)
    assert found is not None
    assert [one.value for one in recall(of, [kept(of)], ())] == [found.value]


def test_after_a_small_change_they_give_nearly_the_bound_of_a_new_lp() -> None:
    """Here the new items' own rows are not known: they may be placed for nothing in the bound, which is less for it."""
    changed = case(7, drained=2)
    new = lp_bound(encode(changed, coarse_cells(changed), Plan()).arrays, 0, (), "coarse", None)
    (old,) = recall(changed, [kept(case(6))], ())
    assert new is not None
    assert 0.5 * new.value < old.value <= new.value


def test_what_is_out_of_range_gives_nothing() -> None:
    of = case(3)
    good = kept(of)
    for odd in (replace(good, scale=0), replace(good, tier=1), replace(good, tier=-1), replace(good, scale=2**70)):
        assert recall(of, [odd], ()) == []
    large = dict.fromkeys(good.by_row, 2**70)
    assert recall(of, [replace(good, by_row=large)], ()) == recall(of, [replace(good, by_row={})], ())
