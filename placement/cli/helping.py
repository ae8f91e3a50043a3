"""Processes of other machines that help a solver here: where they connect, or on a Ray cluster."""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Protocol

import typer

from placement.cli.address import host_and_port

if TYPE_CHECKING:
    from solver.landing import Landing
    from solver.on_ray import RayHelpers
    from solver.workers import ProcessPool

__all__ = ["EXAMPLE", "KEY", "At", "Count", "Guests", "Ray", "key"]

_LOG = logging.getLogger(__name__)
KEY = "MOORAGE_HELPERS_KEY"
"""The variable with the secret that both ends know."""
EXAMPLE = "10.0.0.7:7070"
_WAIT_S = 60.0

At = Annotated[
    str | None,
    typer.Option("--helpers-at", metavar="HOST:PORT", help=f"Let `moorage worker` processes help there (key: {KEY})."),
]
Ray = Annotated[
    str | None, typer.Option("--ray", metavar="ADDRESS", help="Helpers on this Ray cluster; auto = the one here.")
]
Count = Annotated[
    int | None,
    typer.Option(
        "--helpers",
        min=1,
        max=1024,
        metavar="N",
        help="Helpers to ask --ray for; solve waits for so many. [default: 1]",
    ),
]


@dataclass(frozen=True)
class Guests:
    """What the options say. InputError if they contradict each other, or if there is no key."""

    at: str | None
    ray: str | None
    count: int | None

    def __post_init__(self) -> None:
        from placement.errors import InputError  # noqa: PLC0415 - --help does without

        if self.at is not None and self.ray is not None:
            raise InputError("--ray", "is given beside --helpers-at", "give one of them")
        if self.at is None and self.ray is None and self.count is not None:
            raise InputError("--helpers", "no machine is named", "give --ray or --helpers-at too")
        if self.at is not None:
            self._landing_at(self.at)
            key()

    @staticmethod
    def _landing_at(text: str) -> tuple[str, int]:
        return host_and_port(text, "--helpers-at", EXAMPLE, least=0)

    @contextmanager
    def of(self, pool: ProcessPool, *, wait: bool) -> Iterator[None]:
        """Let them help the pool, and say so on stderr.

        `wait` up to a minute for `count` (by default one) to be there; else they come while others go on, and what
        keeps those of a Ray cluster away is logged.
        """
        if self.ray is None and self.at is None:
            yield
            return
        count = self.count or 1
        with ExitStack() as stack:
            source: _Source
            if self.ray is not None:
                source = _on_ray(pool, count, self.ray)
                sys.stderr.write(f"asked the Ray cluster for {count} helpers\n")
            else:
                source = _landing(pool, *self._landing_at(self.at or ""))
            stack.callback(source.close)
            if wait:
                there = _ready(source, count)
                if there < count:
                    sys.stderr.write(f"note: {there} of {count} helpers have come; deciding with these\n")
            elif self.ray is not None:
                threading.Thread(target=_watch, args=(source, count), daemon=True).start()
            yield


class _Source(Protocol):
    """Where helpers come from."""

    def ready(self, count: int, seconds: float) -> int:
        """Wait for so many, at most so long; how many are there. RuntimeError if one cannot come."""

    def close(self) -> None:
        """No more."""


def _ready(source: _Source, count: int) -> int:
    from placement.errors import InputError  # noqa: PLC0415 - loaded by now

    try:
        return source.ready(count, _WAIT_S)
    except RuntimeError as error:
        raise InputError("--ray", str(error), "install the same moorage on the nodes of the cluster") from None


def _watch(source: _Source, count: int) -> None:
    """Log whether they come."""
    try:
        there = source.ready(count, _WAIT_S)
    except RuntimeError as error:
        _LOG.warning("--ray: %s; install the same moorage on the nodes of the cluster", error)
    else:
        _LOG.log(logging.INFO if there == count else logging.WARNING, "%s of %s helpers have come", there, count)


def key() -> bytes:
    """The key of this machine's environment. InputError if there is none, or a short one."""
    from placement.errors import InputError  # noqa: PLC0415 - --help does without
    from solver.landing import KEY_BYTES  # noqa: PLC0415 - brings numpy

    found = os.environ.get(KEY, "").encode()
    if len(found) < KEY_BYTES:
        mend = f"set {KEY} to the same secret of at least {KEY_BYTES} bytes at both ends"
        raise InputError(KEY, "is not set" if not found else "is too short", mend)
    return found


def _landing(pool: ProcessPool, host: str, port: int) -> Landing:
    from placement.errors import InputError  # noqa: PLC0415 - loaded by now
    from solver.landing import Landing  # noqa: PLC0415

    try:
        landing = Landing(pool, host, port, key())
    except OSError as error:
        raise InputError("--helpers-at", f"cannot listen at {host}:{port}: {error}", "give a free address") from None
    sys.stderr.write(f"helpers may connect to {host}:{landing.address[1]}\n")
    return landing


def _on_ray(pool: ProcessPool, count: int, address: str) -> RayHelpers:
    from placement.errors import InputError  # noqa: PLC0415 - loaded by now
    from solver.on_ray import RayHelpers  # noqa: PLC0415

    try:
        return RayHelpers(pool, count, address)
    except ImportError:
        raise InputError("--ray", "Ray is not installed", "install moorage[ray]") from None
    except ConnectionError as error:
        raise InputError("--ray", f"no Ray cluster answers: {error}", "start one, or give its address") from None
