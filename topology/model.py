"""The fleet document: what a cluster is made of, as one file that a person can write and a program can check.

Its JSON schema is ``Fleet.model_json_schema()``. Validation needs no solver and stops at the first fault of
the whole, naming the field and the mend. Limits: one GPU model per node, 1000 milli per healthy GPU, no MIG.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import Annotated, Self

from pydantic import Field, model_validator

from topology.elements import (
    Health,
    Label,
    Level,
    Link,
    Name,
    Node,
    PowerCap,
    Site,
    Taint,
    Text,
    TopologyModel,
    Window,
    first_duplicate,
)
from topology.errors import TopologyError
from topology.levels import FEED, FLEET, NODE, SINGLETON_MARK, nested_domain_names

__all__ = [
    "Fleet",
    "Health",
    "Label",
    "Level",
    "Link",
    "Name",
    "Node",
    "PowerCap",
    "Site",
    "Taint",
    "Text",
    "Window",
]


class Fleet(TopologyModel):
    """A whole fleet: its levels from coarse to fine, its nodes, and what is known of power and energy.

    Validation also checks what no part can check alone: unique names, paths that use only known levels, and
    links, caps and sites that refer to something that exists. A fault raises a pydantic ValidationError,
    which ``topology.errors.topology_error`` turns into one line.
    """

    # Not Literal[1]: pydantic would take a JSON true for it.
    schema_version: Annotated[int, Field(ge=1, le=1)] = 1
    name: Name
    levels: Annotated[tuple[Level, ...], Field(max_length=16)]
    nodes: Annotated[tuple[Node, ...], Field(max_length=2**17)]
    links: Annotated[tuple[Link, ...], Field(max_length=2**20)] = ()
    power_caps: Annotated[tuple[PowerCap, ...], Field(max_length=2**20)] = ()
    sites: Annotated[tuple[Site, ...], Field(max_length=2**12)] = ()
    default_site: Name | None = None

    @property
    def level_names(self) -> tuple[str, ...]:
        """The names of the levels, coarse to fine."""
        return tuple(level.name for level in self.levels)

    def domain_names(self) -> dict[str, frozenset[str]]:
        """Return the names of all domains: partition name -> names, with ``node`` and, if used, ``feed``."""
        ids = [node.id for node in self.nodes]
        nested = nested_domain_names(self.level_names, ids, [node.path for node in self.nodes])
        names = {level: frozenset(domains) for level, domains in nested.items()}
        names[NODE] = frozenset(ids)
        if any(node.feed is not None for node in self.nodes):
            names[FEED] = frozenset(SINGLETON_MARK + node.id if node.feed is None else node.feed for node in self.nodes)
        return names

    def canonical(self) -> Fleet:
        """Return the same fleet with every list whose order means nothing sorted, and every mapping too.

        Two fleets that differ only in such an order have equal canonical forms, byte for byte in JSON.
        """
        links = (link.model_copy(update={"a": min(link.a, link.b), "b": max(link.a, link.b)}) for link in self.links)
        return self.model_copy(
            update={
                "nodes": tuple(sorted(map(_canonical_node, self.nodes), key=lambda node: node.id)),
                "links": tuple(sorted(links, key=lambda link: (link.a, link.b))),
                "power_caps": tuple(sorted(self.power_caps, key=lambda cap: (cap.partition, cap.domain))),
                "sites": tuple(sorted(self.sites, key=lambda site: site.name)),
            }
        )

    @model_validator(mode="after")
    def _check(self) -> Self:
        self._check_names()
        self._check_paths()
        self._check_sites()
        if self.links or self.power_caps:
            domains = self.domain_names()
            self._check_links(domains)
            self._check_caps(domains)
        return self

    def _check_names(self) -> None:
        _refuse_duplicate("levels", "name", [level.name for level in self.levels])
        _refuse_duplicate("nodes", "id", [node.id for node in self.nodes])
        _refuse_duplicate("sites", "name", [site.name for site in self.sites])
        _refuse_duplicate("power_caps", "domain", [(cap.partition, cap.domain) for cap in self.power_caps])
        _refuse_duplicate("links", "b", [tuple(sorted((link.a, link.b))) for link in self.links])

    def _check_paths(self) -> None:
        known = set(self.level_names)
        # A node id of this form could not be told from a domain in a link or in the graph.
        prefixes = tuple(f"{name}:" for name in (*self.level_names, FLEET))
        for row, node in enumerate(self.nodes):
            if not known.issuperset(node.path):
                level = next(level for level in node.path if level not in known)
                raise TopologyError(
                    f"nodes[{row}].path.{level}",
                    f"node {node.id!r} has a label at {level!r}, which is not a level",
                    f"add the level or use one of: {_listed(self.level_names)}",
                )
            if node.id.startswith(prefixes):
                raise TopologyError(
                    f"nodes[{row}].id",
                    f"{node.id!r} starts like the name of a domain ('level:')",
                    "choose an id without that prefix",
                )

    def _check_sites(self) -> None:
        names = {site.name for site in self.sites}
        if self.default_site is not None and self.default_site not in names:
            raise TopologyError("default_site", f"{self.default_site!r} is not a site", f"use one of: {_listed(names)}")
        if not self.sites or self.default_site is not None:
            return
        first = self.levels[0].name if self.levels else None
        for row, node in enumerate(self.nodes):
            label = node.path.get(first) if first is not None else None
            if label not in names:
                place = "no site" if label is None else f"{first} {label!r}"
                raise TopologyError(
                    f"nodes[{row}].path",
                    f"node {node.id!r} is in {place}, which has no energy figures",
                    "add that site to sites, or set default_site",
                )

    def _check_links(self, domains: dict[str, frozenset[str]]) -> None:
        for row, link in enumerate(self.links):
            if link.a == link.b:
                raise TopologyError(f"links[{row}].b", f"{link.b!r} is linked to itself", "name two different ends")
            for field, end in (("a", link.a), ("b", link.b)):
                if end in domains[NODE]:
                    continue
                level, colon, domain = end.partition(":")
                if not colon or level not in self.level_names or domain not in domains[level]:
                    known = {f"{level}:{name}" for name in domains.get(level, ())} if colon else domains[NODE]
                    raise TopologyError(
                        f"links[{row}].{field}",
                        f"{end!r} is neither a node id nor 'level:domain'",
                        _suggest(end, known, "name an end that exists"),
                    )

    def _check_caps(self, domains: dict[str, frozenset[str]]) -> None:
        for row, cap in enumerate(self.power_caps):
            if cap.partition not in domains:
                raise TopologyError(
                    f"power_caps[{row}].partition",
                    f"there is no partition {cap.partition!r}",
                    f"use one of: {_listed(domains)}",
                )
            if cap.domain not in domains[cap.partition]:
                raise TopologyError(
                    f"power_caps[{row}].domain",
                    f"there is no {cap.partition} {cap.domain!r}",
                    _suggest(cap.domain, domains[cap.partition], "name a domain by its whole path of labels"),
                )


def _canonical_node(node: Node) -> Node:
    """Sort what has no order of its own within a node."""
    return node.model_copy(
        update={
            "path": dict(sorted(node.path.items())),
            "labels": dict(sorted(node.labels.items())),
            "unhealthy_gpus": tuple(sorted(node.unhealthy_gpus)),
            "taints": tuple(sorted(node.taints, key=lambda taint: (taint.key, taint.value))),
            "maintenance": tuple(sorted(node.maintenance, key=lambda window: (window.start_s, window.end_s))),
        }
    )


def _refuse_duplicate(field: str, key: str, names: Sequence[str] | Sequence[tuple[str, ...]]) -> None:
    """Raise for the second of two equal names, pointing at its place in the list."""
    if (again := first_duplicate(names)) is not None:
        second = names.index(again, names.index(again) + 1)
        shown = again if isinstance(again, str) else " ".join(again)
        raise TopologyError(f"{field}[{second}].{key}", f"{shown!r} occurs twice", "keep one, or rename one")


def _listed(names: Iterable[str]) -> str:
    """List the names for a message, sorted only if they have no order."""
    ordered = names if isinstance(names, tuple) else sorted(names)
    return ", ".join(ordered) or "(none)"


def _suggest(wrong: str, known: Iterable[str], mend: str) -> str:
    """Add the closest known names to a mend."""
    close = get_close_matches(wrong, sorted(known), n=3)
    return f"{mend}, such as {', '.join(close)}" if close else mend
