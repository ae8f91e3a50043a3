"""What work is expected, and which free pieces of the fleet may run short of it: prices of `left_value`, `stranded`.

Source: the newsvendor price of a resource is its value times the probability that demand reaches what is there
(Arrow, Harris and Marschak 1951); the groups and the frequent classes follow `bench/replay`.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import groupby
from typing import Annotated, TypeAlias

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from placement.model.case import Case
from placement.model.fields import Cpu, Document, Mebibytes, Name, refuse
from placement.model.workload import Role
from placement.rules.context import Usage
from placement.rules.survey import Idle, Settled
from placement.units import MILLI, capacity_units, floor_div
from topology.fabric import Fabric

__all__ = [
    "ExpectedClass",
    "Ints",
    "Kind",
    "Mix",
    "Want",
    "expected_mix",
    "frequent",
    "kinds_of",
    "known_wants",
    "running_wants",
    "short_groups",
]

Ints: TypeAlias = NDArray[np.int64]
Kind: TypeAlias = tuple[str | None, int]
"""GPU model and GPU memory of a node."""

_UNIONS = 64
"""Most sets of GPU models that are looked at."""
_SHARE_MILLI = 200
"""Rests of devices smaller than this are no room for what insists on a model."""
_CPU_PER_DEVICE = (2_000, 8_000)
"""CPU milli beside a free device: it is of little use without."""


class ExpectedClass(Document):
    """Replicas that are expected: `count` of them, as a share of all that are listed."""

    count: Annotated[int, Field(ge=1, le=1_000_000_000)]
    gpus: Annotated[int, Field(ge=0, le=64)] = 0
    gpu_milli: Annotated[int, Field(ge=0, le=1000)] = 0
    cpu_milli: Cpu = 0
    memory_mib: Mebibytes = 0
    nics: Annotated[int, Field(ge=0, le=1024)] = 0
    gpu_models: Annotated[tuple[Name, ...], Field(max_length=256)] = ()
    gpu_memory_mib: Mebibytes = 0

    @model_validator(mode="after")
    def _one_kind(self) -> ExpectedClass:
        if self.gpus and self.gpu_milli:
            refuse("gpu_milli", "a replica takes whole GPUs or a share of one", "set one of gpus and gpu_milli")
        return self


@dataclass(frozen=True, order=True)
class Want:
    """What one replica asks of a node with GPUs: whole devices or a share of one; `models` none = any."""

    gpus: int = 0
    share_milli: int = 0
    cpu_milli: int = 0
    memory_mib: int = 0
    nics: int = 0
    models: tuple[str, ...] = ()
    gpu_memory_mib: int = 0

    @property
    def milli(self) -> int:
        """GPU milli over all devices."""
        return self.gpus * MILLI + self.share_milli

    def admits(self, model: str | None, memory_mib: int) -> bool:
        """Whether a node with such GPUs will do."""
        return memory_mib >= self.gpu_memory_mib and (not self.models or model in self.models)


Mix: TypeAlias = tuple[tuple[Want, int], ...]
"""Wants with their numbers, the most frequent first."""


def expected_mix(case: Case, given: Sequence[ExpectedClass], running: Mapping[Want, int]) -> Mix:
    """Replicas with GPUs by what they ask: as given, or else those that run (see `running_wants`) or wait."""
    found: Counter[Want] = Counter()
    for one in given:
        share = one.gpu_milli % MILLI
        gpus = one.gpus + one.gpu_milli // MILLI
        models = tuple(sorted(set(one.gpu_models)))
        found[Want(gpus, share, one.cpu_milli, one.memory_mib, one.nics, models, one.gpu_memory_mib)] += one.count
    if not given:
        for role in (role for work in case.workloads for subgroup in work.subgroups for role in subgroup.roles):
            found[_want(role)] += role.replicas
        found.update(running)
    asking = [(want, count) for want, count in found.items() if want.milli]
    return tuple(sorted(asking, key=lambda one: (-one[1], one[0])))


def running_wants(running: Iterable[Settled]) -> Counter[Want]:
    """Running replicas by what they ask."""
    found: Counter[Want] = Counter()
    for one in running:
        # Replicas of a workload mostly have one role, and lie side by side.
        for _, seats in groupby(one.seats, key=lambda seat: id(seat.role)):
            held = list(seats)
            found[_want(held[0].role)] += len(held)
    return found


def known_wants(usage: Usage) -> Mapping[Want, int]:
    """The same of all running work, counted once for all lowerings."""
    return usage.recall(running_wants, lambda: running_wants(usage.running))


def _want(role: Role) -> Want:
    gpus, share = divmod(role.replica_gpu_milli, MILLI)
    models = tuple(sorted(set(role.gpu_models)))
    return Want(gpus, share, role.cpu_milli, role.memory_mib, role.nics, models, role.gpu_memory_mib)


def kinds_of(fabric: Fabric) -> list[Kind]:
    """The kind of every node."""
    names = [fabric.gpu_models[code] if code >= 0 else None for code in fabric.gpu_model.tolist()]
    return list(zip(names, fabric.gpu_memory_mib.tolist(), strict=True))


def frequent(mix: Mix, percent: int) -> Mix:
    """The most frequent wants that make up so many percent of all replicas."""
    total, reached = sum(count for _, count in mix), 0
    for row, (_, count) in enumerate(mix):
        reached += count
        if 100 * reached >= percent * total:
            return mix[: row + 1]
    return mix


@dataclass(frozen=True)
class _Group:
    """Pieces that all wants of a kind compete for.

    `rest`: counted are free milli on devices with at least as much free as the want asks; else slots of the want.
    """

    want: Want
    rest: bool
    units: tuple[int, ...]
    """Slots (or milli) that one replica of each class of the mix takes."""


def short_groups(mix: Mix, idle: Idle, nodes: Sequence[Kind], horizon_percent: int) -> list[tuple[Want, bool, int]]:
    """Groups of pieces that may run short: (want, rest, probability in thousandths, rounded down), none of them zero.

    `nodes` are the kinds of the nodes; work is expected until so many percent of the GPUs are in use. P(demand >=
    supply), demand normal with the mean and variance of a compound Poisson process: GPU milli to come / mean milli of a
    replica arrivals, each of a class by its share.
    """
    held = int(idle.used.sum())
    milli_to_come = floor_div((int(idle.devices.sum()) + held) * horizon_percent, 100) - held
    total = sum(count for _, count in mix)
    volume = sum(want.milli * count for want, count in mix)
    if not total or milli_to_come <= 0:
        return []
    arrivals = milli_to_come * total / volume
    shares = np.array([count for _, count in mix], np.float64) / total
    number = {node: row for row, node in enumerate(dict.fromkeys(nodes))}
    kind = np.array([number[node] for node in nodes], np.int64)
    whole = (idle.devices == MILLI).sum(axis=1)
    rest = np.where(idle.devices >= _SHARE_MILLI, idle.devices, 0).sum(axis=1)
    found = []
    for group in _groups(mix, tuple(sorted({model for model, _ in number if model}))):
        want = group.want
        admitted = np.array([want.admits(model, memory) for model, memory in number], np.bool_)[kind]
        pieces = rest if group.rest else whole // max(1, want.gpus)
        if want.cpu_milli:
            pieces = np.minimum(pieces, idle.resources[:, 0] // want.cpu_milli)
        supply = int(pieces[admitted].sum())
        units = np.array(group.units, np.float64)
        mean, variance = arrivals * float(shares @ units), arrivals * float(shares @ units**2)
        chance = 0.5 * math.erfc((supply - mean) / math.sqrt(2 * variance))
        thousandths = capacity_units(chance, 1000)
        if thousandths:
            found.append((want, group.rest, thousandths))
    return found


@lru_cache(maxsize=16)
def _groups(mix: Mix, fleet_models: tuple[str, ...]) -> tuple[_Group, ...]:
    """Whole devices by number and CPU; devices, rests and several devices of every set of models that is insisted on.

    A class competes for a group if it asks for at least as much, and, where the group has models, for none beside them
    (what insists on fewer models counts for every set around them: Hall's condition).
    """
    groups = []
    for gpus, cpu in sorted({(want.gpus, want.cpu_milli) for want, _ in mix if want.gpus > 1}):
        groups.append(_slots(mix, Want(gpus=gpus, cpu_milli=cpu)))
    sets = {want.models for want, _ in mix if want.models and not set(fleet_models) <= set(want.models)}
    for models in _unions(sets, fleet_models):
        inside = [want.milli if want.models and set(want.models) <= set(models) else 0 for want, _ in mix]
        groups.append(_Group(Want(share_milli=_SHARE_MILLI, models=models), True, tuple(inside)))
        for gpus, cpu in ((1, _CPU_PER_DEVICE[0]), (1, _CPU_PER_DEVICE[1]), (2, 0), (4, 0), (8, 0)):
            groups.append(_slots(mix, Want(gpus=gpus, cpu_milli=cpu, models=models)))
    return tuple(group for group in groups if any(group.units))


def _slots(mix: Mix, wanted: Want) -> _Group:
    units = []
    for want, _ in mix:
        inside = not wanted.models or (want.models and set(want.models) <= set(wanted.models))
        enough = want.gpus >= wanted.gpus and want.cpu_milli >= wanted.cpu_milli
        units.append(want.gpus // wanted.gpus if inside and enough else 0)
    return _Group(replace(wanted), False, tuple(units))


def _unions(sets: Iterable[tuple[str, ...]], fleet_models: tuple[str, ...]) -> list[tuple[str, ...]]:
    """All unions of the sets that leave a model of the fleet out, the smallest first, up to _UNIONS of them."""
    base = sorted(set(sets), key=lambda one: (len(one), one))
    found = dict.fromkeys(base)
    waiting = list(base)
    while waiting and len(found) < _UNIONS:
        one = waiting.pop(0)
        for other in base:
            union = tuple(sorted({*one, *other}))
            if union not in found and not set(fleet_models) <= set(union) and len(found) < _UNIONS:
                found[union] = None
                waiting.append(union)
    return list(found)
