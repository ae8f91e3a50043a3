"""Helpers of other machines: real connections to processes of their own, and what may go wrong on the line."""

import logging
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from multiprocessing.connection import Client
from pathlib import Path

import pytest

import solver
from solver.edition import edition
from solver.landing import KEY_BYTES, Landing
from solver.messages import PlanFound
from solver.plan import Plan
from solver.workers import Job, ProcessPool
from tests.solver.test_workers import easy, hard

_KEY = b"0123456789abcdef"
_GUEST = "import sys; from solver.landing import help_at; help_at('127.0.0.1', int(sys.argv[1]), sys.argv[2].encode())"
_PATIENCE_S = 60.0


def _guest(landing: Landing, key: bytes = _KEY, folder: Path | None = None) -> subprocess.Popen[bytes]:
    """With the solver of a folder, or with this one."""
    command = [sys.executable, "-c", _GUEST, str(landing.address[1]), key.decode()]
    return subprocess.Popen(command, stderr=subprocess.PIPE, cwd=folder)


def _end_of(guest: subprocess.Popen[bytes]) -> tuple[int, bytes]:
    """Exit code, and what it said on stderr."""
    _, complaint = guest.communicate(timeout=_PATIENCE_S)
    return guest.returncode, complaint


def _wait(pool: ProcessPool, away: int) -> None:
    until = time.monotonic() + _PATIENCE_S
    while pool.away() != away:
        assert time.monotonic() < until, f"{pool.away()} helpers, not {away}"
        time.sleep(0.02)


@pytest.fixture
def pool() -> Iterator[ProcessPool]:
    made = ProcessPool(1)
    assert made.warm_up()
    yield made
    made.close()


@pytest.fixture
def landing(pool: ProcessPool) -> Iterator[Landing]:
    made = Landing(pool, "127.0.0.1", key=_KEY)
    yield made
    made.close()


def test_two_guests_help_and_leave_with_the_pool(pool: ProcessPool, landing: Landing) -> None:
    guests = [_guest(landing), _guest(landing)]
    _wait(pool, 2)
    told: list[object] = []
    assert pool.run(Job(easy(), Plan(), 40.0, None, helpers=1), told.append) is None
    assert min(m.values for m in told if isinstance(m, PlanFound)) == (0,)
    _wait(pool, 2)
    pool.close()
    for guest in guests:
        assert _end_of(guest) == (0, b"")


def test_a_guest_that_dies_in_a_search_is_forgotten_and_the_search_goes_on(pool: ProcessPool, landing: Landing) -> None:
    guest = _guest(landing)
    _wait(pool, 1)
    dead: list[float] = []

    def cancelled() -> bool:
        if not dead and pool.away() == 0:
            guest.kill()
            dead.append(time.monotonic())
        return bool(dead) and time.monotonic() - dead[0] > 1

    assert pool.run(Job(hard(), Plan(), 60.0, None, helpers=1), lambda _: None, cancelled) == "cancelled"
    assert dead
    _end_of(guest)
    assert pool.away() == 0
    assert pool.run(Job(easy(), Plan(), 40.0, None, helpers=1), lambda _: None) is None


def test_a_guest_without_the_key_is_sent_away(pool: ProcessPool, landing: Landing) -> None:
    stranger = _guest(landing, b"fedcba9876543210")
    code, complaint = _end_of(stranger)
    assert code
    assert b"AuthenticationError" in complaint
    assert pool.away() == 0


def test_a_guest_of_another_version_is_sent_away_and_both_ends_name_both(
    pool: ProcessPool, landing: Landing, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    other = shutil.copytree(Path(solver.__file__).parent, tmp_path / "solver")
    (other / "plan.py").write_text((other / "plan.py").read_text() + "# changed\n")
    with caplog.at_level(logging.WARNING):
        code, complaint = _end_of(_guest(landing, folder=tmp_path))
    assert code
    assert "OtherEdition" in complaint.decode()
    assert edition() in complaint.decode()
    here, there = caplog.text.rsplit("the other end has ", 1)[1].split(", this machine has ")[::-1]
    assert here.startswith(edition())
    assert there in complaint.decode()
    assert there != edition()
    assert pool.away() == 0
    guest = _guest(landing)
    _wait(pool, 1)
    guest.kill()
    _end_of(guest)


def test_a_guest_that_tells_no_version_is_sent_away(
    pool: ProcessPool, landing: Landing, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING), Client(landing.address, authkey=_KEY) as pipe:
        pipe.recv_bytes()
        pipe.send("ready")
        with pytest.raises(EOFError):
            pipe.recv_bytes()
    assert "does not tell its version" in caplog.text
    assert pool.away() == 0


def test_waiting_for_guests_ends_with_the_last_one_or_with_the_time(landing: Landing) -> None:
    assert landing.ready(1, 0.0) == 0
    guest = _guest(landing)
    assert landing.ready(1, _PATIENCE_S) == 1
    guest.kill()
    _end_of(guest)


def test_callers_that_say_nothing_or_nonsense_hold_up_nobody(pool: ProcessPool, landing: Landing) -> None:
    with socket.create_connection(landing.address) as silent, socket.create_connection(landing.address) as noisy:
        noisy.sendall(b"\xff" * 100)
        guest = _guest(landing)
        _wait(pool, 1)
        assert silent.recv(1), "was asked for its proof"
    guest.kill()
    _end_of(guest)
    _wait(pool, 0)


def test_a_short_key_is_refused(pool: ProcessPool) -> None:
    with pytest.raises(ValueError, match=str(KEY_BYTES)):
        Landing(pool, "127.0.0.1", key=b"short")
