"""Changes of a fleet: drain, fail, restore, add, derate, relabel. Each gives a new fleet; none changes one.

What an edit means for running work is said here and done by ``placement.whatif``: a drained node takes nothing new
and keeps what runs on it; what runs on a failed node has lost its place.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Annotated, Literal, Self, TypeAlias

from pydantic import Field, StringConstraints, ValidationError, model_validator

from topology.elements import TopologyModel
from topology.errors import TopologyError, topology_error
from topology.levels import NODE, nested_domain_names
from topology.model import Fleet, Health, Label, Name, Node, PowerCap, Text
from topology.parts import Part, Parts, suggest
from topology.synth import SHAPES, Shape

__all__ = ["Add", "Derate", "Drain", "Edit", "Fail", "Relabel", "Restore", "apply"]

PartName = Annotated[str, StringConstraints(min_length=1, max_length=4096)]


class Drain(TopologyModel):
    """The nodes of a part become ``cordoned``: nothing new may start there, what runs may stay. A failed node stays so.

    That nothing starts is the word of the policy's ``health`` rule, which admits no work on cordoned nodes by default.
    """

    op: Literal["drain"] = "drain"
    part: PartName


class Fail(TopologyModel):
    """The nodes of a part become ``failed``: they are gone for work, and what runs there has lost its place."""

    op: Literal["fail"] = "fail"
    part: PartName


class Restore(TopologyModel):
    """The nodes of a part become ``healthy`` again; GPUs marked unhealthy stay so."""

    op: Literal["restore"] = "restore"
    part: PartName


class Add(TopologyModel):
    """New healthy nodes, ids ``KIND-addN-0000`` and on, on no power feed and under no cap of their own.

    ``kind`` is a reference shape (``topology.synth.SHAPES``: hgx, nvl72, a100, l40s, cpu) or the id of a node whose
    hardware, labels and taints are copied. They stand in new domains: under the most populous label of the first
    level, then racks, leaves and blocks as large as those of the shape (a copied node: one domain for all). ``at``
    names a part to put them into instead; only the levels below it are new.
    """

    op: Literal["add"] = "add"
    kind: Name
    count: Annotated[int, Field(ge=1, le=16_384)]
    at: PartName | None = None


class Derate(TopologyModel):
    """A part offers less: exactly one of the three is given.

    Attributes:
        power_percent: its power cap falls to this share; without a cap, to this share of its peak draw.
        power_w: its power cap becomes so many watts.
        gpus: each of its nodes keeps at most so many healthy GPUs; those of the highest index go.
    """

    op: Literal["derate"] = "derate"
    part: PartName
    power_percent: Annotated[int, Field(ge=0, le=100)] | None = None
    power_w: Annotated[int, Field(ge=0, le=10**10)] | None = None
    gpus: Annotated[int, Field(ge=0, le=64)] | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if sum(value is not None for value in (self.power_percent, self.power_w, self.gpus)) != 1:
            raise TopologyError("power_percent", "a derate has one figure", "set power_percent, power_w or gpus")
        return self


class Relabel(TopologyModel):
    """The nodes of a part get other labels; null or an empty text takes a label away.

    Attributes:
        path: level name -> label: this moves the nodes to another domain. Caps and links of a domain that moves
            whole go with it.
        labels: node label -> value.
    """

    op: Literal["relabel"] = "relabel"
    part: PartName
    path: dict[Name, Label | Literal[""] | None] = Field(default_factory=dict)
    labels: dict[Name, Text | None] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not self.path and not self.labels:
            raise TopologyError("path", "a relabel changes something", "give path or labels")
        return self


Edit: TypeAlias = Annotated[Drain | Fail | Restore | Add | Derate | Relabel, Field(discriminator="op")]
"""Any of the six, told apart by ``op``."""


def apply(fleet: Fleet, edits: Sequence[Edit]) -> Fleet:
    """Return the fleet after the edits, one after the other, all of them or none.

    Raises TopologyError with a field such as ``edits[2].part`` for a part that is not there or not unique, and for
    edits that cannot be done; the mend names the nearest names.
    """
    draft = _Draft(fleet)
    for row, edit in enumerate(edits):
        draft.do(edit, f"edits[{row}]")
    return draft.fleet()


class _Draft:
    """A fleet in the making: nodes by id, caps by partition and domain, links."""

    def __init__(self, fleet: Fleet) -> None:
        self._base = fleet
        self._nodes = {node.id: node for node in fleet.nodes}
        self._caps = {(cap.partition, cap.domain): cap for cap in fleet.power_caps}
        self._links = list(fleet.links)
        self._parts: Parts | None = None
        self._sizes: Counter[tuple[str, str]] | None = None

    def fleet(self) -> Fleet:
        """The result, validated as a whole."""
        changed = {
            "nodes": tuple(self._nodes.values()),
            "power_caps": tuple(self._caps.values()),
            "links": tuple(self._links),
        }
        fields = {name: getattr(self._base, name) for name in Fleet.model_fields}
        try:
            return Fleet(**(fields | changed))
        except ValidationError as error:
            raise topology_error(error, "edits") from error

    def do(self, edit: Edit, field: str) -> None:
        """Carry out one edit."""
        if isinstance(edit, Add):
            self._add(edit, field)
            return
        part = self._find(edit.part, f"{field}.part")
        if isinstance(edit, Drain):
            self._set_health(part, Health.CORDONED)
        elif isinstance(edit, Fail):
            self._set_health(part, Health.FAILED)
        elif isinstance(edit, Restore):
            self._set_health(part, Health.HEALTHY)
        elif isinstance(edit, Derate):
            self._derate(edit, part, field)
        else:
            self._relabel(edit, part, field)

    def _find(self, name: str, field: str) -> Part:
        if self._parts is None:
            if name in self._nodes:
                return Part(NODE, name, (name,))
            self._parts = Parts(self._base.level_names, self._nodes.values())
        return self._parts.find(name, field)

    def _set_health(self, part: Part, health: Health) -> None:
        for node_id in part.nodes:
            node = self._nodes[node_id]
            if health is Health.CORDONED and node.health is Health.FAILED:
                continue
            self._nodes[node_id] = node.model_copy(update={"health": health})

    def _derate(self, edit: Derate, part: Part, field: str) -> None:
        nodes = [self._nodes[node_id] for node_id in part.nodes]
        if edit.gpus is not None:
            if not any(node.gpu_count for node in nodes):
                raise TopologyError(f"{field}.gpus", f"{str(part)!r} has no GPUs", "derate its power, or another part")
            for node in nodes:
                self._nodes[node.id] = _with_gpus(node, edit.gpus)
            return
        key = (part.partition, part.domain)
        cap_w = edit.power_w
        if edit.power_percent is not None:
            held = self._caps.get(key)
            full_w = sum(n.idle_power_w + n.gpu_count * n.gpu_power_w for n in nodes) if held is None else held.cap_w
            if not full_w:
                raise TopologyError(
                    f"{field}.power_percent", f"the power of {str(part)!r} is not known", "give power_w instead"
                )
            cap_w = full_w * edit.power_percent // 100
        assert cap_w is not None  # noqa: S101 - the model holds one of the three
        self._caps[key] = PowerCap(partition=part.partition, domain=part.domain, cap_w=cap_w)

    def _relabel(self, edit: Relabel, part: Part, field: str) -> None:
        for level in edit.path:
            if level not in self._base.level_names:
                known = ", ".join(self._base.level_names) or "(none)"
                raise TopologyError(
                    f"{field}.path.{level}",
                    f"{level!r} is not a level",
                    f"use one of: {known}; other labels go into labels",
                )
        before = self._domains_of(part.nodes)
        for node_id in part.nodes:
            node = self._nodes[node_id]
            update = {"path": _merged(node.path, edit.path), "labels": _merged(node.labels, edit.labels)}
            self._nodes[node_id] = node.model_copy(update=update)
        if edit.path:
            self._parts = None
            self._follow(before, self._domains_of(part.nodes), field)

    def _domains_of(self, ids: Sequence[str]) -> dict[str, list[str]]:
        """Level name -> the domain of each of the nodes."""
        return nested_domain_names(self._base.level_names, ids, [self._nodes[node_id].path for node_id in ids])

    def _follow(self, before: dict[str, list[str]], after: dict[str, list[str]], field: str) -> None:
        """Give caps and links of domains that are gone to the domain that all their nodes are in now."""
        if self._sizes is None:
            now = self._domains_of(tuple(self._nodes))
            self._sizes = Counter((level, domain) for level, domains in now.items() for domain in domains)
        else:
            self._sizes.update((level, domain) for level, domains in after.items() for domain in domains)
            self._sizes.subtract((level, domain) for level, domains in before.items() for domain in domains)
        homes: dict[tuple[str, str], set[str]] = {}
        for level, domains in before.items():
            for old, new in zip(domains, after[level], strict=True):
                if self._sizes[level, old] == 0:
                    homes.setdefault((level, old), set()).add(new)
        ends: dict[str, str] = {}
        for (level, old), names in homes.items():
            cap = self._caps.pop((level, old), None)
            if len(names) > 1:
                if cap is not None:
                    raise TopologyError(
                        f"{field}.path",
                        f"{level} {old!r} would be gone, and its power cap with it",
                        "move the whole domain, or leave a node in it",
                    )
                continue
            new = names.pop()
            ends[f"{level}:{old}"] = f"{level}:{new}"
            if cap is not None:
                self._caps.setdefault((level, new), cap.model_copy(update={"domain": new}))
        if ends:
            self._links = [
                link.model_copy(update={"a": ends.get(link.a, link.a), "b": ends.get(link.b, link.b)})
                for link in self._links
            ]

    def _add(self, edit: Add, field: str) -> None:
        shape = SHAPES.get(edit.kind)
        pattern = self._nodes.get(edit.kind)
        if shape is None and pattern is None:
            raise TopologyError(
                f"{field}.kind",
                f"{edit.kind!r} is neither a kind of node nor a node of the fleet",
                suggest(edit.kind, self._nodes, f"use {', '.join(SHAPES)}, or the id of a node to copy"),
            )
        levels = self._base.level_names
        anchor = self._anchor(levels) if edit.at is None else self._anchor_at(edit.at, f"{field}.at", levels)
        tag = self._free_tag()
        key = edit.kind if shape is None else shape.key
        for row in range(edit.count):
            path = dict(anchor)
            for level in levels[len(anchor) :]:
                label = _new_label(level, row, tag, shape)
                if label is None:
                    break
                path[level] = label
            node_id = f"{key}-{tag}-{row:04d}"
            if shape is not None:
                node = shape.node(node_id, path)
            else:
                assert pattern is not None  # noqa: S101 - one of the two was found
                node = pattern.model_copy(update=_as_new(node_id, path))
            self._nodes[node_id] = node
        self._parts = self._sizes = None

    def _anchor(self, levels: tuple[str, ...]) -> dict[str, str]:
        """The first level's most populous label, kept where it is not the only level or where sites depend on it."""
        if not levels or (len(levels) == 1 and not self._base.sites):
            return {}
        labels = Counter(node.path[levels[0]] for node in self._nodes.values() if levels[0] in node.path)
        return {levels[0]: max(labels, key=lambda label: (labels[label], label))} if labels else {}

    def _anchor_at(self, at: str, field: str, levels: tuple[str, ...]) -> dict[str, str]:
        part = self._find(at, field)
        if part.partition not in levels:
            raise TopologyError(field, f"{at!r} is no domain of a level", f"name a domain of: {', '.join(levels)}")
        path = self._nodes[part.nodes[0]].path
        held = levels[: levels.index(part.partition) + 1]
        if any(level not in path for level in held):
            raise TopologyError(field, f"{at!r} is a node without a label there", "name a domain that has a label")
        return {level: path[level] for level in held}

    def _free_tag(self) -> str:
        """``add1``, or the first such mark that no node id and no label uses yet."""
        used = {node_id.rpartition("-")[0].rpartition("-")[2] for node_id in self._nodes}
        for node in self._nodes.values():
            used.update(label.partition("-")[0] for label in node.path.values())
        return next(f"add{number}" for number in range(1, len(used) + 2) if f"add{number}" not in used)


