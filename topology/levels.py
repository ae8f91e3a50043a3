"""Partitions of the nodes: one per nested level, one per node, one per power feed.

A domain is named by its path of labels, so rack ``r1`` of block ``b1`` and rack ``r1`` of block ``b2``
are two domains, ``b1/r1`` and ``b2/r1``. A node without a label at a level is alone in its domain there
and, because the levels are nested, alone at every finer level too; that domain is named by the labels
above it and ``~`` with the id of the node, for example ``b1/~node-7``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "FEED",
    "FLEET",
    "NODE",
    "RESERVED_LEVEL_NAMES",
    "SINGLETON_MARK",
    "Partition",
    "build_partitions",
    "nested_domain_names",
]

NODE = "node"
FEED = "feed"
FLEET = "fleet"
RESERVED_LEVEL_NAMES = (NODE, FEED, FLEET)
SINGLETON_MARK = "~"


@dataclass(frozen=True, eq=False)
class Partition:
    """A division of the N nodes into D domains; every node is in exactly one.

    Attributes:
        name: a level name, ``node`` or ``feed``.
        domain_of: int64[N], read-only: the domain of each node, an index into ``domain_names``.
        domain_names: the D names, sorted, each with at least one node.
        nested: true if each domain lies inside one domain of the partition before it.
    """

    name: str
    domain_of: NDArray[np.int64]
    domain_names: tuple[str, ...]
    nested: bool

    def __post_init__(self) -> None:
        """Take a private read-only copy of the array."""
        rows = np.array(self.domain_of, dtype=np.int64)
        rows.setflags(write=False)
        object.__setattr__(self, "domain_of", rows)

    def __reduce__(self) -> tuple[type[Partition], tuple[object, ...]]:
        """Rebuild through the constructor: a plain pickle would lose the read-only flag of the array."""
        return Partition, (self.name, np.asarray(self.domain_of), self.domain_names, self.nested)


def nested_domain_names(
    level_names: Sequence[str], node_ids: Sequence[str], paths: Sequence[Mapping[str, str]]
) -> dict[str, list[str]]:
    """Name the domain of every node at every level: level name -> N domain names.

    ``level_names`` run from coarse to fine; ``paths[i]`` maps level names to labels for ``node_ids[i]``.
    """
    names: dict[str, list[str]] = {level: [] for level in level_names}
    for node_id, path in zip(node_ids, paths, strict=True):
        prefix = ""
        alone = False
        for level in level_names:
            label = path.get(level)
            if not alone:
                alone = label is None
                prefix += ("/" if prefix else "") + (SINGLETON_MARK + node_id if label is None else label)
            names[level].append(prefix)
    return names


def build_partitions(
    level_names: Sequence[str],
    node_ids: Sequence[str],
    paths: Sequence[Mapping[str, str]],
    feeds: Sequence[str | None],
) -> tuple[Partition, ...]:
    """Return the partitions, coarse to fine: one per level, ``node``, then ``feed`` if any node has one.

    Node rows follow ``node_ids``, which must be sorted. A node without a feed is alone in its feed domain.
    """
    names = nested_domain_names(level_names, node_ids, paths)
    partitions = [_partition(level, names[level], nested=True) for level in level_names]
    partitions.append(_partition(NODE, node_ids, nested=True))
    if any(feed is not None for feed in feeds):
        pairs = zip(feeds, node_ids, strict=True)
        feed_names = [SINGLETON_MARK + node_id if feed is None else feed for feed, node_id in pairs]
        partitions.append(_partition(FEED, feed_names, nested=False))
    return tuple(partitions)


def _partition(name: str, names: Sequence[str], *, nested: bool) -> Partition:
    """Number the domains of one partition in the order of their names."""
    domain_names = tuple(sorted(set(names)))
    number = {domain: row for row, domain in enumerate(domain_names)}
    domain_of = np.fromiter((number[domain] for domain in names), dtype=np.int64, count=len(names))
    return Partition(name, domain_of, domain_names, nested)
