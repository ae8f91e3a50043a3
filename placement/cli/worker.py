"""`moorage worker`: help the solver of another machine with the processors of this one."""

from __future__ import annotations

from contextlib import suppress
from typing import Annotated

import typer

from placement.cli.address import host_and_port
from placement.cli.helping import EXAMPLE, KEY, key

__all__ = ["EXAMPLES", "worker"]

EXAMPLES = f"""\b
Examples:
  {KEY}=... moorage serve --helpers-at {EXAMPLE}      # on the machine that decides
  {KEY}=... moorage worker {EXAMPLE} --processes 8    # on machines that help
"""


def worker(
    address: Annotated[str, typer.Argument(metavar="HOST:PORT", help="Where `solve` or `serve` lets helpers in.")],
    *,
    processes: Annotated[int, typer.Option("--processes", min=1, max=256, help="Searches at once.")] = 1,
) -> None:
    """Help with searches until the other end hangs up.

    Both ends need the same key, of 16 bytes or more, in MOORAGE_HELPERS_KEY, and the same version; another is refused.
    Who has the key can run code on this machine: use it on networks that you trust.
    """
    import multiprocessing  # noqa: PLC0415 - --help does without

    from placement.errors import InputError  # noqa: PLC0415
    from solver.landing import OtherEdition, help_at  # noqa: PLC0415

    host, port = host_and_port(address, "HOST:PORT", EXAMPLE)
    secret = key()
    context = multiprocessing.get_context("spawn")
    more = [context.Process(target=_beside, args=(host, port, secret), daemon=True) for _ in range(processes - 1)]
    for process in more:
        process.start()
    try:
        help_at(host, port, secret)
    except multiprocessing.AuthenticationError:
        raise InputError(KEY, "is not the key of the other end", "set the same at both") from None
    except OtherEdition as error:
        raise InputError("HOST:PORT", str(error), "install the same at both ends") from None
    except OSError as error:
        raise InputError("HOST:PORT", f"cannot reach {host}:{port}: {error}", "start the other end first") from None
    finally:
        for process in more:
            process.join()


def _beside(host: str, port: int, secret: bytes) -> None:
    """One more process; whatever keeps it away keeps away the first one too, which tells it."""
    from multiprocessing import AuthenticationError  # noqa: PLC0415 - --help does without

    from solver.landing import OtherEdition, help_at  # noqa: PLC0415

    with suppress(AuthenticationError, OtherEdition, OSError, KeyboardInterrupt):
        help_at(host, port, secret)
