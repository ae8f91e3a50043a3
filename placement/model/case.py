"""A case: everything that a decision depends on, in one file."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import cache, cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal, Self

from pydantic import Field, TypeAdapter, model_validator

from placement.model.canonical import canonical
from placement.model.document import check_kind, parse_syntax, read_bytes, validate_text, write_text
from placement.model.fields import Document, EpochSeconds, Name, Natural, refuse, refuse_repeats
from placement.model.policy import Policy, default_policy
from placement.model.state import Running
from placement.model.tenant import Tenant
from placement.model.workload import PlacementGroup, Workload
from solver.collector import no_collection
from topology.model import Fleet

__all__ = ["Budget", "Case", "LoosenedCase", "field_json", "read_case", "write_case"]


_LEVELS = 64
"""Most tenants one above the other: rules walk the tree from every tenant up to its top."""


class Budget(Document):
    """How long to think: `wall_ms` on the clock, or `work` in deterministic milli-units."""

    wall_ms: Annotated[int, Field(ge=1, le=86_400_000)] | None = None
    work: Annotated[int, Field(ge=1, le=10**9)] | None = None

    @model_validator(mode="after")
    def _one_of_two(self) -> Budget:
        if (self.wall_ms is None) == (self.work is None):
            refuse("", "a budget is either wall_ms or work", "set exactly one of the two")
        return self


def _level_names(validated: dict[str, Any]) -> tuple[str, ...]:
    """The levels of the fleet that was validated just before; none if it was malformed."""
    fleet = validated.get("fleet")
    return fleet.level_names if isinstance(fleet, Fleet) else ()


class Case(Document):
    """Fleet, pending and running work, policy, budget and seed; the order of its lists means nothing.

    Names that point nowhere in a pending workload are left to admission (that workload is REJECTED, the rest
    decided); running work that names unknown nodes or devices makes the document malformed.
    """

    schema_version: Literal[1] = 1
    fleet: Fleet
    level_order: Annotated[tuple[Name, ...], Field(max_length=16)] = Field(default_factory=_level_names)
    """Names of the fleet's levels, coarse to fine: it frees the order of `fleet.levels` in a file."""
    workloads: Annotated[tuple[Workload, ...], Field(max_length=200_000)] = ()
    running: Annotated[tuple[Running, ...], Field(max_length=500_000)] = ()
    tenants: Annotated[tuple[Tenant, ...], Field(max_length=100_000)] = ()
    groups: Annotated[tuple[PlacementGroup, ...], Field(max_length=100_000)] = ()
    policy: Policy = Field(default_factory=default_policy)
    budget: Budget = Budget(wall_ms=2000)
    seed: Natural = 0
    now_s: EpochSeconds = 0

    @model_validator(mode="after")
    def _references(self) -> Case:
        if self.level_order != self.fleet.level_names:
            refuse("level_order", "it does not list the fleet's levels", "list their names, coarse to fine")
        refuse_repeats([workload.id for workload in self.workloads], "workloads", "id")
        refuse_repeats([running.workload.id for running in self.running], "running", "workload.id")
        refuse_repeats([tenant.name for tenant in self.tenants], "tenants", "name")
        refuse_repeats([group.name for group in self.groups], "groups", "name")
        _check_parents(self.tenants)
        pending = {workload.id for workload in self.workloads}
        gpu_count = {node.id: node.gpu_count for node in self.fleet.nodes}
        for row, running in enumerate(self.running):
            if running.workload.id in pending:
                refuse(
                    f"running[{row}].workload.id",
                    f"{running.workload.id!r} is pending as well",
                    "list a workload under workloads or under running, not both",
                )
            for at, replica in enumerate(running.replicas):
                devices = gpu_count.get(replica.node)
                field = f"running[{row}].replicas[{at}]"
                if devices is None:
                    refuse(
                        f"{field}.node",
                        f"the fleet has no node {replica.node!r}",
                        "add the node or drop the replica",
                    )
                if any(device.index >= devices for device in replica.devices):
                    refuse(
                        f"{field}.devices",
                        f"node {replica.node!r} has {devices} GPUs",
                        "use device indices from 0 to one less than that",
                    )
        return self

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A copy with other fields, and an id of its own."""
        made = super().model_copy(update=update, deep=deep)
        if update:
            made.__dict__.pop("id", None)
        return made

    @cached_property
    def id(self) -> str:
        """Content hash (SHA-256, 64 hex digits), the same for every order of the lists and of the keys."""
        return self.canonical().content_hash()

    def content_hash(self, known: Mapping[str, bytes] = MappingProxyType({})) -> str:
        """The hash of the content in the order it has; that of a canonical case is its `id`.

        `known` are fields as JSON (`field_json`), made before: writing a large state takes a while.
        """
        digest = hashlib.sha256(b"{")
        for row, name in enumerate(Case.model_fields):
            digest.update(f'{"," if row else ""}"{name}":'.encode())
            digest.update(known[name] if name in known else field_json(name, getattr(self, name)))
        digest.update(b"}")
        return digest.hexdigest()

    @classmethod
    def on(cls, fleet: Fleet, running: tuple[Running, ...], **fields: Any) -> Case:
        """A case on a fleet and running work that are known to be valid together: the other fields are validated.

        Whoever calls it sees to it that no workload is among the running ones. ValidationError as for any case.
        """
        empty = Fleet.model_construct(**{**dict(fleet), "nodes": (), "links": (), "power_caps": ()})
        return cls(fleet=empty, **fields).model_copy(update={"fleet": fleet, "running": running})

    def canonical(self, known: frozenset[str] = frozenset()) -> Case:
        """The same case with every list and every mapping sorted: deterministic and idempotent.

        Fields in `known` are canonical already, by the word of the caller: sorting a large state takes a while.
        """
        with no_collection():
            return canonical(self, known)

    def to_json(self) -> str:
        """The case as compact JSON; fields of the parts that are at their default are left out."""
        head: dict[str, Any] = self.model_dump(mode="json", exclude={"policy", "budget"}, exclude_defaults=True)
        head = {"schema_version": self.schema_version, "level_order": self.level_order} | head
        head |= {"seed": self.seed, "now_s": self.now_s}
        head["policy"] = self.policy.model_dump(mode="json")
        head["budget"] = self.budget.model_dump(mode="json", exclude_none=True)
        return json.dumps(head, separators=(",", ":"), ensure_ascii=False)

    @classmethod
    def from_json(cls, data: bytes | str) -> Case:
        """Parse and validate; InputError names the field and the mend."""
        text, plain = parse_syntax(data, "case")
        check_kind(plain, "case")
        if _sort_levels(plain):
            text = json.dumps(plain)
        return validate_text(cls, text, "case")


def field_json(name: str, value: Any) -> bytes:
    """The JSON of one field of a case, as the JSON of the whole case has it."""
    return _field_adapter(name).dump_json(value)


@cache
def _field_adapter(name: str) -> TypeAdapter[Any]:
    annotation: Any = Case.model_fields[name].annotation
    return TypeAdapter(annotation)


def _check_parents(tenants: tuple[Tenant, ...]) -> None:
    """Parents are listed, no tenant is above itself, and none has too many above it."""
    parents = {tenant.name: tenant.parent for tenant in tenants}
    for row, tenant in enumerate(tenants):
        if tenant.parent is not None and tenant.parent not in parents:
            problem = f"{tenant.parent!r} is not among the tenants"
            refuse(f"tenants[{row}].parent", problem, "list it, or leave the parent out")
        above, seen = tenant.parent, {tenant.name}
        while above is not None:
            if above in seen:
                refuse(f"tenants[{row}].parent", f"{tenant.name!r} is above itself", "break the circle")
            seen.add(above)
            if len(seen) > _LEVELS:
                problem = f"{tenant.name!r} has {_LEVELS} tenants or more above it"
                refuse(f"tenants[{row}].parent", problem, f"use at most {_LEVELS} levels of tenants")
            above = parents[above]


class LoosenedCase(Case):
    """A case as the rules lower it: what may be disturbed stands among `workloads`, and in `mobile` with where it runs.

    Made by `placement.compile.loosening`; never read from a file.
    """

    mobile: tuple[Running, ...] = ()


def _sort_levels(plain: Any) -> bool:
    """Put the levels of a plain case in its `level_order`, if both name the same; whether any moved."""
    fleet = plain.get("fleet") if isinstance(plain, dict) else None
    levels = fleet.get("levels") if isinstance(fleet, dict) else None
    order = plain.get("level_order") if isinstance(plain, dict) else None
    if not isinstance(fleet, dict) or not isinstance(levels, list) or not isinstance(order, list):
        return False
    by_name = {str(level.get("name")): level for level in levels if isinstance(level, dict)}
    wanted = [by_name[name] for name in order if isinstance(name, str) and name in by_name]
    if len(wanted) != len(levels) or len(by_name) != len(levels) or wanted == levels:
        return False
    fleet["levels"] = wanted
    return True


def read_case(path: str | Path) -> Case:
    """Read a case from a .json or .json.gz file; InputError if it is unreadable or malformed."""
    return Case.from_json(read_bytes(path))


def write_case(case: Case, path: str | Path) -> None:
    """Write a case to a .json or .json.gz file; InputError if the path cannot be written."""
    write_text(path, case.to_json() + "\n")
