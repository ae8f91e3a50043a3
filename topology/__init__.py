"""What is there: the fleet document, and the immutable fabric compiled from it.

This package knows nothing of workloads and nothing of solvers. See ``topology/README.md``.
"""

from __future__ import annotations

from topology.errors import TopologyError, topology_error
from topology.fabric import Fabric
from topology.levels import FEED, NODE, Partition
from topology.model import Fleet, Health, Level, Link, Node, PowerCap, Site, Taint, Window
from topology.sources import SOURCES, Source, find_source, read_fleet, read_openb_nodes
from topology.synth import FleetKind, synth_fleet

__all__ = [
    "FEED",
    "NODE",
    "SOURCES",
    "Fabric",
    "Fleet",
    "FleetKind",
    "Health",
    "Level",
    "Link",
    "Node",
    "Partition",
    "PowerCap",
    "Site",
    "Source",
    "Taint",
    "TopologyError",
    "Window",
    "find_source",
    "read_fleet",
    "read_openb_nodes",
    "synth_fleet",
    "topology_error",
]
