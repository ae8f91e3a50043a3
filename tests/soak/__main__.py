"""`python -m tests.soak --clients 16 --seconds 60`: the real server under a mixed load. Exit code 1 if anything broke.

Broken is: a device, an amount or a quota given away twice (by an independent reader of the state), an answer that the
state does not show, an error that the contract does not name, a server that does not end with exit code 0.
Late answers are counted, with their worst.
"""

import argparse
import asyncio
import json
import os
import re
import signal
import statistics
import sys
import time
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc.aio

from placement.cases.synth import synth_case
from placement.model import Case, Running, Workload
from placement.service.wire import encode
from placement.v1 import placement_pb2 as pb
from placement.v1 import placement_pb2_grpc
from tests.soak.load import Client, Fleet, Plan, Seen, all_clients
from tests.soak.reader import lost, oversubscribed

ROOT = Path(__file__).resolve().parents[2]
SHOWN = re.compile(r"moorage_(conflicts_total|fallbacks_total|late|reserve|batch_\w+_(sum|count))")
"""Metrics of the server that the report repeats."""
LARGE = [("grpc.max_receive_message_length", 256 * 2**20)]


@dataclass
class Result:
    """What a soak found."""

    seen: Seen
    reads: int = 0
    oversubscribed: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    exit_code: int | None = None
    rss_mib: tuple[int, int] = (0, 0)
    metrics: dict[str, float] = field(default_factory=dict)

    @property
    def broken(self) -> bool:
        """Whether anything was found that must not be."""
        return bool(self.oversubscribed or self.lost or self.seen.undocumented or self.exit_code)


class Server:
    """`moorage serve` as a process of its own."""

    def __init__(self, process: asyncio.subprocess.Process, target: str, metrics: str) -> None:
        self.process = process
        self.target = target
        self._metrics = metrics

    @classmethod
    async def start(cls, workers: int, log: Path | None) -> "Server":
        """Start it on free ports and wait until it serves; `log` gets a line per call and per decision."""
        command = [sys.executable, "-m", "placement.cli.main", "serve", "--port", "0", "--metrics-port", "0"]
        command += ["--log-level", "WARNING" if log is None else "INFO"]
        process = await asyncio.create_subprocess_exec(
            *(*command, "--workers", str(workers)),
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=asyncio.subprocess.PIPE,
            stderr=None if log is None else log.open("wb"),
        )
        assert process.stdout is not None
        target = (await process.stdout.readline()).decode().split()[-1]
        metrics = (await process.stdout.readline()).decode().split()[-1]
        return cls(process, target, metrics)

    def rss_mib(self) -> int:
        """Its resident memory."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text(encoding="ascii").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") // 2**20

    def metrics(self) -> dict[str, float]:
        """Its counters and gauges."""
        with urllib.request.urlopen(self._metrics) as page:  # noqa: S310 - the address is ours
            lines = page.read().decode().splitlines()
        return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines if line[0] != "#")}

    async def stop(self) -> int:
        """SIGTERM; its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return await asyncio.wait_for(self.process.wait(), 60)


def instance(nodes: int, seed: int) -> Case:
    """A mixed fleet, half full, with thousands of pending workloads."""
    return synth_case("mixed", nodes, 0.5, 4000, seed)


def message(document: Workload | Running, number: int = 0) -> Any:
    """The message of a document; workloads get an id of their own and stand alone."""
    if isinstance(document, Running):
        return encode(document, pb.Running())
    alone = document.model_copy(
        update={"id": f"{document.id}-{number}", "affinity": (), "anti_affinity": (), "group": None, "state_nodes": ()}
    )
    return encode(alone, pb.Workload())


def pending(case: Case) -> Any:
    """Workloads without end, each with an id of its own."""
    number = 0
    while True:
        number += 1
        for workload in case.workloads:
            yield message(workload, number)


async def read(stub: Any, quotas: dict[str, int], result: Result, stop: asyncio.Event) -> pb.GetFabricResponse:
    """Read the whole state again and again while the clients run, and once after them."""
    while True:
        last = stop.is_set()
        held = await stub.GetFabric(pb.GetFabricRequest(), timeout=60)
        result.reads += 1
        result.oversubscribed += oversubscribed(held, quotas)
        if last:
            return held  # type: ignore[no-any-return]
        try:
            await asyncio.wait_for(stop.wait(), 1.0)
        except TimeoutError:
            continue