def _new_label(level: str, row: int, tag: str, shape: Shape | None) -> str | None:
    """The label of new node ``row`` at a level that is new to it; None where its NVLink domain is the node itself."""
    if shape is None:
        return tag
    rack = row // shape.nodes_per_rack
    leaf = rack // shape.racks_per_leaf
    if level == "nvlink":
        return f"{tag}-nv{rack}" if shape.nvlink_rack else None
    numbers = {"rack": f"r{rack}", "leaf": f"l{leaf}", "block": f"b{leaf // shape.leaves_per_block}"}
    return f"{tag}-{numbers[level]}" if level in numbers else tag


def _as_new(node_id: str, path: dict[str, str]) -> dict[str, object]:
    """What a copied node does not take over: it is healthy, has no maintenance window and no feed."""
    fresh = {"unhealthy_gpus": (), "health": Health.HEALTHY, "maintenance": (), "feed": None}
    return {"id": node_id, "path": path, **fresh}


def _with_gpus(node: Node, most: int) -> Node:
    """The node with at most so many healthy GPUs."""
    healthy = [gpu for gpu in range(node.gpu_count) if gpu not in node.unhealthy_gpus]
    return node.model_copy(update={"unhealthy_gpus": tuple(sorted({*node.unhealthy_gpus, *healthy[most:]}))})


def _merged(held: dict[str, str], changes: Mapping[str, str | None]) -> dict[str, str]:
    """The labels after the changes."""
    merged = {key: value for key, value in held.items() if key not in changes}
    return merged | {key: value for key, value in changes.items() if value}
