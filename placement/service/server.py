"""The server around the servicer: address, health, reflection, drain on SIGTERM."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import partial

import grpc.aio
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from placement.engine import decide
from placement.errors import InputError
from placement.journal import Journal, MemoryJournal
from placement.limits import InputLimits
from placement.model.document import MAX_BYTES
from placement.service import operations
from placement.service.metrics import Metrics, MetricsPort
from placement.service.placing import Decide
from placement.service.readable import ReadableRequests
from placement.service.servicer import PlacementServicer
from placement.service.times import Limits
from placement.store import MemoryStore, Store
from placement.v1 import placement_pb2_grpc
from solver.workers import ProcessPool, helpers_for
from topology.fabric import Fabric
from topology.model import Fleet

__all__ = ["SERVICE", "Server", "ServerConfig", "serve", "warm_engine"]

_LOG = logging.getLogger(__name__)
SERVICE = "placement.v1.PlacementService"
"""Name for health checks and reflection."""
_BEYOND = 16 * 2**20
"""Bytes over the limit that are still received, so that the refusal can name field and mend."""


@dataclass(frozen=True)
class ServerConfig:
    """Where to listen and how much to do at once. Port 0 = any free port."""

    host: str = "127.0.0.1"
    port: int = 50051
    insecure: bool = False
    """Plain text on an address that other machines can reach."""
    solves: int = 1
    """Searches at once."""
    standby: int = 8
    """Calls decided at once beyond `solves`: they wait for a free search process and answer with the greedy plan
    (FALLBACK) if none comes in time. Later calls wait in line; little of their time may be left."""
    drain_s: float = 30.0
    """After SIGTERM, how long calls in progress may still take."""
    metrics_port: int | None = None
    """Where to serve /metrics, on the same host; 0 = any free port, None = nowhere."""
    limits: Limits = field(default_factory=Limits)
    inputs: InputLimits = field(default_factory=InputLimits)
    """How large fleets, requests and messages may be."""

    def address(self) -> str:
        """`host:port` for gRPC. InputError for a bad port, or plain text off loopback without `insecure`."""
        if not 0 <= self.port <= 65_535:
            raise InputError("port", f"{self.port} is no port", "use 0 (any free port) to 65535")
        if not self.insecure and not _is_loopback(self.host):
            raise InputError(
                "host",
                f"{self.host!r} can be reached by others, and calls are plain text",
                "bind to 127.0.0.1 behind a proxy with TLS, or pass --insecure",
            )
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Server:
    """A running server; make it with `Server.start`."""

    def __init__(
        self,
        server: grpc.aio.Server,
        port: int,
        checks: health.aio.HealthServicer,
        solves: ThreadPoolExecutor,
        servicer: PlacementServicer,
        metrics: MetricsPort | None,
    ) -> None:
        self._server = server
        self._checks = checks
        self._solves = solves
        self._servicer = servicer
        self._metrics = metrics
        self.port = port
        """The port it listens on, also where the configuration said 0."""
        self.metrics_port = None if metrics is None else metrics.port
        """Where the metrics are, if anywhere."""

    @classmethod
    async def start(
        cls,
        config: ServerConfig,
        engine: Decide,
        fleet: Fleet | None = None,
        *,
        store: Store | None = None,
        journal: Journal | None = None,
    ) -> Server:
        """Listen and serve; `fleet` is put into the store before the first call.

        Store and journal are in memory unless given. InputError for an unusable address or too large a fleet.
        """
        address = config.address()
        store = MemoryStore() if store is None else store
        journal = MemoryJournal() if journal is None else journal
        if fleet is not None:
            config.inputs.check_fleet(fleet)
            store.put(Fabric.from_fleet(fleet), ())
            operations.settle()
        metrics = Metrics()
        solves = ThreadPoolExecutor(config.solves + config.standby, thread_name_prefix="solve")
        server = grpc.aio.server(
            interceptors=[ReadableRequests(SERVICE, config.inputs, metrics)],
            options=[
                ("grpc.so_reuseport", 0),  # else a second server shares the port and half of the calls in silence
                ("grpc.max_receive_message_length", config.inputs.message_bytes + _BEYOND),
                ("grpc.max_send_message_length", MAX_BYTES),
            ],
        )
        servicer = PlacementServicer(store, engine, solves, config.limits, metrics, journal, config.inputs)
        add_to_server = placement_pb2_grpc.add_PlacementServiceServicer_to_server
        add_to_server(servicer, server)  # type: ignore[no-untyped-call]  # generated code has no types
        checks = health.aio.HealthServicer()
        health_pb2_grpc.add_HealthServicer_to_server(checks, server)
        reflection.enable_server_reflection((SERVICE, health.SERVICE_NAME, reflection.SERVICE_NAME), server)
        try:
            port = server.add_insecure_port(address)
        except RuntimeError:
            raise InputError(
                "port",
                f"{address} cannot be bound",
                "choose an address of this machine and a free port",
            ) from None
        own = config.metrics_port
        metrics_port = None if own is None else MetricsPort(metrics.registry, config.host, own)
        await server.start()
        for name in ("", SERVICE):
            await checks.set(name, health_pb2.HealthCheckResponse.SERVING)
        return cls(server, port, checks, solves, servicer, metrics_port)

    async def drain(self, grace_s: float) -> None:
        """Report NOT_SERVING, refuse new calls, let those in progress finish within `grace_s` seconds."""
        await self._checks.enter_graceful_shutdown()
        await self._server.stop(grace_s)
        await asyncio.to_thread(self._servicer.stop)
        self._solves.shutdown(wait=False, cancel_futures=True)
        if self._metrics is not None:
            await asyncio.to_thread(self._metrics.close)


async def serve(
    config: ServerConfig,
    engine: Decide,
    announce: Callable[[Server], None],
    fleet: Fleet | None = None,
    journal: Journal | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT, then drain. `announce` gets the server, once calls are welcome.

    InputError if the address cannot be used. Call it from the main thread, which receives the signals.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    server = await Server.start(config, engine, fleet, journal=journal)
    announce(server)
    await stop.wait()
    _LOG.info("draining for at most %s s", config.drain_s)
    await server.drain(config.drain_s)


@contextmanager
def warm_engine(
    processes: int = 1, joined: Callable[[ProcessPool], AbstractContextManager[None]] | None = None
) -> Iterator[Decide]:
    """The real engine with its own warm solver processes, a spare and helpers among them; they end with the context.

    `joined` lets others help meanwhile.
    """
    pool = ProcessPool(processes, spare=1, helpers=helpers_for(processes))
    try:
        pool.warm_up()
        with nullcontext() if joined is None else joined(pool):
            yield partial(decide, clock=time.monotonic, workers=pool)
    finally:
        pool.close()


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
