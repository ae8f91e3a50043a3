"""The random cases of tests.verify, a thousand of them; `make verify` runs more."""

import subprocess
import sys

import pytest

from solver.atoms import Share
from solver.plan import Plan, Seat
from tests.solver.build import bins, item, part, plan, problem
from tests.verify.__main__ import kind, run_chunk
from tests.verify.brute import Space
from tests.verify.case import make, of
from tests.verify.checks import failures
from tests.verify.meaning import judge
from tests.verify.problems import MAKERS
from tests.verify.shrink import shrink

CASES, PIECES = 1000, 20


@pytest.mark.slow
@pytest.mark.parametrize("piece", range(PIECES))
def test_random_problems_against_brute_force(piece: int) -> None:
    size = CASES // PIECES
    tally = run_chunk(1, range(piece * size, (piece + 1) * size))
    assert tally.cases == size
    assert tally.failed == [], "python -m tests.verify --seed 1 --only N shows and shrinks a case"


def test_cases_are_reproducible() -> None:
    assert make(3, 4).best == make(3, 4).best
    assert make(3, 4).best != make(3, 5).best


def test_every_atom_is_drawn_hard_and_priced() -> None:
    seen = {kind(atom) for number in range(150) for atom in make(2, number).problem.atoms}
    both = {name + end for name in ("Share", "Spread", "Exclusive", "Apart", "Together") for end in ("", " priced")}
    priced = {
        f"{name} priced"
        for name in ("RefuseCharge", "UnitCharge", "SpanCharge", "Remainder", "LeftValue", "Vacant", "Stay")
    }
    hard = {"Allow", "Within", "Segments", "Capacity", "Caps", "Pool", "Floor", "Disruptions"}
    assert seen == hard | both | priced
    assert len(MAKERS) == 16


def test_brute_force_by_hand() -> None:
    """Two pairs on [1000, 1000] and [1000, 500]: one pair fits; shares of 500 have four places and three devices."""
    free = bins([[1000, 1000], [1000, 500]])
    pairs = Space(problem(free, [item(part(1, devices=2))]))
    assert [len(options) for options in pairs.options] == [2]
    shares = Space(problem(free, [item(part(2, 0, milli=500))]))
    assert sorted(shares.options[0]) == [((a, b),) for a, b in ((0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (2, 0))]


def test_the_second_opinion_sees_what_is_wrong() -> None:
    case = problem(bins([[1000], [500]]), [item(part(2, 1, milli=500))], [Share("s", "x", {(0, 0): 2}, limit=3)])
    half = ((0, 500),)
    assert judge(case, Plan())[0]
    assert judge(case, plan(i0=[[Seat(0, half)]]))[0]
    assert not judge(case, plan(i0=[[Seat(0, half), Seat(1, half)]]))[0], "load 4 above 3"
    assert not judge(case, plan(i0=[[]]))[0], "no replica at all"
    assert not judge(case, plan(i0=[[Seat(0, ((0, 400),))]]))[0], "another size"


def test_a_failure_is_found_and_shrunk() -> None:
    """A case whose optimum is claimed one too high fails, and shrinks to next to nothing."""
    case = next(c for c in (make(5, n) for n in range(50)) if len(c.problem.items) > 1)
    assert failures(case) == []
    small = shrink(case.problem, lambda p: len(p.items) > 0 and of(p).best.plans > 0)
    assert len(small.items) == 1
    assert len(small.atoms) == 1


@pytest.mark.slow
def test_the_command_tells_its_seed_and_ends_well() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.verify", "--cases", "6", "--seed", "9", "--jobs", "1"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "seed 9: 6 cases" in done.stdout
