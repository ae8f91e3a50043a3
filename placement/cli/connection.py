"""A connection to a running server, for the verbs that ask one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from placement.cli.deciding import seconds

if TYPE_CHECKING:
    from placement.client import Client

__all__ = ["connected"]

_CONNECT_S = 5.0
"""How long to try to connect at all."""
_ADDRESS = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[\w.-]+):([0-9]{1,5})", re.ASCII)


@contextmanager
def connected(server: str, timeout: str | None = None) -> Iterator[Client]:
    """A client of the server at `HOST:PORT`, whose calls may take `timeout` (beyond their solve time).

    InputError if either cannot be meant, Unreachable if nobody answers there within five seconds.
    """
    from placement.client import Client, Timeouts  # noqa: PLC0415 - brings gRPC
    from placement.errors import InputError  # noqa: PLC0415 - with what needs it

    wait_s = seconds(timeout, "--timeout")
    found = _ADDRESS.fullmatch(server)
    if found is None or not 0 < int(found[1]) <= 65_535:
        raise InputError("--server", f"{server[:80]!r} is not HOST:PORT", "write localhost:50051 or [::1]:50051")
    timeouts = Timeouts() if wait_s is None else Timeouts(wait_s, wait_s, wait_s)
    with Client(server, timeouts=timeouts) as client:
        client.wait_ready(_CONNECT_S if wait_s is None else min(_CONNECT_S, wait_s))
        yield client