async def soak(
    clients: int, seconds: float, nodes: int, seed: int, workers: int, plan: Plan, log: Path | None = None
) -> Result:
    """Start the server, run the clients, read along, and stop it again."""
    case = instance(nodes, seed)
    result = Result(Seen())
    server = await Server.start(workers, log)
    try:
        async with grpc.aio.insecure_channel(server.target, options=LARGE) as channel:
            stub = placement_pb2_grpc.PlacementServiceStub(channel)  # type: ignore[no-untyped-call]
            fleet = pb.PutFabricRequest()
            encode(case.fleet, fleet.fleet)
            fleet.running.extend(message(one) for one in case.running)
            await stub.PutFabric(fleet, timeout=60)
            plan = Plan(plan.asked_s, plan.deadline_s, plan.most, tuple(encode(t, pb.Tenant()) for t in case.tenants))
            first = server.rss_mib()
            stop = asyncio.Event()
            quotas = {t.name: t.quota_gpu_milli for t in case.tenants if t.quota_gpu_milli is not None}
            reading = asyncio.ensure_future(read(stub, quotas, result, stop))
            edits = Fleet([node.id for node in case.fleet.nodes], seed)
            work = pending(case)
            crowd = [Client(server.target, row, work, edits, plan, result.seen) for row in range(clients)]
            await all_clients(crowd, seconds)
            stop.set()
            held = await reading
            before = {one.workload.id: tuple(sorted(r.node for r in one.replicas)) for one in fleet.running}
            result.lost = lost(held.running, {**before, **result.seen.running()}, result.seen.doubtful())
            result.rss_mib = (first, server.rss_mib())
            result.metrics = server.metrics()
        result.exit_code = await server.stop()
    finally:
        if server.process.returncode is None:
            server.process.kill()
            await server.process.wait()
    return result


def report(result: Result, seconds: float) -> dict[str, Any]:
    """The figures of a soak."""
    seen = result.seen
    took_ms = sorted(round(one * 1000) for one in seen.took_s) or [0]
    cuts = statistics.quantiles(took_ms, n=100, method="inclusive") if len(took_ms) > 1 else took_ms * 99
    return {
        "calls": dict(seen.calls),
        "places_per_s": round(seen.calls["Place"] / seconds, 2),
        "place_ms": {"p50": cuts[49], "p95": cuts[94], "p99": cuts[98], "max": took_ms[-1]},
        "statuses": dict(seen.statuses),
        "fallbacks": dict(seen.fallbacks),
        "verdicts": dict(seen.verdicts),
        "errors": dict(seen.errors),
        "late": {"count": len(seen.late_s), "worst_s": round(max(seen.late_s, default=0.0), 3)},
        "server": {name: value for name, value in result.metrics.items() if SHOWN.match(name)},
        "rss_mib": result.rss_mib,
        "reads": result.reads,
        "oversubscribed": result.oversubscribed[:10],
        "lost": result.lost[:10],
        "undocumented": seen.undocumented[:10],
        "exit_code": result.exit_code,
    }


def main() -> int:
    """Parse, run, print; exit code 1 if anything broke."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--nodes", type=int, default=256)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=1, help="solver processes of the server")
    parser.add_argument("--most", type=int, default=4, help="workloads of one Place, at most")
    parser.add_argument("--asked", type=float, default=1.0, help="seconds of solve time that each Place asks for")
    parser.add_argument("--deadline", type=float, default=3.0, help="seconds after which its client stops waiting")
    parser.add_argument("--log", type=Path, help="write the log of the server there")
    parser.add_argument("--out", type=Path, help="write the figures there too")
    options = parser.parse_args()
    plan = Plan(options.asked, options.deadline, options.most, ())
    began_s = time.monotonic()
    result = asyncio.run(
        soak(options.clients, options.seconds, options.nodes, options.seed, options.workers, plan, options.log)
    )
    figures = report(result, options.seconds)
    text = json.dumps(figures, indent=2)
    print(text)
    if options.out is not None:
        options.out.write_text(text + "\n", encoding="utf-8")
    print(f"{'BROKEN' if result.broken else 'sound'} after {time.monotonic() - began_s:.0f} s", file=sys.stderr)
    return 1 if result.broken else 0


if __name__ == "__main__":
    sys.exit(main())
