"""Parts of a fleet by the name that a person gives them: a node, or all nodes of a domain."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches

from topology.errors import TopologyError
from topology.levels import FEED, NODE, SINGLETON_MARK, nested_domain_names
from topology.model import Node

__all__ = ["Part", "Parts", "suggest"]

_SHOWN = 4
"""Names offered in a message."""


@dataclass(frozen=True)
class Part:
    """Nodes that belong together.

    Attributes:
        partition: a level name, ``node`` or ``feed``.
        domain: the name of the domain within it.
        nodes: ids of its nodes, at least one, in the order of the fleet.
    """

    partition: str
    domain: str
    nodes: tuple[str, ...]

    def __str__(self) -> str:
        """The name that finds it again: ``rack:site-a/b1/r3``, or the id of a node."""
        return self.domain if self.partition == NODE else f"{self.partition}:{self.domain}"


class Parts:
    """All parts of a fleet, found by name; built once and asked often."""

    def __init__(self, level_names: tuple[str, ...], nodes: Iterable[Node]) -> None:
        """Index the domains of ``nodes``; ``level_names`` run from coarse to fine."""
        held = tuple(nodes)
        ids = [node.id for node in held]
        self._ids = frozenset(ids)
        members: dict[str, dict[str, list[str]]] = {level: {} for level in level_names}
        for level, names in nested_domain_names(level_names, ids, [node.path for node in held]).items():
            for node_id, name in zip(ids, names, strict=True):
                members[level].setdefault(name, []).append(node_id)
        feeds: dict[str, list[str]] = {}
        for node in held:
            if node.feed is not None:
                feeds.setdefault(node.feed, []).append(node.id)
        if feeds:
            members[FEED] = feeds
        self._members = members

    def find(self, name: str, field: str = "part") -> Part:
        """Return the part of that name.

        A name is a node id; ``level:domain`` with the whole path of labels, ``rack:site-a/b1/r3``; ``feed:NAME``;
        or the end of such a path, with or without its level (``rack:r3``, ``b1/r3``, ``r3``), where only one domain
        ends so. A TopologyError for ``field`` names the candidates, or the nearest names.
        """
        if name in self._ids:
            return Part(NODE, name, (name,))
        level, colon, rest = name.partition(":")
        if colon and level == NODE and rest in self._ids:
            return Part(NODE, rest, (rest,))
        if colon and level in self._members:
            exact = self._members[level].get(rest)
            if exact is not None:
                return Part(level, rest, tuple(exact))
            found = [(level, domain) for domain in self._ends(level, rest)]
        else:
            found = [(level, domain) for level in self._members for domain in self._ends(level, name)]
        if len(found) == 1:
            partition, domain = found[0]
            return Part(partition, domain, tuple(self._members[partition][domain]))
        if found:
            shown = ", ".join(f"{level}:{domain}" for level, domain in found[:_SHOWN])
            more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
            raise TopologyError(field, f"{name!r} can be any of {shown}{more}", "write the whole path of one of them")
        raise TopologyError(field, f"the fleet has no node and no domain {name!r}", self._mend(name))

    def _ends(self, level: str, name: str) -> list[str]:
        """The domains of a level whose path of labels ends in ``name``."""
        tail = f"/{name}"
        return [domain for domain in self._members[level] if domain == name or domain.endswith(tail)]

    def _mend(self, name: str) -> str:
        """Offer the nearest names: ids, whole names of domains, and the domains whose last label is near."""
        known = dict.fromkeys(sorted(self._ids))
        lasts: dict[str, str] = {}
        for level, domains in self._members.items():
            for domain in domains:
                last = domain.rsplit("/", maxsplit=1)[-1]
                if not last.startswith(SINGLETON_MARK):
                    known[f"{level}:{domain}"] = None
                    lasts.setdefault(last, f"{level}:{domain}")
        close = get_close_matches(name, known, n=_SHOWN)
        if not close:
            last = name.rpartition(":")[2].rsplit("/", maxsplit=1)[-1]
            close = [lasts[label] for label in get_close_matches(last, lasts, n=_SHOWN)]
        if close:
            return f"did you mean {', '.join(close)}?"
        levels = ", ".join(f"{level}:NAME" for level in self._members)
        return f"write a node id{' or ' if levels else ''}{levels}"


def suggest(wrong: str, known: Iterable[str], mend: str) -> str:
    """Extend a mend by the known names that are nearest to a wrong one."""
    close = get_close_matches(wrong, sorted(known), n=_SHOWN)
    return f"{mend}; did you mean {', '.join(close)}?" if close else mend
