"""The least time limit: it grows with the case, is told with its mend, and holds for every way in."""

import time

import pytest

from placement.cases.synth import synth_case
from placement.engine import decide
from placement.errors import DeadlineExceeded, InputError
from placement.ladder import least_ms, refuse_hurry
from placement.model import Budget, Case
from placement.snapshot import Snapshot
from placement.verify import verify
from solver.workers import Inline


def sized(nodes: int, pending: int, wall_ms: int = 2000) -> Case:
    """A half-empty fleet of so many nodes."""
    return synth_case("hgx", nodes, 0.5, pending, 3, budget=Budget(wall_ms=wall_ms))


def test_it_grows_with_nodes_and_with_workloads() -> None:
    small, many, large = (least_ms(Snapshot.of(sized(*size))) for size in ((64, 8), (64, 80), (512, 8)))
    assert 1 <= small < min(many, large)


def test_a_shorter_limit_is_refused_with_the_limit_that_would_do() -> None:
    case = sized(512, 40, wall_ms=1)
    least = least_ms(Snapshot.of(case))
    with pytest.raises(InputError) as refused:
        decide(case, clock=time.monotonic, workers=Inline())
    assert refused.value.field == "budget.wall_ms"
    assert "1 ms is too short for 512 nodes" in str(refused.value)
    assert f"at least {least} ms" in str(refused.value)


def test_the_least_limit_itself_is_answered() -> None:
    case = sized(64, 8)
    least = least_ms(Snapshot.of(case))
    case = case.model_copy(update={"budget": Budget(wall_ms=least)})
    assert verify(case, decide(case, clock=time.monotonic, workers=Inline())) == ()


def test_a_deadline_that_leaves_less_is_the_callers() -> None:
    snapshot = Snapshot.of(sized(512, 40))
    least = least_ms(snapshot)
    refuse_hurry(snapshot, least, "max_solve_time", left_ms=least)
    with pytest.raises(DeadlineExceeded, match=f"the deadline leaves {least - 1} ms"):
        refuse_hurry(snapshot, 2000, "max_solve_time", left_ms=least - 1)


def test_deterministic_work_has_no_least_time() -> None:
    case = sized(64, 8).model_copy(update={"budget": Budget(work=1)})
    assert verify(case, decide(case, clock=time.monotonic, workers=Inline())) == ()
