"""The measured trace, decided end to end: valid, and never below greedy. (Its speed is measured by `bench openb`.)"""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from placement.cases.openb import openb_case
from placement.compile import lower
from placement.engine import decide
from placement.model import Verdict
from placement.snapshot import Snapshot
from placement.verify import verify
from solver.check import values
from solver.greedy import greedy
from solver.workers import ProcessPool

pytestmark = [
    pytest.mark.data,
    pytest.mark.skipif("MOORAGE_DATA" not in os.environ, reason="set MOORAGE_DATA to the folder of measured data"),
]


@pytest.fixture(scope="module")
def pool() -> Iterator[ProcessPool]:
    """One warm worker process."""
    workers = ProcessPool(1)
    assert workers.warm_up()
    yield workers
    workers.close()


@pytest.mark.parametrize("pending", [200, 1000])
@pytest.mark.parametrize("fill", [0.85, 0.95])
@pytest.mark.parametrize("trace", ["default", "gpuspec10"])
def test_a_slice_of_the_trace_is_decided_validly(pool: ProcessPool, trace: str, fill: float, pending: int) -> None:
    folder = Path(os.environ["MOORAGE_DATA"]) / "openb_replay"
    nodes, pods = folder / f"{trace}_seed42_nodes.csv.gz", folder / f"{trace}_seed42_pods.csv.gz"
    snapshot = Snapshot.of(openb_case(nodes, pods, fill=fill, pending=pending, seed=0).case)
    decision = decide(snapshot, clock=time.monotonic, workers=pool, deadline=time.monotonic() + 4)
    assert verify(snapshot, decision) == ()
    assert len(decision.placements) + len(decision.unplaced) == pending
    assert not [one for one in decision.unplaced if one.verdict is Verdict.REJECTED]
    lowered = lower(snapshot.case, snapshot.fabric)
    plan, _ = greedy(lowered.problem, tries=1)
    assert tuple(tier.value for tier in decision.tiers) <= values(lowered.problem, plan)
