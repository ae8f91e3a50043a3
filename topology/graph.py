"""The fabric as a NetworkX graph: a tree of domains with the nodes as leaves, and measured links across."""

from __future__ import annotations

from collections.abc import Sequence

import networkx as nx
import numpy as np

from topology.levels import FLEET, NODE, Partition
from topology.model import Fleet

__all__ = ["build_graph"]


def build_graph(fleet: Fleet, partitions: Sequence[Partition]) -> nx.Graph[str]:
    """Build the graph of a fleet; the result is frozen.

    Vertices are ``fleet:<name>`` (the root), ``<level>:<domain>`` and node ids, with the attributes ``kind``
    (``fleet``, ``domain`` or ``node``), ``level`` and ``nodes`` (how many nodes lie below). Edges have
    ``kind`` (``uplink`` or ``link``), ``latency_us`` and ``bandwidth_gbps`` per node.

    The uplink of a domain carries the figures of its level, which hold for traffic that crosses that level.
    So the latency of a path along the tree is the largest on it, not the sum, and its bandwidth the smallest.
    The uplink of a node to its finest domain has latency 0 and no ``bandwidth_gbps`` (NetworkX reads a
    missing capacity as unlimited): the document has no figures within a finest domain, unless a link does.
    """
    graph: nx.Graph[str] = nx.Graph(name=fleet.name)
    root = f"{FLEET}:{fleet.name}"
    graph.add_node(root, kind=FLEET, level=FLEET, nodes=len(fleet.nodes))
    parents = [root] * len(fleet.nodes)
    figures = {level.name: level for level in fleet.levels}
    for partition in partitions:
        if not partition.nested:
            continue
        count = len(partition.domain_names)
        below = np.bincount(partition.domain_of, minlength=count)
        _, first_rows = np.unique(partition.domain_of, return_index=True)
        level = figures.get(partition.name)
        if level is None:
            vertices = list(partition.domain_names)
        else:
            vertices = [f"{level.name}:{domain}" for domain in partition.domain_names]
        for domain in range(count):
            vertex, parent = vertices[domain], parents[int(first_rows[domain])]
            kind = NODE if level is None else "domain"
            graph.add_node(vertex, kind=kind, level=partition.name, nodes=int(below[domain]))
            if level is None:
                graph.add_edge(vertex, parent, kind="uplink", latency_us=0)
            else:
                graph.add_edge(
                    vertex,
                    parent,
                    kind="uplink",
                    latency_us=level.latency_us,
                    bandwidth_gbps=level.bandwidth_gbps,
                )
        parents = [vertices[int(domain)] for domain in partition.domain_of]
    for link in fleet.links:
        kind = "uplink" if graph.has_edge(link.a, link.b) else "link"
        graph.add_edge(link.a, link.b, kind=kind, latency_us=link.latency_us, bandwidth_gbps=link.bandwidth_gbps)
    frozen: nx.Graph[str] = nx.freeze(graph)
    return frozen
