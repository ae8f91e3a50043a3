"""All verbs in one program, and the border where every error becomes one line and an exit code."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence

import typer

from placement.cli import (
    case,
    check,
    defrag,
    explain,
    fleet,
    replay,
    serve,
    server,
    solve,
    topology,
    version,
    whatif,
    worker,
)
from placement.cli.streams import one_line
from placement.errors import MoorageError

__all__ = ["build", "run"]

_EPILOG = """\b
Exit codes:
  0  done, everything placed        4  some of the work is placed
  1  check failed, internal error   5  server unreachable
  2  usage or bad input             6  deadline exceeded
  3  nothing placed               130  interrupted
\b
Examples:
  moorage case synth --fleet hgx --nodes 64 --occupancy 0.7 --pending 30 --out case.json
  moorage solve case.json --time-limit 2s --out decision.json
  moorage check case.json decision.json
"""
_DEBUG = "MOORAGE_DEBUG"


def build() -> typer.Typer:
    """The program with all its verbs. Nothing is imported for a verb before it runs."""
    app = typer.Typer(
        name="moorage",
        help="Constraint-optimization placement for AI clusters.",
        epilog=_EPILOG,
        no_args_is_help=True,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    cases = typer.Typer(
        help="Make a case file from a trace or from a synthetic fleet.",
        epilog=case.EXAMPLES,
        no_args_is_help=True,
        rich_markup_mode=None,
    )
    cases.command("openb", epilog=case.OPENB_EXAMPLES)(case.openb)
    cases.command("synth", epilog=case.SYNTH_EXAMPLES)(case.synth)
    fleets = typer.Typer(
        help="The fleet file: its schema, and whether a file keeps it.",
        epilog=fleet.EXAMPLES,
        no_args_is_help=True,
        rich_markup_mode=None,
    )
    fleets.command("schema", epilog=fleet.SCHEMA_EXAMPLES)(fleet.schema)
    fleets.command("check", epilog=fleet.CHECK_EXAMPLES)(fleet.check)
    topologies = typer.Typer(
        help="The fleet as a tree: what is in use, what is ill.",
        epilog=topology.EXAMPLES,
        no_args_is_help=True,
        rich_markup_mode=None,
    )
    topologies.command("show", epilog=topology.SHOW_EXAMPLES)(topology.show)
    servers = typer.Typer(
        help="Ask or change a running server; MOORAGE_SERVER is the default of --server.",
        epilog=server.EXAMPLES,
        no_args_is_help=True,
        rich_markup_mode=None,
    )
    servers.command("put", epilog=server.PUT_EXAMPLES)(server.put)
    servers.command("get", epilog=server.GET_EXAMPLES)(server.get)
    servers.command("edit", epilog=server.EDIT_EXAMPLES)(server.edit)
    servers.command("place", epilog=server.PLACE_EXAMPLES)(server.place)
    servers.command("list", epilog=server.LIST_EXAMPLES)(server.list_)
    servers.command("release", epilog=server.RELEASE_EXAMPLES)(server.release)
    app.add_typer(cases, name="case")
    app.command("solve", epilog=solve.EXAMPLES)(solve.solve)
    app.command("whatif", epilog=whatif.EXAMPLES)(whatif.whatif)
    app.command("explain", epilog=explain.EXAMPLES)(explain.explain)
    app.command("defrag", epilog=defrag.EXAMPLES)(defrag.defrag)
    app.command("replay", epilog=replay.EXAMPLES)(replay.replay)
    app.command("check", epilog=check.EXAMPLES)(check.check)
    app.command("serve", epilog=serve.EXAMPLES)(serve.serve)
    app.command("worker", epilog=worker.EXAMPLES)(worker.worker)
    app.add_typer(servers, name="server")
    app.add_typer(fleets, name="fleet")
    app.add_typer(topologies, name="topology")
    app.command("version", epilog=version.EXAMPLES)(version.version)
    return app


def run(args: Sequence[str]) -> int:
    """Run one command and return its exit code; every error is one line on stderr, never a traceback.

    `MOORAGE_DEBUG=1` shows the traceback of an unexpected one.
    """
    try:
        code = build()(list(args), prog_name="moorage", standalone_mode=False)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return 130
    except typer.Abort:
        return 130
    except MoorageError as error:
        return _complain(str(error), error.exit_code)
    except BrokenPipeError:
        # The reader went away; what is still buffered has nowhere to go, not even when Python exits.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:  # noqa: BLE001 - the border: whatever it is becomes one line and a code
        return _foreseen(error) or _unforeseen(error)
    return code if isinstance(code, int) else 0


def _foreseen(error: Exception) -> int | None:
    """The code of an error of typer or of the topology package, once reported; None if it is neither."""
    from topology.errors import TopologyError  # noqa: PLC0415 - brings pydantic, which --help does without

    if isinstance(error, TopologyError):
        return _complain(str(error), 2)
    # Typer carries its own copy of click since 0.26: its usage errors are known by what they offer.
    format_message = getattr(error, "format_message", None)
    if format_message is None:
        return None
    context = getattr(error, "ctx", None)
    path = getattr(context, "command_path", "moorage")
    message = str(format_message())
    if message.startswith("Usage:") or not message:
        # A group without a verb: the help is the message.
        sys.stderr.write(f"{message or (context and context.get_help())}\n")
        return 2
    return _complain(f"{message.rstrip('.')}; see `{path} --help`", 2)


def _unforeseen(error: Exception) -> int:
    if os.environ.get(_DEBUG) == "1":
        traceback.print_exception(error)
    named = f"{type(error).__name__}: {error}".rstrip(": ")
    return _complain(
        f"internal error: {named}; please report it with the command and the case file "
        f"({_DEBUG}=1 shows where it happened)",
        1,
    )


def _complain(message: str, code: int) -> int:
    lead = "" if message.startswith("internal error") else "error: "
    sys.stderr.write(f"{lead}{one_line(message)}\n")
    return code
