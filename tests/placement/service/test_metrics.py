"""Metrics on their own port, and logs as one JSON object per line."""

import asyncio
import json
import logging
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from placement.errors import InputError
from placement.model import Decision, Status
from placement.service.logs import configure_logs
from placement.service.metrics import Metrics, MetricsPort, reason_slug
from placement.service.server import Server, ServerConfig
from placement.service.times import Limits
from placement.snapshot import Snapshot
from placement.v1 import placement_pb2 as pb
from tests.placement.service.calls import FirstFit, place
from tests.placement.service.conftest import Start
from tests.placement.service.test_servicer import failure, put


def samples(port: int) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as page:
        text = page.read().decode()
    return {
        (one.name, tuple(sorted(one.labels.items()))): one.value
        for family in text_string_to_metric_families(text)
        for one in family.samples
    }


class Fallback(FirstFit):
    """Says of every decision that it is the greedy floor, half a second late if asked to."""

    def __call__(
        self, case: Snapshot, *, cancelled: Callable[[], bool], deadline: float | None, warm: Decision | None = None
    ) -> Decision:
        found = super().__call__(case, cancelled=cancelled, deadline=deadline, warm=warm)
        return found.model_copy(
            update={"status": Status.FALLBACK, "fallback_reason": "no idle worker", "gap": 0.5, "gap_tier": 1}
        )


async def test_what_happened_can_be_read(start: Start) -> None:
    at = await start(Fallback(), ServerConfig(port=0, metrics_port=0, limits=Limits(late_ms=-60_000)))
    assert at.server.metrics_port
    await at.stub.PutFabric(put())
    await at.stub.Place(place("a", "b", "c", gpus=3))
    await failure(at.stub.Place(place("a")))
    found = await asyncio.to_thread(samples, at.server.metrics_port)
    for name, labels, value in (
        ("moorage_calls_total", {"method": "Place", "code": "OK"}, 1),
        ("moorage_calls_total", {"method": "Place", "code": "FAILED_PRECONDITION"}, 1),
        ("moorage_call_seconds_count", {"method": "PutFabric"}, 1),
        ("moorage_solve_seconds_count", {"status": "FALLBACK"}, 1),
        ("moorage_fallbacks_total", {"reason": "pool_full"}, 1),
        ("moorage_workloads_total", {"verdict": "PLACED"}, 2),
        ("moorage_workloads_total", {"verdict": "NOT_FOUND"}, 1),
        ("moorage_batch_workloads_sum", {}, 3),
        ("moorage_batch_calls_sum", {}, 1),
        ("moorage_gap_ratio_sum", {}, 0.5),
        ("moorage_late_answers_total", {}, 1),
        ("moorage_running_workloads", {}, 2),
        ("moorage_nodes", {}, 1),
        ("moorage_waiting_calls", {}, 0),
    ):
        assert found[name, tuple(sorted(labels.items()))] == value, name
    assert found["moorage_late_worst_seconds", ()] > 50
    assert found["moorage_reserve_seconds", ()] > 0


async def test_the_port_is_closed_with_the_server_and_a_taken_one_is_one_clear_error() -> None:
    server = await Server.start(ServerConfig(port=0, metrics_port=0), FirstFit())
    taken = server.metrics_port
    assert taken is not None
    with pytest.raises(InputError, match="metrics_port"):
        await Server.start(ServerConfig(port=0, metrics_port=taken), FirstFit())
    await server.drain(0)
    with pytest.raises((urllib.error.URLError, ConnectionError)):
        await asyncio.to_thread(samples, taken)


def test_reasons_become_few_labels() -> None:
    assert reason_slug("failed: ValueError: anything at all") == "worker_failed"
    assert reason_slug("a new reason") == reason_slug(None) == "other"


def test_two_servers_count_apart() -> None:
    first, second = Metrics(), Metrics()
    first.conflict("aborted")
    port = MetricsPort(second.registry, "127.0.0.1", 0)
    try:
        assert ("moorage_conflicts_total", (("outcome", "aborted"),)) not in samples(port.port)
    finally:
        port.close()


@pytest.fixture
def root_logger() -> Any:
    root = logging.getLogger()
    kept = root.handlers, root.level
    yield root
    root.handlers, level = kept
    root.setLevel(level)


async def test_a_line_per_call_and_per_decision(
    start: Start, root_logger: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logs("INFO")
    at = await start(FirstFit())
    await at.stub.PutFabric(put())
    await at.stub.Place(place("a", requestId="r1"))
    await failure(at.stub.Place(place("a", seed="-1")))
    await at.stub.Release(pb.ReleaseRequest(workloads=["a"]))
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    calls = [(one["method"], one["code"]) for one in lines if one["event"] == "call"]
    assert calls == [("PutFabric", "OK"), ("Place", "OK"), ("Place", "INVALID_ARGUMENT"), ("Release", "OK")]
    decision = next(one for one in lines if one["event"] == "decision")
    assert (decision["request_id"], decision["status"], decision["placed"]) == ("r1", "FEASIBLE", 1)
    assert all({"timestamp", "level", "logger"} <= set(one) for one in lines)
    assert "seed" in next(one["error"] for one in lines if one.get("code") == "INVALID_ARGUMENT")


def test_logs_for_people_and_errors_with_their_trace(
    root_logger: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logs("WARNING")
    logging.getLogger("x").info("not shown")
    logging.getLogger("x").error("it broke", exc_info=RuntimeError("deep inside"))
    line = json.loads(capsys.readouterr().err)
    assert "deep inside" in line["exception"]
    configure_logs("INFO", as_json=False)
    logging.getLogger("x").info("hello", extra={"nodes": 3})
    shown = capsys.readouterr().err
    assert "hello" in shown
    assert "nodes=3" in shown
