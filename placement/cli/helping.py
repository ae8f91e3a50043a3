"""Processes of other machines that help a solver here: where they connect, or on a Ray cluster."""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from solver.workers import ProcessPool

__all__ = ["At", "Count", "Guests", "Ray", "host_and_port", "key"]

KEY = "MOORAGE_HELPERS_KEY"
_ADDRESS = re.compile(r"([\w.-]+):([0-9]{1,5})", re.ASCII)
_WAIT_S = 60.0
_LOOK_S = 0.05

At = Annotated[
    str | None,
    typer.Option("--helpers-at", metavar="HOST:PORT", help=f"Let `moorage worker` processes help there (key: {KEY})."),
]
Ray = Annotated[
    str | None, typer.Option("--ray", metavar="ADDRESS", help="Helpers on this Ray cluster; auto = the one here.")
]
Count = Annotated[
    int | None, typer.Option("--helpers", min=1, max=1024, metavar="N", help="How many of --helpers-at or --ray.")
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
            host_and_port(self.at, "--helpers-at", least=0)
            key()

    @contextmanager
    def of(self, pool: ProcessPool, *, wait: bool) -> Iterator[None]:
        """Let them help the pool; `wait` up to a minute for `count` (by default one) to be there, and say so if not."""
        count = self.count or 1
        with ExitStack() as stack:
            if self.ray is not None:
                stack.callback(_on_ray(pool, count, self.ray))
            elif self.at is not None:
                stack.callback(_landing(pool, *host_and_port(self.at, "--helpers-at", least=0)))
            if wait and (self.ray is not None or self.at is not None):
                until = time.monotonic() + _WAIT_S
                while (there := pool.away()) < count and time.monotonic() < until:
                    time.sleep(_LOOK_S)
                if there < count:
                    sys.stderr.write(f"note: {there} of {count} helpers have come; deciding with these\n")
            yield


def host_and_port(text: str, option: str, *, least: int = 1) -> tuple[str, int]:
    """The parts of HOST:PORT. InputError if it is none."""
    from placement.errors import InputError  # noqa: PLC0415 - --help does without

    found = _ADDRESS.fullmatch(text)
    if found is None or not least <= int(found[2]) <= 65_535:
        raise InputError(option, f"{text[:80]!r} is not HOST:PORT", "write 10.0.0.7:7070")
    return found[1], int(found[2])


def key() -> bytes:
    """The key of this machine's environment. InputError if there is none, or a short one."""
    from placement.errors import InputError  # noqa: PLC0415 - --help does without
    from solver.landing import KEY_BYTES  # noqa: PLC0415 - brings numpy

    found = os.environ.get(KEY, "").encode()
    if len(found) < KEY_BYTES:
        mend = f"set {KEY} to the same secret of at least {KEY_BYTES} bytes at both ends"
        raise InputError(KEY, "is not set" if not found else "is too short", mend)
    return found


def _landing(pool: ProcessPool, host: str, port: int) -> Callable[[], None]:
    from placement.errors import InputError  # noqa: PLC0415 - loaded by now
    from solver.landing import Landing  # noqa: PLC0415

    try:
        landing = Landing(pool, host, port, key())
    except OSError as error:
        raise InputError("--helpers-at", f"cannot listen at {host}:{port}: {error}", "give a free address") from None
    sys.stderr.write(f"helpers may connect to {host}:{landing.address[1]}\n")
    return landing.close


def _on_ray(pool: ProcessPool, count: int, address: str) -> Callable[[], None]:
    from placement.errors import InputError  # noqa: PLC0415 - loaded by now
    from solver.on_ray import RayHelpers  # noqa: PLC0415

    try:
        helpers = RayHelpers(pool, count, address)
    except ImportError:
        raise InputError("--ray", "Ray is not installed", "install moorage[ray]") from None
    except ConnectionError as error:
        raise InputError("--ray", f"no Ray cluster answers: {error}", "start one, or give its address") from None
    try:
        helpers.ready(_WAIT_S)
    except RuntimeError as error:
        helpers.close()
        raise InputError("--ray", str(error), "install the same moorage on the nodes of the cluster") from None
    return helpers.close
