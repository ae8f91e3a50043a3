"""Vacant: what it is worth that whole groups of bins hold nothing (a state {used, free} of each group)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from solver.items import IntArray
from solver.plan import Plan
from solver.problem import Atom, Encoding, Problem

__all__ = ["Vacant"]


@dataclass(frozen=True, eq=False)
class Vacant(Atom):
    """Of the groups named by `labels`, `wanted` are to hold no replica; each one that is missing costs.

    Cost = price_each x max(0, wanted - groups without a replica). `labels` int64[N]: the group of every bin, -1 for
    bins that do not matter; `wanted` is at most the number of groups.
    """

    rule: str
    tier: int
    labels: IntArray
    wanted: int
    price_each: int

    @cached_property
    def groups(self) -> tuple[int, ...]:
        """The labels that occur."""
        return tuple(np.unique(self.labels[self.labels >= 0]).tolist())

    def items(self) -> Iterable[int]:
        """None by name: it speaks of bins."""
        return ()

    def remap(self, new: Mapping[int, int]) -> Atom | None:
        """Itself."""
        return self

    def validate(self, problem: Problem) -> None:
        """One label per bin, a price that is not negative, and no more wanted than there are."""
        if self.labels.shape != (problem.bins.count,) or self.price_each < 0:
            raise ValueError(f"{self.rule}: labels are int64[bins], and a price is not negative")
        if not 0 <= self.wanted <= len(self.groups):
            raise ValueError(f"{self.rule}: {self.wanted} groups are wanted, there are {len(self.groups)}")

    def signature(self, problem: Problem) -> Iterable[IntArray]:
        """The groups."""
        yield self.labels

    def given(self, problem: Problem, fixed: Plan) -> Iterable[Atom]:
        """Groups that hold what is fixed can no longer be free."""
        used = self._used(fixed)
        left = [group for group in self.groups if group not in used]
        if left:
            labels = np.where(np.isin(self.labels, left), self.labels, -1)
            yield replace(self, labels=labels, wanted=min(self.wanted, len(left)))

    def encode(self, into: Encoding) -> None:
        """One 0/1 column "in use" per group, under two families of rows.

        Touch: replicas of a part in the group <= the most that fit x in use. Reservation: the load of all parts <= the
        free room x in use (over a cell with bins of several groups: <= the room outside + the sum over the groups).
        """
        there = set(np.unique(self.labels[into.known_bins()]).tolist())
        in_use = {group: into.model.var(0, 1, int(group in there)) for group in self.groups}
        ends = [(int(self.labels[bins].min()), int(self.labels[bins].max())) for bins in into.members]
        whole: dict[int, list[int]] = {}
        for cell, (low, high) in enumerate(ends):
            if low == high >= 0:
                whole.setdefault(low, []).append(cell)
            elif high >= 0:
                self._reserve(into, [cell], in_use)
        for group, cells in whole.items():
            self._reserve(into, cells, in_use)
            for key, part in into.problem.parts():
                counts = into.counts(key)
                held = [cell for cell in cells if cell in counts]
                if held:
                    most = min(part.count, sum(into.most(key, cell) for cell in held))
                    into.model.at_most([counts[cell] for cell in held], in_use[group], most)
        self._charge(into, in_use, len(there & in_use.keys()))

    def _reserve(self, into: Encoding, cells: list[int], in_use: Mapping[int, int]) -> None:
        columns, volumes = [], []
        for key, part in into.problem.parts():
            if part.demand.volume:
                counts = into.counts(key)
                found = [counts[cell] for cell in cells if cell in counts]
                columns += found
                volumes += [part.demand.volume] * len(found)
        if not columns:
            return
        bins = np.concatenate([into.members[cell] for cell in cells])
        room = into.problem.bins.devices[bins].sum(axis=1)
        outside = 0
        for group in np.unique(self.labels[bins]).tolist():
            free = int(room[self.labels[bins] == group].sum())
            if group < 0:
                outside = free
            else:
                columns.append(in_use[group])
                volumes.append(-free)
        into.model.row(columns, volumes, hi=outside)

    def _charge(self, into: Encoding, in_use: Mapping[int, int], used: int) -> None:
        spare = len(in_use) - self.wanted
        if not spare:
            for col in in_use.values():
                into.model.cost(self.tier, col, self.price_each)
            return
        missing = into.model.var(0, self.wanted, max(0, used - spare))
        into.model.row([*in_use.values(), missing], [1] * len(in_use) + [-1], hi=spare)
        into.model.cost(self.tier, missing, self.price_each)

    def cost(self, problem: Problem, plan: Plan) -> int:
        """Price of the groups that are missing."""
        free = len(self.groups) - len(self._used(plan))
        return self.price_each * max(0, self.wanted - free)

    def _used(self, plan: Plan) -> set[int]:
        bins = {seat.bin for parts in plan.seats.values() for seats in parts for seat in seats}
        return {int(label) for label in self.labels[sorted(bins)] if label >= 0}
