"""Entry point of the `moorage` program.

Worker processes are spawned and import this module again: it stays empty of heavy imports.
"""

from __future__ import annotations

import sys

__all__ = ["app_main"]


def app_main() -> None:
    """Run the program with the arguments of the process and exit with its code (see `placement.cli.app`)."""
    try:
        from placement.cli.app import run  # noqa: PLC0415 - kept out of spawned workers

        sys.exit(run(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    app_main()
