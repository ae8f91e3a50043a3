"""The parts of a fleet document: levels, nodes, links, power caps and sites, each checked by itself.

Every model is frozen, refuses unknown fields and converts nothing silently (pydantic strict mode). Units are
in the names. What needs the whole fleet to be checked is checked in ``topology.model``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from enum import StrEnum
from typing import Annotated, Self, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from topology.errors import TopologyError
from topology.levels import RESERVED_LEVEL_NAMES, SINGLETON_MARK

__all__ = [
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
    "TopologyModel",
    "Window",
    "first_duplicate",
]

_T = TypeVar("_T", bound=Hashable)


def _printable(text: str) -> str:
    if not text.isprintable() or text != text.strip():
        raise ValueError(f"{text!r} has control characters, or space at an end")
    return text


def _label(text: str) -> str:
    if "/" in text or text.startswith(SINGLETON_MARK):
        raise ValueError(f"{text!r} contains '/' or starts with '{SINGLETON_MARK}', which build domain names")
    return text


def _level_name(text: str) -> str:
    if text in RESERVED_LEVEL_NAMES or ":" in text or "/" in text:
        raise ValueError(f"{text!r} is reserved ({', '.join(RESERVED_LEVEL_NAMES)}) or contains ':' or '/'")
    return text


Text = Annotated[str, StringConstraints(max_length=253), AfterValidator(_printable)]
"""Printable text of at most 253 characters, perhaps empty."""

Name = Annotated[str, StringConstraints(min_length=1, max_length=253), AfterValidator(_printable)]
"""Printable, non-empty text of at most 253 characters."""

Label = Annotated[Name, AfterValidator(_label)]
"""A name of a domain within its parent: no ``/``, and no ``~`` in front."""

# The bounds leave room to sum any field over the largest fleet and stay far below 2**53.
_Bandwidth = Annotated[int, Field(ge=1, le=10**8)]
_Latency = Annotated[int, Field(ge=0, le=10**9)]
_Epoch = Annotated[int, Field(ge=0, le=10**11)]
_Price = Annotated[int, Field(ge=0, le=10**11)]
_Power = Annotated[int, Field(ge=0, le=10**6)]


class TopologyModel(BaseModel):
    """The settings every model of the fleet document shares: frozen, strict, no unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Health(StrEnum):
    """How far a node may be trusted; what each state permits is a matter of policy, not of topology."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"
    SUSPECT = "suspect"
    CORDONED = "cordoned"
    FAILED = "failed"


class Level(TopologyModel):
    """One nested level, such as ``rack``, and what traffic between two of its domains gets.

    Attributes:
        latency_us: microseconds, one way, for traffic that must cross between two domains of this level.
        bandwidth_gbps: what one node can send across, gigabits per second.
    """

    name: Annotated[Name, AfterValidator(_level_name)]
    latency_us: _Latency
    bandwidth_gbps: _Bandwidth


class Taint(TopologyModel):
    """A mark that keeps away every workload that does not tolerate its key."""

    key: Name
    value: Text = ""


class Window(TopologyModel):
    """A maintenance window, from ``start_s`` to before ``end_s``, in epoch seconds."""

    start_s: _Epoch
    end_s: _Epoch

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.end_s <= self.start_s:
            raise TopologyError("end_s", f"{self.end_s} is not after start_s {self.start_s}", "end it after it starts")
        return self


class Node(TopologyModel):
    """One machine. All its GPUs are of one model, and every healthy one offers 1000 milli.

    Attributes:
        path: level name -> label, for example ``{"block": "b1", "rack": "r3"}``.
        gpu_memory_mib: memory of one GPU; 0 if not known.
        unhealthy_gpus: indices of GPUs that must not be used.
        price_micro_usd_h: micro-USD per GPU-hour on a node with GPUs, per node-hour on a node without.
        idle_power_w: watts of the node with no GPU busy.
        gpu_power_w: watts that each busy GPU adds.
        feed: the power feed it hangs on, if that is known.
    """

    id: Name
    path: dict[Name, Label]
    gpu_model: Name | None = None
    gpu_count: Annotated[int, Field(ge=0, le=64)] = 0
    gpu_memory_mib: Annotated[int, Field(ge=0, le=2**24)] = 0
    unhealthy_gpus: tuple[Annotated[int, Field(ge=0, le=63)], ...] = ()
    cpu_milli: Annotated[int, Field(ge=0, le=2**30)]
    memory_mib: Annotated[int, Field(ge=0, le=2**34)]
    nics: Annotated[int, Field(ge=0, le=1024)] = 0
    price_micro_usd_h: _Price = 0
    idle_power_w: _Power = 0
    gpu_power_w: _Power = 0
    labels: dict[Name, Text] = {}
    taints: tuple[Taint, ...] = ()
    health: Health = Health.HEALTHY
    maintenance: tuple[Window, ...] = ()
    feed: Label | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.gpu_count > 0 and self.gpu_model is None:
            raise TopologyError(
                "gpu_model", f"node {self.id!r} has {self.gpu_count} GPUs of no model", "name their model"
            )
        if self.gpu_count == 0 and self.gpu_model is not None:
            raise TopologyError(
                "gpu_count",
                f"node {self.id!r} names a GPU model but has no GPU",
                "count them or drop the model",
            )
        if any(gpu >= self.gpu_count for gpu in self.unhealthy_gpus):
            raise TopologyError(
                "unhealthy_gpus",
                f"node {self.id!r} has {self.gpu_count} GPUs, so no GPU {max(self.unhealthy_gpus)}",
                "number the GPUs from 0",
            )
        if (again := first_duplicate(self.unhealthy_gpus)) is not None:
            raise TopologyError("unhealthy_gpus", f"node {self.id!r} lists GPU {again} twice", "list it once")
        return self


class Link(TopologyModel):
    """A measured link between two ends, undirected; it adds to the uplinks that follow from the levels.

    An end is a node id, or a level and a domain name such as ``rack:site-a/b1/r3``. A link between a domain
    and its own parent replaces the figures of that uplink. Bandwidth is per node, as for a level.
    """

    a: Annotated[str, StringConstraints(min_length=1, max_length=4096)]
    b: Annotated[str, StringConstraints(min_length=1, max_length=4096)]
    bandwidth_gbps: _Bandwidth
    latency_us: _Latency


class PowerCap(TopologyModel):
    """The most watts that the nodes of one domain may draw together.

    ``partition`` is a level name, ``node`` or ``feed``; ``domain`` is the name of a domain of it.
    """

    partition: Name
    domain: Annotated[str, StringConstraints(min_length=1, max_length=4096)]
    cap_w: Annotated[int, Field(ge=0, le=10**10)]


class Site(TopologyModel):
    """Energy figures of the nodes whose label at the first level is ``name``.

    Attributes:
        tariff_micro_usd_kwh: price of energy, micro-USD per kilowatt-hour.
        carbon_g_kwh: carbon intensity, grams of CO2 equivalent per kilowatt-hour.
    """

    name: Name
    tariff_micro_usd_kwh: Annotated[int, Field(ge=0, le=10**9)]
    carbon_g_kwh: Annotated[int, Field(ge=0, le=10**5)]


def first_duplicate(items: Sequence[_T]) -> _T | None:
    """Return the first item that occurs twice, or None."""
    if len(set(items)) == len(items):
        return None
    return next(item for item, times in Counter(items).items() if times > 1)
