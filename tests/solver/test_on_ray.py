"""Helpers on a real Ray cluster of two nodes (`make test-ray`; skipped without the extra)."""

import time
from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

import pytest

from solver.messages import PlanFound
from solver.on_ray import RayHelpers
from solver.plan import Plan
from solver.workers import Job, ProcessPool
from tests.solver.test_workers import easy

_PATIENCE_S = 120.0


@pytest.fixture
def cluster() -> Iterator[Any]:
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    yield made
    made.shutdown()


@pytest.fixture
def pool() -> Iterator[ProcessPool]:
    made = ProcessPool(1)
    assert made.warm_up()
    yield made
    made.close()


def _wait(pool: ProcessPool, away: int) -> None:
    until = time.monotonic() + _PATIENCE_S
    while pool.away() != away:
        assert time.monotonic() < until, f"{pool.away()} helpers, not {away}"
        time.sleep(0.1)


@pytest.mark.skipif(find_spec("ray") is None, reason="the extra `ray` is not installed: make test-ray")
def test_helpers_of_two_nodes_help_and_a_lost_one_comes_back_elsewhere(cluster: Any, pool: ProcessPool) -> None:
    second = cluster.add_node(num_cpus=1)
    helpers = RayHelpers(pool, 2, cluster.address)
    try:
        assert helpers.ready(2, _PATIENCE_S) == 2
        told: list[object] = []
        assert pool.run(Job(easy(), Plan(), 40.0, None, helpers=1), told.append) is None
        assert min(m.values for m in told if isinstance(m, PlanFound)) == (0,)
        _wait(pool, 2)
        cluster.remove_node(second, allow_graceful=False)
        _wait(pool, 1)
        cluster.add_node(num_cpus=1)
        _wait(pool, 2)
    finally:
        helpers.close()
