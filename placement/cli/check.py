"""`moorage check`: an independent look at a decision, or at placements from anywhere."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from placement.cli.changes import changed
from placement.cli.streams import STREAM, OutputForm, one_line, print_text, read_input

if TYPE_CHECKING:
    from placement.model import Case

__all__ = ["EXAMPLES", "check"]

EXAMPLES = """\b
Examples:
  moorage check case.json decision.json
  moorage check case.json placements.csv
  moorage solve case.json -o json | moorage check case.json -
\b
A CSV file has the columns workload,replica,node[,devices]: `replica` counts from 0 through the roles of the
workload in their order, `devices` is 0;1;2 (whole devices) or 3:250 (a share of one, in thousandths).
"""


def check(
    path: Annotated[str, typer.Argument(metavar="CASE", help="Case file, .json or .json.gz; - = stdin.")],
    answer: Annotated[str, typer.Argument(metavar="ANSWER", help="Decision (JSON) or placements (CSV); - = stdin.")],
    *,
    policy: Annotated[str | None, typer.Option("--policy", help="As given to solve.")] = None,
    seed: Annotated[int | None, typer.Option("--seed", min=0, max=2**53, help="As given to solve.")] = None,
    work: Annotated[int | None, typer.Option("--work", min=1, max=10**9, help="As given to solve.")] = None,
    output: Annotated[OutputForm, typer.Option("--output", "-o", help="What to print.")] = OutputForm.TABLE,
) -> int:
    """Check an answer against its case, independently of the solver.

    Exit code 0 if it holds, 1 with a list of what it breaks. Of a decision every requirement and every reported
    figure is checked, of a CSV file the requirements.
    """
    from placement.errors import InputError  # noqa: PLC0415 - with what needs it

    if path == STREAM and answer == STREAM:
        raise InputError("ANSWER", "both documents come from stdin", "give one of them as a file")
    case = changed(path, policy=policy, seed=seed, work=work)
    faults, placed = _faults(case, answer)
    if output is OutputForm.JSON:
        print_text(json.dumps({"valid": not faults, "violations": faults}, ensure_ascii=False) + "\n")
    elif faults:
        print(f"invalid: {len(faults)} violation{'s' if len(faults) > 1 else ''}")
        for fault in faults:
            print(f"  {one_line(fault)}")
    else:
        print(f"valid: {placed} of {len(case.workloads)} workloads placed")
    return 1 if faults else 0


def _faults(case: Case, answer: str) -> tuple[tuple[str, ...], int]:
    """What is wrong with the answer, and how many workloads it places. InputError if it cannot be read."""
    from placement.cli.placements_csv import is_csv, parse_placements  # noqa: PLC0415 - brings pydantic
    from placement.model import Decision  # noqa: PLC0415
    from placement.verify import verify, verify_placements  # noqa: PLC0415

    data = read_input(answer)
    if is_csv(answer, data):
        placements = parse_placements(case, data)
        return verify_placements(case, placements), len(placements)
    decision = Decision.from_json(data)
    return verify(case, decision), len(decision.placements)
