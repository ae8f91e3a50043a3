"""The border: every error is one line and a code."""

import pytest

from placement.errors import Conflict, DeadlineExceeded, InputError, MoorageError, NotFound, Unreachable
from tests.placement.cli.conftest import Moorage


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (InputError("a.b", "is wrong", "write it right"), 2),
        (NotFound("node", "n1"), 2),
        (Unreachable("nobody answers"), 5),
        (DeadlineExceeded("too late"), 6),
        (Conflict("twice"), 1),
        (KeyboardInterrupt(), 130),
    ],
)
def test_an_error_has_its_exit_code(
    error: BaseException, code: int, moorage: Moorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise error

    monkeypatch.setattr("placement.cli.version.version", fail)
    ran = moorage("version")
    assert ran.code == code
    assert ran.out == ""
    assert ran.err == (f"error: {error}\n" if isinstance(error, MoorageError) else "")


@pytest.mark.parametrize("debug", [False, True])
def test_an_unexpected_error_shows_its_traceback_only_on_demand(
    debug: bool, moorage: Moorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise ZeroDivisionError("one\ntwo")

    monkeypatch.setattr("placement.cli.version.version", fail)
    monkeypatch.setenv("MOORAGE_DEBUG", "1" if debug else "0")
    ran = moorage("version")
    assert ran.code == 1
    assert ("Traceback" in ran.err) is debug
    last = ran.err.splitlines()[-1]
    assert last.startswith("internal error: ZeroDivisionError: one\\ntwo; please report")
