"""A connection to a running server, for the verbs that ask one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from placement.cli.address import host_and_port
from placement.cli.deciding import seconds

if TYPE_CHECKING:
    from placement.client import Client

__all__ = ["connected"]

_CONNECT_S = 5.0
"""How long to try to connect at all."""


@contextmanager
def connected(server: str, timeout: str | None = None) -> Iterator[Client]:
    """A client of the server at `HOST:PORT`, whose calls may take `timeout` (beyond their solve time).

    InputError if either cannot be meant, Unreachable if nobody answers there within five seconds.
    """
    from placement.client import Client, Timeouts  # noqa: PLC0415 - brings gRPC

    wait_s = seconds(timeout, "--timeout")
    host_and_port(server, "--server", "localhost:50051 or [::1]:50051", ipv6=True)
    timeouts = Timeouts() if wait_s is None else Timeouts(wait_s, wait_s, wait_s)
    with Client(server, timeouts=timeouts) as client:
        client.wait_ready(_CONNECT_S if wait_s is None else min(_CONNECT_S, wait_s))
        yield client
