"""What a rule may look at while it is lowered: the case, the fabric, the table of items, and a memory of arrays.

Equal masks and equal cost arrays are one numpy object, whichever rule or role asked for them: the solver merges
bins by content and is fast where objects are shared.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeVar, cast

import numpy as np

from placement.errors import InputError
from placement.model.case import Case
from placement.model.workload import PlacementGroup, Role, Subgroup, Workload
from placement.rules.survey import Settled
from placement.units import MILLI
from solver.items import BoolArray, IntArray, PartKey
from topology.errors import TopologyError
from topology.fabric import Fabric

__all__ = ["Context", "FlatSeats", "ItemRef", "PartRef", "Usage"]


T = TypeVar("T")


@dataclass(frozen=True)
class PartRef:
    """What one part of an item stands for."""

    workload: Workload
    subgroup: Subgroup
    role: Role


@dataclass(frozen=True)
class ItemRef:
    """What one item stands for: a workload, or a placement group with its members.

    `bundle_of` maps (workload,), (workload, subgroup) and, where a role stands alone, (workload, subgroup, role)
    to the bundle that holds exactly those replicas.
    """

    key: str
    group: PlacementGroup | None
    members: tuple[Workload, ...]
    parts: tuple[PartRef, ...]
    bundle_of: Mapping[tuple[str, ...], int]


@dataclass(frozen=True)
class FlatSeats:
    """Running replicas, int64[S] each: place of the workload in `Usage.running`, row of the node, GPU milli.

    `gpus` are the whole GPUs that a replica asks for (a share of 1000 milli is one).
    """

    owner: IntArray
    node: IntArray
    gpu_milli: IntArray
    gpus: IntArray


@dataclass(frozen=True)
class Usage:
    """What running work takes, and what it leaves.

    `free_devices` int64[N, D] milli of every device and `free_resources` int64[N, 3] (CPU milli, MiB, NICs): what
    is there and healthy, less what is running, never below zero. `used_devices` and `used_resources` are what running
    work holds, in the same shapes.
    """

    running: tuple[Settled, ...]
    free_devices: IntArray
    free_resources: IntArray
    used_devices: IntArray
    used_resources: IntArray
    _memory: dict[Hashable, object] = field(init=False, repr=False, compare=False, default_factory=dict)

    @cached_property
    def flat(self) -> FlatSeats:
        """All running replicas as arrays, counted once for all rules and lowerings."""
        seats = [seat for one in self.running for seat in one.seats]
        # Replicas of a workload mostly have one role, and lie side by side.
        asked: list[tuple[int, int]] = []
        role, figures = None, (0, 0)
        for seat in seats:
            if seat.role is not role:
                role = seat.role
                figures = role.replica_gpu_milli, role.gpus if role.gpu_milli < MILLI else 1
            asked.append(figures)
        each = np.array(asked, np.int64).reshape(len(seats), 2)
        return FlatSeats(
            owner=np.repeat(np.arange(len(self.running)), [len(one.seats) for one in self.running]),
            node=np.array([seat.node for seat in seats], np.int64),
            gpu_milli=each[:, 0].copy(),
            gpus=each[:, 1].copy(),
        )

    @cached_property
    def by_id(self) -> Mapping[str, Settled]:
        """Workload id -> the running workload."""
        return {one.workload.id: one for one in self.running}

    @cached_property
    def tenants(self) -> tuple[tuple[str, ...], IntArray]:
        """The tenants of running work in order of their names, and which of them each of `running` belongs to."""
        each = [one.workload.tenant for one in self.running]
        names = tuple(sorted(set(each)))
        number = {name: row for row, name in enumerate(names)}
        return names, np.array([number[name] for name in each], np.int64)

    def read(self) -> None:
        """Make at once what nearly every lowering asks of running work."""
        self.flat, self.tenants, self.by_id  # noqa: B018 - they are kept

    def recall(self, key: Hashable, make: Callable[[], T]) -> T:
        """What a rule has made of running work for a key, made once for all lowerings."""
        if key not in self._memory:
            self._memory[key] = make()
        return cast(T, self._memory[key])


@dataclass(frozen=True, eq=False)
class Context:
    """Everything a lowering may use. `tiers` are the policy's objective tiers, most important first."""

    case: Case
    fabric: Fabric
    items: tuple[ItemRef, ...]
    usage: Usage
    tiers: tuple[int, ...]
    item_of: Mapping[str, int] = field(init=False)
    """Workload id -> index of its item."""
    keys_of: Mapping[str, tuple[tuple[PartKey, PartRef], ...]] = field(init=False)
    """Workload id -> its parts."""
    _memory: dict[Hashable, object] = field(init=False, default_factory=dict)
    _masks: dict[bytes, BoolArray] = field(init=False, default_factory=dict)
    _costs: dict[int, list[IntArray]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        """Index the items by workload."""
        keys: dict[str, list[tuple[PartKey, PartRef]]] = {}
        item_of = {}
        for i, item in enumerate(self.items):
            for workload in item.members:
                item_of[workload.id] = i
                keys[workload.id] = []
            for p, part in enumerate(item.parts):
                keys[part.workload.id].append(((i, p), part))
        object.__setattr__(self, "item_of", item_of)
        object.__setattr__(self, "keys_of", {name: tuple(found) for name, found in keys.items()})

    def gpu_milli_in_use(self, tenants: Iterable[str], model: str | None) -> int:
        """GPU milli that the running work of these tenants holds, on one model or on all."""
        held = self.recall(("in use",), self._in_use)
        return sum(held.get((tenant, model), 0) for tenant in tenants)

    def _in_use(self) -> dict[tuple[str, str | None], int]:
        flat, (names, tenant) = self.usage.flat, self.usage.tenants
        models = self.fabric.gpu_models
        held = np.zeros((len(names), len(models) + 1), np.int64)
        np.add.at(held, (tenant[flat.owner], self.fabric.gpu_model[flat.node]), flat.gpu_milli)
        found: dict[tuple[str, str | None], int] = {}
        for row, name in enumerate(names):
            found[name, None] = int(held[row].sum())
            found.update({(name, model): int(held[row, column]) for column, model in enumerate(models)})
        return found

    def parts(self) -> tuple[tuple[PartKey, PartRef], ...]:
        """All parts with their keys, in item order."""
        return self._parts

    @cached_property
    def _parts(self) -> tuple[tuple[PartKey, PartRef], ...]:
        return tuple(((i, p), part) for i, item in enumerate(self.items) for p, part in enumerate(item.parts))

    def part(self, key: PartKey) -> PartRef:
        """What the part with this key stands for."""
        return self.items[key[0]].parts[key[1]]

    def tier(self, tier: int) -> int:
        """The problem's tier (0..) of a policy's tier (1..9)."""
        return self.tiers.index(tier)

    def partition(self, level: str) -> int:
        """Index of a partition of the problem; InputError if the fleet has no such level."""
        return self.recall(("partition", level), lambda: self._find(level))

    def _find(self, level: str) -> int:
        try:
            return self.fabric.partitions.index(self.fabric.partition(level))
        except TopologyError as error:
            raise InputError("level", error.problem, error.mend) from None

    def labels(self, level: str) -> IntArray:
        """Domain of every node at a level, int64[N]."""
        return self.fabric.partitions[self.partition(level)].domain_of

    def nodes_in(self, level: str, domain: int) -> IntArray:
        """The nodes of one domain of a level."""
        order, ends = self.recall(("nodes in", level), lambda: _by_domain(self.labels(level), self.domain_count(level)))
        return order[ends[domain - 1] if domain else 0 : ends[domain]]

    def domain_count(self, level: str) -> int:
        """Number of domains of a level."""
        return len(self.fabric.partitions[self.partition(level)].domain_names)

    def recall(self, key: Hashable, make: Callable[[], T]) -> T:
        """The value made for a key, made once."""
        if key not in self._memory:
            self._memory[key] = make()
        return cast(T, self._memory[key])

    def mask(self, key: Hashable, make: Callable[[], BoolArray]) -> BoolArray | None:
        """The mask bool[N] of a key; None if it allows every node. Equal masks are one object."""
        return self.recall(("mask", key), lambda: self._shared_mask(make()))

    def costs(self, key: Hashable, make: Callable[[], IntArray]) -> IntArray | None:
        """The costs int64[N] of a key; None if all are zero. Equal costs are one object."""
        return self.recall(("costs", key), lambda: self._shared_costs(make()))

    def _shared_mask(self, mask: BoolArray) -> BoolArray | None:
        if mask.all():
            return None
        mask.setflags(write=False)
        return self._masks.setdefault(mask.tobytes(), mask)

    def _shared_costs(self, costs: IntArray) -> IntArray | None:
        if not costs.any():
            return None
        costs.setflags(write=False)
        # By hash and content: the bytes of hundreds of arrays are not kept beside them.
        known = self._costs.setdefault(hash(costs.tobytes()), [])
        for other in known:
            if np.array_equal(other, costs):
                return other
        known.append(costs)
        return costs


def _by_domain(labels: IntArray, count: int) -> tuple[IntArray, list[int]]:
    """The nodes sorted by domain, and where each domain ends."""
    return np.argsort(labels, kind="stable"), np.cumsum(np.bincount(labels, minlength=count)).tolist()
