"""`python -m bench list | proven | openb`.

Worker processes are spawned and import this module again: it stays empty of heavy imports.
"""

from __future__ import annotations

import sys

__all__ = ["main"]


def main(args: list[str]) -> int:
    """Run one command; a bad argument or an unreadable file is one line on stderr and exit code 2."""
    from bench.command import run  # noqa: PLC0415 - kept out of spawned workers
    from placement.errors import MoorageError  # noqa: PLC0415 - as above

    try:
        return run(args)
    except MoorageError as error:
        sys.stderr.write(f"error: {error}\n")
        return error.exit_code
    except KeyboardInterrupt:
        sys.stderr.write("\nstopped; with --out the same command goes on from here\n")
        return 130
    except BrokenPipeError:
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
