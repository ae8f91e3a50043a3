"""`moorage topology`: a fleet as a tree, with what is in use and what is ill."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from placement.cli.changes import limits
from placement.cli.streams import STREAM, OutputForm, one_line, print_text, read_input

if TYPE_CHECKING:
    from rich.tree import Tree

    from placement.model import Running
    from placement.report import Occupancy
    from topology.model import Fleet

__all__ = ["EXAMPLES", "SHOW_EXAMPLES", "fleet_of", "show"]

SHOW_EXAMPLES = """\b
Examples:
  moorage topology show case.json
  moorage topology show case.json --part rack:site-a/b00/l0/r3 --depth 9
  moorage topology show fleet.yaml --depth 1 -o json
"""
EXAMPLES = SHOW_EXAMPLES


def show(
    path: Annotated[
        str, typer.Argument(metavar="FILE", help="Case file, or fleet file (.json, .yaml, openb .csv); - = stdin.")
    ],
    *,
    depth: Annotated[int, typer.Option("--depth", min=0, max=17, help="Steps down; the nodes are the last.")] = 3,
    part: Annotated[str | None, typer.Option("--part", metavar="PART", help="Begin at this part of the fleet.")] = None,
    output: Annotated[OutputForm, typer.Option("--output", "-o", help="What to print.")] = OutputForm.TABLE,
) -> None:
    """Show what a fleet is made of, what is in use, and what is ill, domain by domain.

    Used: held by the running work of a case. Free: healthy GPUs on nodes that are neither cordoned nor failed.
    """
    from placement.report import occupancy  # noqa: PLC0415 - --help does without

    fleet, running = fleet_of(path)
    found = occupancy(fleet, running, depth=depth, at=part)
    if output is OutputForm.JSON:
        print_text(found.model_dump_json() + "\n")
        return
    from placement.cli.printing import printed  # noqa: PLC0415 - brings rich

    with printed() as console:
        console.print(_tree(found))


def fleet_of(path: str) -> tuple[Fleet, tuple[Running, ...]]:
    """The fleet of a case or of a fleet file (or stdin), and what runs on it. InputError or TopologyError."""
    from pathlib import Path  # noqa: PLC0415 - with the rest

    from placement.model import Case  # noqa: PLC0415 - brings pydantic
    from placement.model.document import parse_syntax  # noqa: PLC0415
    from topology.sources import find_source, parse_fleet_json  # noqa: PLC0415

    plain_name = path.removesuffix(".gz")
    if path != STREAM and not plain_name.endswith(".json"):
        source = "openb" if plain_name.endswith(".csv") else "fleet"
        return find_source(source).read(Path(path)), ()
    data = read_input(path)
    limits().check_bytes(len(data), "case or fleet")
    text, plain = parse_syntax(data, "case or fleet")
    if isinstance(plain, dict) and "fleet" in plain:
        case = Case.from_json(data)
        limits().check_case(case)
        return case.fleet, case.running
    return parse_fleet_json(text), ()


def _tree(found: Occupancy) -> Tree:
    from rich.tree import Tree  # noqa: PLC0415 - only where it is shown

    tree = Tree(one_line(_line(found)))
    todo = [(tree, found)]
    while todo:
        branch, one = todo.pop()
        todo.extend((branch.add(one_line(_line(inner))), inner) for inner in one.below)
    return tree


def _line(one: Occupancy) -> str:
    """`rack r3: 4 nodes, 25.5 of 32 H100 used (80 %), 6.5 free; 1 degraded; 9,000 of 33,600 W`."""
    head = one.name if one.level == "node" else f"{one.level} {one.name}: {one.nodes} node{'s' * (one.nodes != 1)}"
    figures = []
    if one.gpus:
        share = one.used_gpu_milli / 10 / one.gpus
        figures.append(
            f"{one.used_gpu_milli / 1000:g} of {one.gpus} {one.gpu_model} used ({share:.0f} %), "
            f"{one.free_gpu_milli / 1000:g} free"
        )
    ill = [f"{number} {state}" for state, number in one.health.items() if state != "healthy"]
    if one.level == "node":
        ill = [state for state in one.health if state != "healthy"]
    if one.unhealthy_gpus:
        ill.append(f"{one.unhealthy_gpus} GPU{'s' * (one.unhealthy_gpus != 1)} unhealthy")
    told = [", ".join(figures)] if figures else []
    told += [", ".join(ill)] if ill else []
    if one.cap_w is not None:
        told.append(f"{one.power_w:,} of {one.cap_w:,} W")
    joined = "; ".join(told)
    if not joined:
        return head
    return f"{head}: {joined}" if one.level == "node" else f"{head}, {joined}"
