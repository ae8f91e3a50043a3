"""`moorage whatif`: decide a case before and after a change, and say what differs."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from placement.cli.changes import changed, limits
from placement.cli.connection import connected
from placement.cli.deciding import deciding, seconds
from placement.cli.edits import PARTS, Adds, Derates, Drains, Edits, Fails, Relabels, Restores, by_option, change_of
from placement.cli.streams import STREAM, OutputForm, check_writable, print_text, write_output

if TYPE_CHECKING:
    from placement.model import Case, Decision
    from placement.whatif import Change, Comparison

    _Wanted = Callable[[], tuple[Change, list[str]]]
    """The change, read when called, as `_change` gives it."""

__all__ = ["EXAMPLES", "whatif"]

EXAMPLES = f"""\b
Examples:
  moorage whatif case.json --drain rack:site-a/b00/l0/r3
  moorage whatif case.json --fail h100-00017 --add hgx:4 --time-limit 5s
  moorage whatif case.json --set policy.price.weight=2 --set tenant.a.quota=64 -o json
  moorage whatif case.json --edits change.json --out-case after.json --out-after decision.json
  moorage whatif --server localhost:50051 --fail rack:site-a/b00/l0/r3
{PARTS}, --set.
\b
NAME of --set: policy.RULE.weight | tier | mode (off drops it) | params.X, tenant.NAME.weight | quota[.MODEL] (GPUs,
or none; so also guaranteed, borrowing_limit, lending_limit), workload.ID.FIELD, running.ID.movable | evictable,
budget.wall_ms | work, seed. ID * means all.
"""


def whatif(
    path: Annotated[
        str | None,
        typer.Argument(metavar="[CASE]", help="Case file, .json or .json.gz; - = stdin. Needed without --server."),
    ] = None,
    *,
    drain: Drains = None,
    fail: Fails = None,
    restore: Restores = None,
    add: Adds = None,
    derate: Derates = None,
    relabel: Relabels = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="Policy, tenant, budget or workload; see below."),
    ] = None,
    edits: Annotated[
        str | None, typer.Option("--edits", metavar="FILE", help='Changes as JSON: {"edits": [...], "set": {...}}.')
    ] = None,
    time_limit: Annotated[
        str | None, typer.Option("--time-limit", help="Time for each of the two: 500ms, 2s, 1m.")
    ] = None,
    work: Annotated[
        int | None, typer.Option("--work", min=1, max=10**9, help="Deterministic work for each instead of time.")
    ] = None,
    out_before: Annotated[str | None, typer.Option("--out-before", help="File for the decision before.")] = None,
    out_after: Annotated[str | None, typer.Option("--out-after", help="File for the decision after.")] = None,
    out_case: Annotated[
        str | None, typer.Option("--out-case", help="File for the changed case, to check or solve.")
    ] = None,
    server: Annotated[
        str | None, typer.Option("--server", metavar="HOST:PORT", help="Ask about the state of a running server.")
    ] = None,
    output: Annotated[OutputForm, typer.Option("--output", "-o", help="What to print.")] = OutputForm.TABLE,
) -> None:
    """Decide a case before and after a change, and compare.

    The answer is what moved, was gained and lost, at what cost. All options but the files may be repeated. What runs
    on a failed part is placed again, or lost. The plan before is where the search after starts. Exit code 0 once both
    sides are decided, whatever could be placed. With --server, fleet and running work are the server's, nothing is
    reserved there, and a CASE gives only what waits: its workloads, tenants, groups, policy and seed.
    """
    limit_s = seconds(time_limit)
    _check_outputs(path, {"--out-before": out_before, "--out-after": out_after, "--out-case": out_case})
    options = Edits(drain=drain, fail=fail, restore=restore, add=add, derate=derate, relabel=relabel)
    wanted = partial(_change, edits, options, settings)
    if server is not None:
        if out_case is not None:
            _refuse("--out-case", "the case is the server's", "leave it out, or ask about a case file")
        comparison, before, after = _ask(server, path, wanted, limit_s, work)
    elif path is None:
        _refuse("CASE", "there is no case to question", "give a case file, or --server HOST:PORT")
    else:
        comparison, before, after = _decide_both(path, wanted, limit_s, work, out_case)
    if out_before is not None:
        write_output(out_before, before.to_json() + "\n", "--out-before")
    if out_after is not None:
        write_output(out_after, after.to_json() + "\n", "--out-after")
    if output is OutputForm.JSON:
        print_text(comparison.model_dump_json() + "\n")
    else:
        from placement.cli.comparison import print_comparison  # noqa: PLC0415 - brings rich

        print_comparison(comparison)


def _refuse(field: str, problem: str, mend: str) -> NoReturn:
    from placement.errors import InputError  # noqa: PLC0415 - with what needs it

    raise InputError(field, problem, mend)


def _decide_both(
    path: str, wanted: _Wanted, limit_s: float | None, work: int | None, out_case: str | None
) -> tuple[Comparison, Decision, Decision]:
    """The comparison for a case file, with the decisions before and after; the changed case goes to `out_case`."""
    with deciding() as session:
        change, origins = wanted()
        case = changed(path, work=work)
        other = _applied(case, change, origins)
        limits().check_case(other)
        before = session.decide(case, limit_s, label="before: placing")
        after = session.decide(other, limit_s, warm=before, label="after: placing")
    from placement.whatif import compare  # noqa: PLC0415 - the engine is there by now

    comparison = compare((case, before), (other, after))
    if out_case is not None:
        write_output(out_case, other.to_json() + "\n", "--out-case")
    return comparison, before, after


def _ask(
    server: str, path: str | None, wanted: _Wanted, limit_s: float | None, work: int | None
) -> tuple[Comparison, Decision, Decision]:
    """The answer of a running server about its own state. Unreachable, DeadlineExceeded, or what it refuses."""
    from placement.errors import InputError  # noqa: PLC0415 - with what needs it

    change, origins = wanted()
    waits: dict[str, Any] = {}
    if path is not None:
        from placement.cli.batch import read_batch  # noqa: PLC0415 - brings pydantic

        batch = read_batch(path)
        waits = {"workloads": batch.workloads, **batch.options}
    with connected(server) as client:
        try:
            found = client.what_if(**waits, edits=change.edits, settings=change.set, max_solve_s=limit_s, work=work)
        except InputError as error:
            raise by_option(error, origins) from None
    return found.comparison, found.before, found.after


def _check_outputs(path: str | None, outputs: dict[str, str | None]) -> None:
    """InputError unless every file can be written, and is neither the case nor another output."""
    from pathlib import Path  # noqa: PLC0415 - with the one below

    from placement.errors import InputError  # noqa: PLC0415 - with what needs it

    taken = {} if path is None or path == STREAM else {Path(path).resolve(): "the case"}
    for option, name in outputs.items():
        if name is None:
            continue
        check_writable(name, option)
        target = Path(name).resolve()
        if name != STREAM and target in taken:
            raise InputError(option, f"{name!r} is {taken[target]} already", "give each document a file of its own")
        taken[target] = f"the file of {option}"


def _change(edits: str | None, options: Edits, settings: list[str] | None) -> tuple[Change, list[str]]:
    """The whole change, and for each edit of the fleet the option (or file and place) that it came from."""
    change, origins = change_of(edits, options, settings)
    if not change.edits and not change.set:
        _refuse("whatif", "nothing is changed", "give at least one of --drain, --fail, --add, --set, --edits")
    return change, origins


def _applied(case: Case, change: Change, origins: list[str]) -> Case:
    """The changed case; an error names the option that it came from."""
    from placement.errors import InputError  # noqa: PLC0415 - with what needs it
    from placement.whatif import apply  # noqa: PLC0415

    try:
        return apply(case, change)
    except InputError as error:
        raise by_option(error, origins) from None
