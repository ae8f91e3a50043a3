"""`moorage serve`: the gRPC server."""

from __future__ import annotations

from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from placement.cli.changes import limits
from placement.cli.helping import At, Count, Guests, Ray

if TYPE_CHECKING:
    from placement.service.server import Server

__all__ = ["EXAMPLES", "LogLevel", "serve"]

EXAMPLES = """\b
Examples:
  moorage serve --port 50051 --fleet fleet.yaml
  moorage serve --metrics-port 9464 --log-level INFO
  moorage serve --host 0.0.0.0 --insecure      # plain text for everyone on the network: a choice of yours
"""


def _most(name: str, text: str) -> Any:
    variable = f"MOORAGE_{name.strip('-').replace('-', '_').upper()}"
    return typer.Option(name, metavar="N", help=f"{text}, at most; else {variable}, or the default.")


class LogLevel(StrEnum):
    """Least level of a log line; INFO is a line per call and per decision."""

    DEBUG = "DEBUG"
    INFO = "INFO"
    WARNING = "WARNING"
    ERROR = "ERROR"


def serve(
    *,
    host: Annotated[str, typer.Option("--host", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="Port; 0 = any free one.")] = 50051,
    insecure: Annotated[bool, typer.Option("--insecure", help="Plain text on an address others can reach.")] = False,
    workers: Annotated[int, typer.Option("--workers", min=1, max=64, help="Solves at once, one process each.")] = 1,
    fleet: Annotated[str | None, typer.Option("--fleet", help="Fleet file to begin with.")] = None,
    metrics_port: Annotated[
        int | None, typer.Option("--metrics-port", min=0, max=65535, help="Serve /metrics there, on the same address.")
    ] = None,
    journal: Annotated[
        str | None, typer.Option("--journal", help="Folder for cases and decisions; else the latest in memory.")
    ] = None,
    max_nodes: Annotated[int | None, _most("--max-nodes", "Nodes of a fleet")] = None,
    max_workloads: Annotated[int | None, _most("--max-workloads", "Workloads of one request")] = None,
    max_running: Annotated[int | None, _most("--max-running", "Running workloads")] = None,
    max_replicas_per_role: Annotated[int | None, _most("--max-replicas-per-role", "Replicas of one role")] = None,
    max_replicas: Annotated[int | None, _most("--max-replicas", "Replicas of one request")] = None,
    max_message_bytes: Annotated[int | None, _most("--max-message-bytes", "Bytes of one message")] = None,
    helpers_at: At = None,
    ray: Ray = None,
    helpers: Count = None,
    log_level: Annotated[LogLevel, typer.Option("--log-level", help="What to log on stderr.")] = LogLevel.WARNING,
    log_text: Annotated[bool, typer.Option("--log-text", help="Logs as text for people, not JSON.")] = False,
) -> None:
    """Serve PlacementService until SIGTERM or Ctrl-C, then drain.

    What exceeds a limit (--max-...) is refused whole. Defaults and bounds stand in placement/cli/README.md.
    """
    # These bring gRPC, the engine and pydantic, which --help does without.
    import asyncio  # noqa: PLC0415
    from pathlib import Path  # noqa: PLC0415

    from placement.journal import FolderJournal  # noqa: PLC0415
    from placement.service import server  # noqa: PLC0415
    from placement.service.logs import configure_logs  # noqa: PLC0415
    from topology.sources import read_fleet  # noqa: PLC0415

    inputs = limits(
        nodes=max_nodes,
        workloads=max_workloads,
        running=max_running,
        replicas_per_role=max_replicas_per_role,
        replicas=max_replicas,
        message_bytes=max_message_bytes,
    )
    config = server.ServerConfig(
        host=host, port=port, insecure=insecure, solves=workers, metrics_port=metrics_port, inputs=inputs
    )
    guests = Guests(helpers_at, ray, helpers)
    config.address()  # a bad address is told before anything starts
    held = None if fleet is None else read_fleet(Path(fleet))
    kept = None if journal is None else FolderJournal(journal)
    configure_logs(log_level.value, as_json=not log_text)
    with server.warm_engine(workers, partial(guests.of, wait=False)) as engine:
        asyncio.run(server.serve(config, engine, partial(_announce, host), held, kept))


def _announce(host: str, started: Server) -> None:
    print(f"serving on {host}:{started.port}", flush=True)
    if started.metrics_port is not None:
        print(f"metrics on http://{host}:{started.metrics_port}/metrics", flush=True)
