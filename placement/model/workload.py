"""What wants to run: workloads of subgroups, roles and replicas, and the shapes they insist on or prefer."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal, TypeAlias

from pydantic import Field, model_validator

from placement.model.fields import Count, Cpu, Document, Labels, Mebibytes, Name, refuse_repeats

__all__ = [
    "Affinity",
    "Kind",
    "Mode",
    "PlacementGroup",
    "Proximity",
    "Role",
    "Segment",
    "Spread",
    "Subgroup",
    "Workload",
]

Mode: TypeAlias = Literal["require", "prefer"]
"""A requirement masks placements; a preference prices them."""


class Kind(StrEnum):
    """What a workload does; rules take their defaults (message size, restart cost) from it."""

    TRAINING = "training"
    FINE_TUNE = "fine_tune"
    INFERENCE = "inference"
    BATCH_INFERENCE = "batch_inference"
    EMBEDDING = "embedding"
    PIPELINE = "pipeline"
    CPU = "cpu"


class Proximity(Document):
    """All replicas in one domain of `level`."""

    level: Name
    mode: Mode = "require"


class Segment(Document):
    """Segments of `size` replicas, each in one domain of `level`; a last smaller segment holds the rest."""

    size: Count
    level: Name


class Spread(Document):
    """At most `max_per_domain` replicas of the role in any one domain of `level`."""

    level: Name
    max_per_domain: Count = 1
    mode: Mode = "require"


class Role(Document):
    """Identical replicas, amounts per replica; `gpus` (whole devices) and `gpu_milli` exclude each other."""

    name: Name
    replicas: Count = 1
    min_replicas: Annotated[int, Field(ge=1, le=65_536)] | None = None
    """Fewest replicas that are worth starting; none = all of them."""
    gpus: Annotated[int, Field(ge=0, le=64)] = 0
    """Whole devices of one node."""
    gpu_milli: Annotated[int, Field(ge=0, le=1000)] = 0
    """Thousandths of ONE device (0 = no share)."""
    gpu_models: Annotated[tuple[Name, ...], Field(max_length=256)] = ()
    """Allowed GPU models; none = any."""
    gpu_memory_mib: Mebibytes = 0
    """Memory that each device must have."""
    cpu_milli: Cpu = 0
    memory_mib: Mebibytes = 0
    nics: Annotated[int, Field(ge=0, le=1024)] = 0
    mig_profile: Name | None = None
    proximity: Proximity | None = None
    segment: Segment | None = None
    spread: Spread | None = None

    @property
    def min_count(self) -> int:
        """Fewest replicas to start: `min_replicas`, never more than `replicas`."""
        return self.replicas if self.min_replicas is None else min(self.min_replicas, self.replicas)

    @property
    def replica_gpu_milli(self) -> int:
        """GPU milli that one replica takes."""
        return 1000 * self.gpus + self.gpu_milli


class Subgroup(Document):
    """Roles that start together; a workload may need only some of its subgroups."""

    name: Name
    roles: Annotated[tuple[Role, ...], Field(min_length=1, max_length=256)]
    proximity: Proximity | None = None

    @model_validator(mode="after")
    def _unique_roles(self) -> Subgroup:
        refuse_repeats([role.name for role in self.roles], "roles", "name")
        return self


class Affinity(Document):
    """Together with (or, as anti-affinity, apart from) other work within domains of `level`.

    The others are named by id, or matched by their labels (every given label equal).
    """

    level: Name
    workloads: Annotated[tuple[Name, ...], Field(max_length=10_000)] = ()
    match: Labels = Field(default_factory=dict)
    mode: Mode = "require"


class Workload(Document):
    """One gang: all of its needed subgroups start at once or not at all."""

    id: Name
    kind: Kind = Kind.TRAINING
    tenant: Name = "default"
    tier: Annotated[int, Field(ge=0, le=9)] = 1
    """Importance class; 0 is the most important."""
    priority: Annotated[int, Field(ge=0, le=1000)] = 100
    """Weight inside the tier."""
    subgroups: Annotated[tuple[Subgroup, ...], Field(min_length=1, max_length=256)]
    min_subgroups: Annotated[int, Field(ge=1, le=256)] | None = None
    """How many subgroups suffice; none = all."""
    proximity: Proximity | None = None
    affinity: Annotated[tuple[Affinity, ...], Field(max_length=64)] = ()
    anti_affinity: Annotated[tuple[Affinity, ...], Field(max_length=64)] = ()
    node_selector: Annotated[
        dict[Name, Annotated[tuple[Name, ...], Field(min_length=1, max_length=1024)]], Field(max_length=64)
    ] = Field(default_factory=dict)
    """Node label to its allowed values; all labels must match."""
    tolerations: Annotated[tuple[Name, ...], Field(max_length=64)] = ()
    """Taint keys that do not keep it away; "*" = all. Work that asks for GPUs tolerates "gpu" by itself."""
    labels: Labels = Field(default_factory=dict)
    expected_duration_s: Annotated[int, Field(ge=1, le=10**9)] = 3600
    state_mib: Mebibytes = 0
    """Weights, checkpoint or data to fetch to each node before the start."""
    state_nodes: Annotated[tuple[Name, ...], Field(max_length=65_536)] = ()
    """Nodes that already hold that state."""
    message_mib: Annotated[int, Field(ge=0, le=2**24)] = 0
    """MiB exchanged per step per replica; 0 = the latency rule's default for the kind."""
    group: Name | None = None
    """Name of a placement group."""

    @model_validator(mode="after")
    def _unique_subgroups(self) -> Workload:
        refuse_repeats([subgroup.name for subgroup in self.subgroups], "subgroups", "name")
        return self

    @property
    def asks_gpus(self) -> bool:
        """Whether any role asks for a device or a share of one."""
        return any(role.replica_gpu_milli for subgroup in self.subgroups for role in subgroup.roles)

    @property
    def gpu_milli_total(self) -> int:
        """GPU milli of all replicas of all subgroups."""
        return sum(role.replicas * role.replica_gpu_milli for sub in self.subgroups for role in sub.roles)

    def tolerates(self, taint: str) -> bool:
        """Whether nodes with this taint key are open to the workload."""
        return taint in self.tolerations or "*" in self.tolerations or (taint == "gpu" and self.asks_gpus)


class PlacementGroup(Document):
    """All workloads that name the group share one domain of `level`, all of them or none."""

    name: Name
    level: Name
