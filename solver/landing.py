"""Where searches of other machines come to help: each connects, proves that it knows the key, and joins the pool.

Both ends tell their edition first, and part where these differ: pickled objects of another version mean something else.

What travels are pickled jobs and messages, so whoever has the key can run code at the other end: keep it secret, and
listen only on networks that you trust. A helper is believed no more than a process of this machine: its plans are
judged, and no bound comes from it.
"""

from __future__ import annotations

import contextlib
import logging
import secrets
import socket
import struct
import threading
import time
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client, Connection, Listener, answer_challenge, deliver_challenge

from solver.edition import edition
from solver.worker import Worker, serve_pipe
from solver.workers import ProcessPool

__all__ = ["KEY_BYTES", "Landing", "OtherEdition", "help_at"]

_LOG = logging.getLogger(__name__)
KEY_BYTES = 16
"""Least length of a key."""
_BACKLOG = 64
_STALL_S = 0.5
"""A line that stops for so long in the middle of a message is given up: an answer is never later by more than that."""

_EDITION_BYTES = 200
"""Longest edition that is read."""
_LOOK_S = 0.05


class OtherEdition(Exception):
    """The ends of a line are not of one version: `here` is what runs on this machine, `there` at the other end."""

    def __init__(self, here: str, there: str) -> None:
        super().__init__(here, there)
        self.here, self.there = here, there

    def __str__(self) -> str:
        return f"the other end has {self.there}, this machine has {self.here}"


def _compare_editions(pipe: Connection) -> None:
    """Raises OtherEdition, or OSError or EOFError where the other end does not tell."""
    pipe.send_bytes(edition().encode())
    there = pipe.recv_bytes(_EDITION_BYTES).decode("ascii", "replace")
    if there != edition():
        raise OtherEdition(edition(), there if there.isprintable() else "one that does not tell its version")


class _Guest:
    """What runs at the other end of a connection, as far as that can be seen from here."""

    pid = None

    def __init__(self, pipe: Connection) -> None:
        # A second handle of the same line: it stays good when the pipe is closed.
        self._line = socket.socket(fileno=socket.dup(pipe.fileno()))
        stall = struct.pack("ll", int(_STALL_S), int(_STALL_S % 1 * 1e6))
        self._line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, stall)
        self._line.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, stall)
        self._line.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)

    def is_alive(self) -> bool:
        """False once the other end has hung up; what it may have sent before is left where it is."""
        try:
            return bool(self._line.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT))
        except BlockingIOError:
            return True
        except OSError:
            return False

    def kill(self) -> None:
        """Hang up: the other end notices when it next reads or tells, and its search has an end of its own."""
        with contextlib.suppress(OSError):
            self._line.shutdown(socket.SHUT_RDWR)

    def join(self, timeout: float | None = None) -> None:
        """Let go of the line."""
        self._line.close()


class Landing:
    """Listens for helpers until it is closed. OSError if the address cannot be had, ValueError if the key is short."""

    def __init__(self, pool: ProcessPool, host: str, port: int = 0, key: bytes | None = None) -> None:
        self.key = secrets.token_bytes(2 * KEY_BYTES) if key is None else key
        if len(self.key) < KEY_BYTES:
            raise ValueError(f"the key must have at least {KEY_BYTES} bytes")
        self._pool = pool
        self._closed = False
        # Without a key here: the proof is asked for in a thread per caller, so that a silent one holds up nobody.
        self._listener = Listener((host, port), "AF_INET", backlog=_BACKLOG)
        self.address: tuple[str, int] = (host, int(self._listener.address[1]))
        self._thread = threading.Thread(target=self._accept, name="landing", daemon=True)
        self._thread.start()

    def _accept(self) -> None:
        while not self._closed:
            try:
                pipe = self._listener.accept()
            except OSError:
                continue  # a caller that gave up, or the end
            threading.Thread(target=self._greet, args=(pipe,), daemon=True).start()

    def _greet(self, pipe: Connection) -> None:
        guest = _Guest(pipe)
        try:
            deliver_challenge(pipe, self.key)
            answer_challenge(pipe, self.key)
            _compare_editions(pipe)
        except (AuthenticationError, EOFError, OSError):
            welcome = False
        except OtherEdition as error:
            welcome = False
            _LOG.warning("a helper was sent away: %s; install the same at both ends", error)
        else:
            welcome = not self._closed and self._pool.admit(Worker(pipe, guest, away=True))
        if not welcome:
            guest.kill()
            guest.join()
            pipe.close()

    def ready(self, count: int, seconds: float) -> int:
        """Wait until so many help, at most so long; how many do."""
        until = time.monotonic() + seconds
        while (there := self._pool.away()) < count and time.monotonic() < until:
            time.sleep(_LOOK_S)
        return there

    def close(self) -> None:
        """Listen no more. Helpers that came stay until the pool is closed."""
        self._closed = True
        with contextlib.suppress(OSError):
            socket.create_connection(self.address, _STALL_S).close()  # wakes the thread that accepts
        self._thread.join()
        self._listener.close()


def help_at(host: str, port: int, key: bytes) -> None:
    """Help at a `Landing` with this process until that hangs up.

    OSError if nobody listens, AuthenticationError for another key, OtherEdition.
    """
    try:
        pipe = Client((host, port), "AF_INET", authkey=key)
        _compare_editions(pipe)
    except EOFError:
        raise ConnectionError("the other end hung up") from None
    serve_pipe(pipe)
