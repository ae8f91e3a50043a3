"""`moorage worker`: help the solver of another machine with the processors of this one."""

from __future__ import annotations

from typing import Annotated

import typer

from placement.cli.helping import host_and_port, key

__all__ = ["EXAMPLES", "worker"]

EXAMPLES = """\b
Examples:
  MOORAGE_HELPERS_KEY=... moorage serve --helpers-at 10.0.0.7:7070      # on the machine that decides
  MOORAGE_HELPERS_KEY=... moorage worker 10.0.0.7:7070 --processes 8    # on machines that help
"""


def worker(
    address: Annotated[str, typer.Argument(metavar="HOST:PORT", help="Where `solve` or `serve` lets helpers in.")],
    *,
    processes: Annotated[int, typer.Option("--processes", min=1, max=256, help="Searches at once.")] = 1,
) -> None:
    """Help with searches until the other end hangs up.

    Both ends need the same key, of 16 bytes or more, in MOORAGE_HELPERS_KEY, and the same version. Who has the key can
    run code on this machine: use it on networks that you trust.
    """
    import multiprocessing  # noqa: PLC0415 - --help does without

    from placement.errors import InputError  # noqa: PLC0415
    from solver.landing import help_at  # noqa: PLC0415

    host, port = host_and_port(address, "HOST:PORT")
    secret = key()
    context = multiprocessing.get_context("spawn")
    more = [context.Process(target=help_at, args=(host, port, secret), daemon=True) for _ in range(processes - 1)]
    for process in more:
        process.start()
    try:
        help_at(host, port, secret)
    except multiprocessing.AuthenticationError:
        raise InputError("MOORAGE_HELPERS_KEY", "is not the key of the other end", "set the same at both") from None
    except OSError as error:
        raise InputError("HOST:PORT", f"cannot reach {host}:{port}: {error}", "start the other end first") from None
    finally:
        for process in more:
            process.join()
