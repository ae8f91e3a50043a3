"""`moorage solve`: decide a case and print the decision."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from placement.cli.changes import changed, limits
from placement.cli.deciding import deciding, seconds
from placement.cli.helping import At, Count, Guests, Ray
from placement.cli.streams import STREAM, OutputForm, check_writable, print_text, read_input, write_output

if TYPE_CHECKING:
    from placement.journal import FolderJournal
    from placement.model import Decision, Workload

__all__ = ["EXAMPLES", "exit_code", "solve"]

EXAMPLES = """\b
Examples:
  moorage solve case.json --time-limit 2s
  moorage solve case.json --work 500 --out decision.json      # the same answer on every machine
  moorage solve case.json --policy policy.toml -o json | jq .tiers
  cat case.json | moorage solve - --time-limit 500ms
  moorage solve changed.json --warm decision.json --time-limit 1s
"""


def solve(
    path: Annotated[str, typer.Argument(metavar="CASE", help="Case file, .json or .json.gz; - = stdin.")],
    *,
    time_limit: Annotated[
        str | None, typer.Option("--time-limit", help="Time to decide once the case is loaded: 500ms, 2s, 1m.")
    ] = None,
    work: Annotated[
        int | None, typer.Option("--work", min=1, max=10**9, help="Deterministic work instead of time, in thousandths.")
    ] = None,
    policy: Annotated[str | None, typer.Option("--policy", help="Policy file (TOML) instead of the case's.")] = None,
    seed: Annotated[int | None, typer.Option("--seed", min=0, max=2**53, help="Seed instead of the case's.")] = None,
    warm: Annotated[
        str | None, typer.Option("--warm", metavar="DECISION", help="Go on from this answer to an earlier form of it.")
    ] = None,
    out: Annotated[str | None, typer.Option("--out", help="File for the decision, .json or .json.gz.")] = None,
    journal: Annotated[
        str | None, typer.Option("--journal", metavar="FOLDER", help="Keep case and decision there, for replay.")
    ] = None,
    helpers_at: At = None,
    ray: Ray = None,
    helpers: Count = None,
    output: Annotated[OutputForm, typer.Option("--output", "-o", help="What to print.")] = OutputForm.TABLE,
) -> int:
    """Decide where the pending work of a case runs.

    Without --time-limit and --work the case's own budget holds. With both, --work decides and --time-limit is the
    latest end. Ctrl-C ends the search and gives the best decision so far. With --warm, what still holds of an earlier
    answer is kept unless leaving it gains something; whatever it holds, the new answer is checked like any other.
    """
    limit_s = seconds(time_limit)
    guests = Guests(helpers_at, ray, helpers)
    if out is not None:
        check_writable(out)
    if path == STREAM and warm == STREAM:
        from placement.errors import InputError  # noqa: PLC0415 - with what needs it

        raise InputError("--warm", "both documents come from stdin", "give one of them as a file")
    with deciding() as session:
        # The solver process gets ready meanwhile.
        case = changed(path, policy=policy, seed=seed, work=work)
        before = None if warm is None else _earlier(warm)
        held = None if journal is None else _journal(journal)
        with guests.of(session.workers, wait=True):
            decision = session.decide(case, limit_s, warm=before)
    if held is not None:
        held.keep(case, decision, before)
    if out is not None:
        write_output(out, decision.to_json() + "\n")
    if output is OutputForm.JSON:
        print_text(decision.to_json() + "\n")
    else:
        from placement.cli.table import print_decision  # noqa: PLC0415 - brings rich

        print_decision(decision, case.workloads, case.running)
    return exit_code(case.workloads, decision)


def _earlier(path: str) -> Decision:
    from placement.errors import InputError  # noqa: PLC0415 - loaded by now
    from placement.model import Decision  # noqa: PLC0415

    data = read_input(path)
    limits().check_bytes(len(data), "--warm")
    try:
        return Decision.from_json(data)
    except InputError as error:
        raise InputError(f"--warm: {error.field}", error.problem, error.mend) from None


def _journal(folder: str) -> FolderJournal:
    from placement.errors import InputError  # noqa: PLC0415 - loaded by now
    from placement.journal import FolderJournal  # noqa: PLC0415

    try:
        return FolderJournal(folder)
    except InputError as error:
        raise InputError("--journal", error.problem, error.mend) from None


def exit_code(workloads: Sequence[Workload], decision: Decision) -> int:
    """0 if all pending work is placed (or none was pending), 3 if none is, 4 if some is."""
    placed = {placement.workload for placement in decision.placements}
    waiting = [workload.id for workload in workloads if workload.id not in placed]
    if not waiting:
        return 0
    return 3 if len(waiting) == len(workloads) else 4
