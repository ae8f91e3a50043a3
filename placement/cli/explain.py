"""`moorage explain`: why one workload of a decision is not placed or does not grow, and what would help."""

from __future__ import annotations

import json
import time
from typing import Annotated

import typer

from placement.cli.changes import changed
from placement.cli.deciding import deciding, seconds
from placement.cli.streams import OutputForm, print_text

__all__ = ["EXAMPLES", "explain"]

EXAMPLES = """\b
Examples:
  moorage explain case.json decision.json --workload job-000006
  moorage explain case.json decision.json --workload job-000006 --time-limit 10s -o json
"""


def explain(
    path: Annotated[str, typer.Argument(metavar="CASE", help="Case file, .json or .json.gz; - = stdin.")],
    answer: Annotated[str, typer.Argument(metavar="DECISION", help="The decision of `moorage solve --out`.")],
    *,
    workload: Annotated[list[str], typer.Option("--workload", help="A pending or running workload; repeatable.")],
    policy: Annotated[str | None, typer.Option("--policy", help="As given to solve.")] = None,
    seed: Annotated[int | None, typer.Option("--seed", min=0, max=2**53, help="As given to solve.")] = None,
    work: Annotated[int | None, typer.Option("--work", min=1, max=10**9, help="As given to solve.")] = None,
    time_limit: Annotated[str, typer.Option("--time-limit", help="Time for each workload: 500ms, 5s, 1m.")] = "5s",
    output: Annotated[OutputForm, typer.Option("--output", "-o", help="What to print.")] = OutputForm.TABLE,
) -> int:
    """Say why a workload is not placed, and what would let it in.

    The answer names the rules and the running work that keep it out. Every cause is shown to be necessary by a
    placement that exists without it, and every repair was tried. Where the workload fits and the best plan leaves it
    out, the answer is a price. Of running work it says what keeps it from having all replicas that it wants.
    """
    limit_s = seconds(time_limit) or 5.0
    with deciding() as session:
        case = changed(path, policy=policy, seed=seed, work=work)
        from placement.diagnosis import diagnose, sentences  # noqa: PLC0415 - after the start of the process
        from placement.model import read_decision  # noqa: PLC0415
        from placement.snapshot import Snapshot  # noqa: PLC0415

        decision, snapshot = read_decision(answer), Snapshot.of(case)
        workers = session.ready()
        found = [
            diagnose(snapshot, decision, name, clock=time.monotonic, workers=workers, seconds=limit_s)
            for name in workload
        ]
    if output is OutputForm.JSON:
        disturbed = {
            name: [one.model_dump(mode="json") for one in getattr(decision, name)]
            for name in ("moves", "evictions", "shrinks")
        }
        told = disturbed | {"certificates": [one.model_dump(mode="json") for one in found]}
        print_text(json.dumps(told) + "\n")
    else:
        print_text("\n".join("\n".join(sentences(one)) for one in found) + "\n")
    return 0
