"""What the server counts, in the text format of Prometheus, on a port of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server

from placement.errors import InputError
from placement.model.decision import Decision, Status

if TYPE_CHECKING:
    from wsgiref.simple_server import WSGIServer

__all__ = ["Metrics", "MetricsPort", "reason_slug"]

_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 3, 5, 10, 30, 60, 300)
_GAPS = (0.0, 0.0001, 0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1)
_SIZES = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000)

_REASONS = (
    ("no idle worker", "pool_full"),
    ("the worker was not ready", "worker_starting"),
    ("the worker died", "worker_died"),
    ("out of time", "out_of_time"),
    ("no time was left", "no_time"),
    ("the greedy pass ran out", "greedy_cut_short"),
    ("cancelled", "cancelled"),
    ("failed", "worker_failed"),
    ("the search told nothing", "search_silent"),
)


def reason_slug(reason: str | None) -> str:
    """A fallback reason as one of a few label values: sentences would make a series each."""
    return next((slug for words, slug in _REASONS if reason and reason.startswith(words)), "other")


class Metrics:
    """The metrics of one server; `registry` holds them. Names carry their units, labels have few values."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.calls = Counter(
            "moorage_calls_total",
            "Calls by method and gRPC code.",
            ("method", "code"),
            registry=self.registry,
        )
        self.call_seconds = Histogram(
            "moorage_call_seconds", "Whole time of a call.", ("method",), buckets=_SECONDS, registry=self.registry
        )
        self._solves = Histogram(
            *("moorage_solve_seconds", "Time of one decision, by its status.", ("status",)),
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._gap = Histogram(
            "moorage_gap_ratio", "Gap of the first open tier, 0 = proven.", buckets=_GAPS, registry=self.registry
        )
        self._batch = Histogram(
            "moorage_batch_workloads", "Workloads of one decision.", buckets=_SIZES, registry=self.registry
        )
        self._joined = Histogram(
            "moorage_batch_calls", "Calls decided together.", buckets=_SIZES[:8], registry=self.registry
        )
        self._fallbacks = Counter(
            "moorage_fallbacks_total",
            "Decisions of the greedy pass alone.",
            ("reason",),
            registry=self.registry,
        )
        self._verdicts = Counter(
            "moorage_workloads_total", "Workloads decided, by verdict.", ("verdict",), registry=self.registry
        )
        self._late = Counter("moorage_late_answers_total", "Answers of Place after their time.", registry=self.registry)
        self._worst = Gauge("moorage_late_worst_seconds", "The latest of them, by how much.", registry=self.registry)
        self._conflicts = Counter(
            *("moorage_conflicts_total", "Reservations on a state that had changed, by what became of them."),
            ("outcome",),
            registry=self.registry,
        )
        self.waiting = Gauge("moorage_waiting_calls", "Place calls in progress or in line.", registry=self.registry)
        self.reserve_seconds = Gauge(
            "moorage_reserve_seconds", "Part of a deadline kept back to answer, as measured.", registry=self.registry
        )
        self.nodes = Gauge("moorage_nodes", "Nodes of the fabric.", registry=self.registry)
        self.running = Gauge("moorage_running_workloads", "Workloads that hold room.", registry=self.registry)
        self._lock = threading.Lock()
        self._worst_s = 0.0

    def solved(self, decision: Decision, took_s: float, workloads: int, calls: int) -> None:
        """Count one decision on so many workloads of so many calls."""
        self._solves.labels(decision.status.value).observe(took_s)
        self._batch.observe(workloads)
        self._joined.observe(calls)
        if decision.gap is not None:
            self._gap.observe(decision.gap)
        if decision.status is Status.FALLBACK:
            self._fallbacks.labels(reason_slug(decision.fallback_reason)).inc()
        self._verdicts.labels("PLACED").inc(len(decision.placements))
        for one in decision.unplaced:
            self._verdicts.labels(one.verdict.value).inc()

    def conflict(self, outcome: str) -> None:
        """Count a reservation that met a newer state: `fitted`, `decided_again` or `aborted`."""
        self._conflicts.labels(outcome).inc()

    def late(self, by_s: float) -> None:
        """Count an answer that came `by_s` seconds after its time; nothing if it did not."""
        if by_s <= 0:
            return
        self._late.inc()
        with self._lock:
            self._worst_s = max(self._worst_s, by_s)
            self._worst.set(self._worst_s)


class MetricsPort:
    """Serves a registry at /metrics until closed. InputError if the port cannot be used."""

    def __init__(self, registry: CollectorRegistry, host: str, port: int) -> None:
        try:
            server, thread = start_http_server(port, host, registry)
        except OSError as error:
            raise InputError("metrics_port", f"{host}:{port}: {error.strerror}", "choose a free port") from None
        self._server: WSGIServer = server
        self._join: Callable[[], None] = thread.join
        self.port = int(server.server_port)
        """The port it listens on, also where 0 was asked for."""

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()
        self._join()
