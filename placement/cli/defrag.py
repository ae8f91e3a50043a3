"""`moorage defrag`: free whole domains by moving running work, as an ordered list of safe steps."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated

import typer

from placement.cli.changes import changed
from placement.cli.deciding import deciding, seconds
from placement.cli.streams import OutputForm, check_writable, print_text, write_output

if TYPE_CHECKING:
    from placement.model import Case, Decision, Placement

__all__ = ["EXAMPLES", "defrag"]

EXAMPLES = """\b
Examples:
  moorage defrag case.json --free rack:site-a/b00/l0/r3
  moorage defrag case.json --free rack=2 --max-moves 10 --budget research=1 --time-limit 5s
  moorage defrag case.json --free h100-00003 --free h100-00017         # repair: off the failed nodes
  moorage defrag case.json --free rack=4 --value 12.5 -o json          # USD per hour of a free rack
\b
PART is a node id or a domain (rack:site-a/b1/r3, or its end where only one domain ends so), all of one level;
LEVEL=COUNT stands for any so many domains, those that are free already included; so does LEVEL:COUNT where no domain
of the level has that name.
"""
_BUDGET = re.compile(r"(?P<tenant>.+)=(?P<most>\d{1,7})")


def defrag(
    path: Annotated[str, typer.Argument(metavar="CASE", help="Case file, .json or .json.gz; - = stdin.")],
    *,
    free: Annotated[
        list[str] | None, typer.Option("--free", metavar="PART|LEVEL=COUNT", help="What shall hold no work.")
    ] = None,
    max_moves: Annotated[
        int | None, typer.Option("--max-moves", min=0, max=10**6, help="Most steps, hence most workloads moved.")
    ] = None,
    budget: Annotated[
        list[str] | None, typer.Option("--budget", metavar="TENANT=N", help="Most workloads of a tenant moved.")
    ] = None,
    value: Annotated[
        str | None, typer.Option("--value", help="Worth of a freed domain in USD per hour; none = whatever it takes.")
    ] = None,
    time_limit: Annotated[str | None, typer.Option("--time-limit", help="Time to decide: 500ms, 5s, 1m.")] = None,
    work: Annotated[
        int | None, typer.Option("--work", min=1, max=10**9, help="Deterministic work instead of time.")
    ] = None,
    out: Annotated[str | None, typer.Option("--out", help="File for the steps, .json or .json.gz.")] = None,
    output: Annotated[OutputForm, typer.Option("--output", "-o", help="What to print.")] = OutputForm.TABLE,
) -> int:
    """Free nodes, racks or other domains by moving running work.

    Only what is marked movable moves, in steps that may stop at any point. Pending work is left out; nothing is
    evicted. Exit code 0 if all that was asked for is free in the end, 4 if some of it, 3 if none. Where limits stand
    in the way, a second search of the same time says what it would take.
    """
    limit_s = seconds(time_limit)
    if out is not None:
        check_writable(out)
    with deciding() as session:
        from placement.defrag import plan, read_goal  # noqa: PLC0415 - the solver process gets ready meanwhile

        case = changed(path, work=work)
        goal = read_goal(case, free or ())

        def decide(asked: Case, start: tuple[Placement, ...]) -> Decision:
            return session.decide(asked, limit_s, start=start, label="freeing:")

        told = plan(
            case,
            goal,
            decide,
            max_moves=max_moves,
            budgets=_budgets(budget or []),
            value_micro_usd_h=_micro_usd(value),
        )
    if out is not None:
        write_output(out, told.model_dump_json() + "\n")
    if output is OutputForm.JSON:
        print_text(told.model_dump_json() + "\n")
    else:
        from placement.cli.defragmentation import print_defragmentation  # noqa: PLC0415 - brings rich

        print_defragmentation(told)
    if told.reached:
        return 0
    return 4 if told.free_after else 3


def _budgets(texts: list[str]) -> dict[str, int]:
    from placement.errors import InputError  # noqa: PLC0415 - with what needs it

    found: dict[str, int] = {}
    for text in texts:
        parsed = _BUDGET.fullmatch(text)
        if parsed is None:
            raise InputError("--budget", f"{text!r} is no budget", "write TENANT=N")
        if parsed["tenant"] in found:
            raise InputError("--budget", f"tenant {parsed['tenant']!r} is given twice", "give it once")
        found[parsed["tenant"]] = int(parsed["most"])
    return found


def _micro_usd(value: str | None) -> int | None:
    from placement.errors import InputError  # noqa: PLC0415 - with what needs it
    from placement.units import micro_usd  # noqa: PLC0415

    if value is None:
        return None
    try:
        micro = micro_usd(value)
    except InputError as error:
        raise InputError("--value", error.problem, "write USD per hour, such as 12.5") from None
    if micro <= 0:
        raise InputError("--value", f"{value!r} buys no move", "write USD per hour, such as 12.5")
    return micro
