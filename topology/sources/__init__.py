"""Where fleets come from: one parser per file format, all of them in the tuple ``SOURCES``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from topology.errors import TopologyError
from topology.model import Fleet
from topology.sources.fleet_file import parse_fleet_json, parse_fleet_yaml, read_fleet
from topology.sources.openb import RANK_LABEL, read_openb_nodes

__all__ = [
    "RANK_LABEL",
    "SOURCES",
    "Source",
    "find_source",
    "parse_fleet_json",
    "parse_fleet_yaml",
    "read_fleet",
    "read_openb_nodes",
]


@dataclass(frozen=True)
class Source:
    """A file format that fleets can be read from: its name, what it is, and its parser."""

    name: str
    summary: str
    read: Callable[[Path], Fleet]


SOURCES: tuple[Source, ...] = (
    Source("fleet", "fleet document, .json or .yaml, also .gz", read_fleet),
    Source("openb", "node list of the openb trace, .csv, also .gz; nodes with GPUs only", read_openb_nodes),
)


def find_source(name: str) -> Source:
    """Return the source of that name; raise a TopologyError that lists the known ones."""
    for source in SOURCES:
        if source.name == name:
            return source
    known = ", ".join(source.name for source in SOURCES)
    raise TopologyError("source", f"there is no source {name!r}", f"use one of: {known}")
