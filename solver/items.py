"""Items and bins, all plain integers.

Nothing here knows what a rack, a tenant or a dollar is. A *bin* holds devices (each with free thousandths) and a
vector of further resources; an *item* is a gang: a tree of bundles whose leaves are parts with identical replicas.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

__all__ = [
    "WHOLE",
    "Bins",
    "BoolArray",
    "Bundle",
    "ByteArray",
    "Demand",
    "IntArray",
    "Item",
    "Part",
    "PartKey",
    "Ranked",
]

IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
ByteArray = npt.NDArray[np.uint8]
PartKey = tuple[int, int]
"""(index of the item, index of its part)."""

WHOLE = 1000
"""Thousandths in one whole device."""


@dataclass(frozen=True)
class Bins:
    """Free capacity of every bin.

    `devices` int64[N, D]: free thousandths of each device, 0 where a bin has no such device or it may not be used.
    `resources` int64[N, R]: free amount of each further resource. What is over-committed (negative) counts as 0.
    """

    devices: IntArray
    resources: IntArray

    def __post_init__(self) -> None:
        object.__setattr__(self, "devices", np.clip(self.devices, 0, WHOLE))
        object.__setattr__(self, "resources", np.maximum(self.resources, 0))

    @property
    def count(self) -> int:
        """Number of bins."""
        return int(self.devices.shape[0])


@dataclass(frozen=True, eq=False)
class Ranked:
    """Figures per bin that take few values, a byte per bin: `values[ranks[b]]`.

    `ranks` uint8[N], one object for all figures that tell the same bins apart; `values` int64[K], ascending, all
    different, and all of them occur. Read like an array int64[N] that cannot be changed.
    """

    ranks: ByteArray
    values: IntArray

    def __getitem__(self, bins: int | IntArray) -> IntArray:
        """The figures of these bins (of one: a number)."""
        found: IntArray = self.values[self.ranks[bins]]
        return found

    def item(self, bin_: int) -> int:
        """The figure of one bin."""
        return int(self.values[self.ranks[bin_]])

    def min(self, initial: int) -> int:
        """The lowest figure, or `initial` if that is less."""
        return min(initial, int(self.values[0]))

    def max(self, initial: int) -> int:
        """The highest figure, or `initial` if that is more."""
        return max(initial, int(self.values[-1]))

    def whole(self) -> IntArray:
        """All figures as an array of its own, int64[N]."""
        return self.values.take(self.ranks)


@dataclass(frozen=True)
class Demand:
    """What one replica takes in its bin: whole devices, or thousandths of *one* device, and resources."""

    devices: int = 0
    milli: int = 0
    resources: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if self.devices and self.milli:
            raise ValueError("a replica takes whole devices or a share of one device, not both")
        if self.devices < 0 or not 0 <= self.milli <= WHOLE or min(self.resources, default=0) < 0:
            raise ValueError("a demand is not negative, and a share is at most one device")
        if self.milli == WHOLE:
            object.__setattr__(self, "devices", 1)
            object.__setattr__(self, "milli", 0)

    @cached_property
    def volume(self) -> int:
        """Thousandths of devices taken in all."""
        return self.devices * WHOLE + self.milli

    @cached_property
    def amounts(self) -> IntArray:
        """What is taken of each resource, int64[R]."""
        return np.array(self.resources, np.int64)


@dataclass(frozen=True)
class Bundle:
    """A node of the gang tree; bundle 0 is the root and stands for the whole item.

    A bundle that is on has all its parts placed (each with at least its `min_count` replicas) and at least `need` of
    its child bundles on. A child may be on only if its parent is; a child without any replica is not on.
    """

    name: str
    parent: int = -1
    need: int = 0


@dataclass(frozen=True)
class Part:
    """`count` identical replicas (at least `min_count` when its bundle is on) of one demand."""

    name: str
    demand: Demand
    count: int
    min_count: int
    bundle: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.min_count <= self.count:
            raise ValueError(f"part {self.name}: 0 <= min_count <= count is needed")


@dataclass(frozen=True)
class Item:
    """One gang: placed whole (as its tree says) or refused."""

    key: str
    bundles: tuple[Bundle, ...]
    parts: tuple[Part, ...]

    def __post_init__(self) -> None:
        if not self.bundles or self.bundles[0].parent != -1:
            raise ValueError(f"item {self.key}: bundle 0 is the root")
        for index, bundle in enumerate(self.bundles[1:], start=1):
            if not 0 <= bundle.parent < index:
                raise ValueError(f"item {self.key}: a parent stands before its children")

        if any(not 0 <= part.bundle < len(self.bundles) for part in self.parts):
            raise ValueError(f"item {self.key}: a part names a bundle that does not exist")

    def subtree(self, bundle: int) -> tuple[int, ...]:
        """Indices of the bundle and all bundles below it."""
        inside = {bundle}
        for index in range(bundle + 1, len(self.bundles)):
            if self.bundles[index].parent in inside:
                inside.add(index)
        return tuple(sorted(inside))

    def parts_of(self, bundle: int) -> tuple[int, ...]:
        """Indices of the parts in the bundle's subtree."""
        if not bundle:
            return tuple(range(len(self.parts)))
        inside = set(self.subtree(bundle))
        return tuple(index for index, part in enumerate(self.parts) if part.bundle in inside)

    def children(self, bundle: int) -> tuple[int, ...]:
        """Indices of the direct child bundles."""
        return tuple(i for i, other in enumerate(self.bundles) if other.parent == bundle and i != bundle)
