"""`moorage case`: case files from a trace or from a synthetic fleet."""

from __future__ import annotations

import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from placement.cli.streams import STREAM, check_writable, one_line, write_output

if TYPE_CHECKING:
    from placement.model import Case

__all__ = ["EXAMPLES", "OPENB_EXAMPLES", "SYNTH_EXAMPLES", "FleetChoice", "openb", "synth"]

OPENB_EXAMPLES = """\b
Examples:
  moorage case openb --nodes nodes.csv.gz --pods pods.csv.gz --fill 0.85 --pending 200 --out case.json
  moorage case openb --nodes nodes.csv --pods pods.csv --fill 0.95 --pending 1000 --seed 7 --out case.json.gz
"""
SYNTH_EXAMPLES = """\b
Examples:
  moorage case synth --fleet hgx --nodes 64 --occupancy 0.7 --pending 30 --out case.json
  moorage case synth --fleet mixed --nodes 1024 --occupancy 0.8 --pending 200 --seed 3 --out - | moorage solve -
"""
EXAMPLES = SYNTH_EXAMPLES
_Out = Annotated[str, typer.Option("--out", help="Case file to write, .json or .json.gz; - = stdout.")]
_Pending = Annotated[int, typer.Option("--pending", min=0, help="Workloads that wait for a place.")]
_Seed = Annotated[int, typer.Option("--seed", min=0, help="The same seed gives the same case.")]


class FleetChoice(StrEnum):
    """Kinds of synthetic fleets."""

    HGX = "hgx"
    NVL72 = "nvl72"
    MIXED = "mixed"


def openb(
    *,
    nodes: Annotated[str, typer.Option("--nodes", help="Node list of the openb trace, .csv or .csv.gz.")],
    pods: Annotated[str, typer.Option("--pods", help="Pod list of the openb trace, .csv or .csv.gz.")],
    out: _Out,
    fill: Annotated[float, typer.Option("--fill", help="Share of the GPUs in use, 0 to 1.")] = 0.85,
    pending: _Pending = 200,
    seed: _Seed = 0,
    mix: Annotated[
        str | None, typer.Option("--mix", help="Pod list whose mix the policy expects (rule left_value).")
    ] = None,
) -> None:
    """Fill the fleet of the openb trace by best-fit in arrival order; the next arrivals are pending.

    Seed 0 keeps the order of the pod list, any other seed shuffles it.
    """
    check_writable(out)
    from placement.cases.openb import openb_case  # noqa: PLC0415 - --help does without

    made = openb_case(nodes, pods, fill=fill, pending=pending, seed=seed, mix=mix)
    _write(made.case, out, made.notes)


def synth(
    *,
    fleet: Annotated[FleetChoice, typer.Option("--fleet", help="Kind of fleet.")],
    nodes: Annotated[int, typer.Option("--nodes", help="Number of nodes, 16 to 131072.")],
    out: _Out,
    occupancy: Annotated[float, typer.Option("--occupancy", help="Share of the GPUs in use, 0 to 0.95.")] = 0.8,
    pending: _Pending = 20,
    seed: _Seed = 0,
    preemption: Annotated[
        bool, typer.Option("--preemption", help="Let some of the running work be moved or evicted.")
    ] = False,
) -> None:
    """Make a seeded synthetic fleet, partly used, with more pending work than fits."""
    check_writable(out)
    from placement.cases.synth import synth_case  # noqa: PLC0415 - --help does without

    case = synth_case(fleet.value, nodes, occupancy, pending, seed, preemption=preemption)
    short = len(case.workloads) < pending
    notes = (f"only {len(case.workloads)} of {pending} pending workloads could be made",) if short else ()
    _write(case, out, notes)


def _write(case: Case, out: str, notes: tuple[str, ...]) -> None:
    """The file, the notes on stderr, one line of summary on stdout (on stderr where stdout is the file)."""
    write_output(out, case.to_json() + "\n")
    for note in notes:
        sys.stderr.write(f"note: {one_line(note)}\n")
    gpus = sum(node.gpu_count for node in case.fleet.nodes)
    stream = sys.stderr if out == STREAM else sys.stdout
    stream.write(
        f"{one_line(out)}: fleet {case.fleet.name} of {len(case.fleet.nodes)} nodes and {gpus} GPUs, "
        f"{len(case.running)} workloads running, {len(case.workloads)} pending, seed {case.seed}\n"
    )
