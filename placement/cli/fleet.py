"""`moorage fleet`: the schema of the fleet file, and whether a file keeps it."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from placement.cli.streams import print_text

__all__ = ["CHECK_EXAMPLES", "EXAMPLES", "SCHEMA_EXAMPLES", "check", "schema"]

SCHEMA_EXAMPLES = """\b
Examples:
  moorage fleet schema > fleet.schema.json
"""
CHECK_EXAMPLES = """\b
Examples:
  moorage fleet check fleet.yaml
  moorage fleet check openb_nodes.csv --source openb
"""
EXAMPLES = """\b
Examples:
  moorage fleet schema > fleet.schema.json
  moorage fleet check fleet.yaml
"""


def schema() -> None:
    """Print the JSON schema of the fleet file."""
    from topology.model import Fleet  # noqa: PLC0415 - --help does without

    print_text(json.dumps(Fleet.model_json_schema(), indent=2, ensure_ascii=False) + "\n")


def check(
    path: Annotated[str, typer.Argument(metavar="FLEET", help="Fleet file, .json or .yaml, also .gz.")],
    source: Annotated[
        str | None, typer.Option("--source", help="Format: fleet or openb; by default openb for a .csv.")
    ] = None,
) -> None:
    """Read a fleet file and print what it describes; exit code 2 names the field and the mend."""
    from pathlib import Path  # noqa: PLC0415 - with the two below

    from topology.fabric import Fabric  # noqa: PLC0415 - --help does without
    from topology.sources import find_source  # noqa: PLC0415 - --help does without

    if source is None:
        source = "openb" if path.removesuffix(".gz").endswith(".csv") else "fleet"
    fabric = Fabric.from_fleet(find_source(source).read(Path(path)))
    levels = " > ".join(level.name for level in fabric.levels) or "none"
    models = ", ".join(fabric.gpu_models) or "none"
    print(
        f"valid: fleet {fabric.fleet.name} of {len(fabric.nodes)} nodes and {int(fabric.gpu_count.sum())} GPUs "
        f"({models}); levels {levels}; version {fabric.version[:12]}"
    )
