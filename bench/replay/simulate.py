"""Replay a sequence: hand pods over in micro-batches, and measure what is in use at given loads."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np

from bench.baselines.scoring import Placer, Scoring
from bench.baselines.state import WHOLE
from bench.replay.sequence import Sequence
from placement.cases.openb import Pod

__all__ = ["MARKS", "Dispatcher", "Mark", "OneByOne", "Seat", "marks_of", "replay"]

MARKS = (50, 60, 70, 80, 85, 90, 92, 94, 95, 96, 97, 98, 99, 100, 105, 110, 120, 130)
"""Loads at which a replay is measured: GPU milli asked for so far, failed pods too, in percent of the fleet."""

Seat: TypeAlias = tuple[int, tuple[int, ...]]
"""Row of a node and the devices taken there."""


class Dispatcher(Protocol):
    """A method at work on one sequence."""

    def place(self, pods: tuple[Pod, ...]) -> list[Seat | None]:
        """Seats for the next pods, in their order; None for a pod that fails. What was placed before stays."""


@dataclass(frozen=True)
class Mark:
    """What is reached when the last batch is done before the load passes `percent`."""

    percent: int
    arrived: int
    arrived_milli: int
    used_milli: int
    failed: int
    failed_without_gpu: int

    def allocation(self, capacity_milli: int) -> float:
        """GPU milli in use, in percent of the fleet."""
        return 100 * self.used_milli / capacity_milli


class OneByOne:
    """Pods one after another by the scores of a baseline; a batch makes no difference."""

    def __init__(self, sequence: Sequence, scoring: Scoring) -> None:
        self._sequence = sequence
        self._placer = Placer(sequence.state(), scoring)

    def place(self, pods: tuple[Pod, ...]) -> list[Seat | None]:
        """Seats by the highest score."""
        return [self._placer.place(self._sequence.demand(pod)) for pod in pods]


def marks_of(sequence: Sequence, percents: tuple[int, ...] = MARKS) -> dict[int, int]:
    """Load in percent -> number of pods that arrive before it is passed; loads that are never reached are left out."""
    asked = np.cumsum([pod.num_gpu * pod.gpu_milli for pod in sequence.pods])
    limits = {percent: percent * sequence.capacity_milli // 100 for percent in percents}
    # A load counts as reached if less than a whole node of it is missing at the end.
    last = int(asked[-1]) + 8 * WHOLE if asked.size else 0
    return {p: int(np.searchsorted(asked, limit, "right")) for p, limit in limits.items() if limit <= last}


def replay(
    sequence: Sequence,
    dispatcher: Dispatcher,
    *,
    batch: int = 1,
    until: int = 130,
    tell: Callable[[int, int], None] | None = None,
) -> tuple[tuple[Mark, ...], float]:
    """Marks up to the load `until`, and the seconds that the dispatcher took.

    Every seat is checked against an own account of the fleet, which no method shares: AssertionError names a pod that
    does not fit where it was put.
    """
    account = _Account(sequence)
    wanted = marks_of(sequence, tuple(percent for percent in MARKS if percent <= until))
    end = max(wanted.values(), default=0)
    marks: list[Mark] = []
    waiting = sorted(wanted.items())
    spent = 0.0
    for first in range(0, end, batch):
        pods = sequence.pods[first : min(first + batch, end)]
        while waiting and waiting[0][1] < first + len(pods):
            marks.append(account.mark(waiting.pop(0)[0]))
        began = time.perf_counter()
        seats = dispatcher.place(pods)
        spent += time.perf_counter() - began
        account.book(pods, seats)
        if tell is not None:
            tell(first + len(pods), end)
    marks.extend(account.mark(percent) for percent, _ in waiting)
    return tuple(marks), spent


class _Account:
    """What is free by pods placed, kept apart from any method's own state."""

    def __init__(self, sequence: Sequence) -> None:
        self._nodes = sequence.nodes
        self._cpu = [node.cpu_milli for node in sequence.nodes]
        self._memory = [node.memory_mib for node in sequence.nodes]
        self._device = [[WHOLE] * node.gpu_count for node in sequence.nodes]
        self._arrived = self._arrived_milli = self._used = self._failed = self._failed_cpu = 0

    def mark(self, percent: int) -> Mark:
        """The figures now."""
        return Mark(percent, self._arrived, self._arrived_milli, self._used, self._failed, self._failed_cpu)

    def book(self, pods: tuple[Pod, ...], seats: list[Seat | None]) -> None:
        """Take what was placed; AssertionError if it is not there."""
        if len(seats) != len(pods):
            raise AssertionError(f"{len(pods)} pods were given, {len(seats)} are answered")
        for pod, seat in zip(pods, seats, strict=True):
            asked = pod.num_gpu * pod.gpu_milli
            self._arrived += 1
            self._arrived_milli += asked
            if seat is None:
                self._failed += 1
                self._failed_cpu += not pod.num_gpu
            else:
                self._take(pod, *seat)
                self._used += asked

    def _take(self, pod: Pod, row: int, devices: tuple[int, ...]) -> None:
        node = self._nodes[row]
        self._cpu[row] -= pod.cpu_milli
        self._memory[row] -= pod.memory_mib
        broken = self._cpu[row] < 0 or self._memory[row] < 0 or len(set(devices)) != pod.num_gpu
        broken |= bool(pod.num_gpu and pod.gpu_models) and node.gpu_model not in pod.gpu_models
        for device in devices:
            self._device[row][device] -= pod.gpu_milli
            broken |= self._device[row][device] < 0
        if broken:
            raise AssertionError(f"{pod.name} does not fit on {node.id}, devices {devices}")
