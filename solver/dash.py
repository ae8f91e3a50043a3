"""Placing in a hurry: what greedy has no time left to weigh is put where it fits, whatever that costs."""

from __future__ import annotations

from collections import deque

from solver.chunks import PLENTY
from solver.gang import Gang
from solver.ground import Ground
from solver.items import BoolArray, Demand, IntArray
from solver.plan import Seat
from solver.problem import Joint
from solver.sheet import sheet_of

__all__ = ["Dash"]

_TRIES = 12
"""Bins with the same number of free devices that limits or resources may close before those with more are looked at."""

_Queues = list[deque[int]]


class Dash:
    """Places items without weighing prices and spans; limits are kept.

    An item of one part goes to the bins with the fewest free devices that hold it, in order; all else is placed as
    ever. Bins by their whole free devices, a queue for each number, one set of queues for each mask.

    A bin whose devices have changed is moved when its turn comes.
    """

    def __init__(self, ground: Ground) -> None:
        self.ground = ground
        self.free = ground.free
        self._queues: dict[int, tuple[BoolArray | None, _Queues]] = {}

    def place(self, item: int) -> bool:
        """Place one item, settled on the ground; False (and nothing taken) if no place is found."""
        gang, sheet = self.ground.problem.items[item], sheet_of(self.ground.problem, item)
        if len(gang.parts) > 1 or sheet.shapes or not gang.parts[0].demand.volume:
            return Gang(self.ground, item).place() is not None
        part = gang.parts[0]
        joints = [joint for ledger in self.ground.ledgers[item] for joint in ledger.joints((item, 0), {})]
        want = min([part.count, *(int(joint.room[0]) for joint in joints if joint.everywhere)])
        if want < max(1, part.min_count):
            return False
        queues = self._queues_of(self.ground.mask((item, 0)))
        found, closed, put = self._find(part.demand, want, [j for j in joints if not j.everywhere], queues)
        placed = put >= max(1, part.min_count)
        if placed:
            seats: list[Seat] = []
            for bin_, amount in sorted(found):
                seats += sorted(self.free.take(part.demand, bin_, amount))
            self.ground.settle(item, (tuple(seats),), taken=True)
        for bin_, _ in reversed(found):
            queues[int(self.free.whole[bin_])].appendleft(bin_)
        for bin_ in closed:
            queues[int(self.free.whole[bin_])].append(bin_)
        return placed

    def _queues_of(self, mask: BoolArray | None) -> _Queues:
        known = self._queues.get(id(mask))
        if known is None:
            usable = self.free.milli > 0
            if mask is not None:
                usable &= mask
            made: _Queues = [deque() for _ in range(self.free.devices.shape[1] + 1)]
            bins = usable.nonzero()[0]
            for bin_, whole in zip(bins.tolist(), self.free.whole[bins].tolist(), strict=True):
                made[whole].append(bin_)
            known = self._queues[id(mask)] = mask, made
        return known[1]

    def _find(
        self, demand: Demand, want: int, joints: list[Joint], queues: _Queues
    ) -> tuple[list[tuple[int, int]], list[int], int]:
        """Bins and replicas in each, bins that were closed, replicas in all; the bins are taken off their queues."""
        found: list[tuple[int, int]] = []
        closed: list[int] = []
        limits: list[tuple[IntArray, IntArray, dict[int, int]]] = [(one.labels, one.room, {}) for one in joints]
        whole_of, put = self.free.whole.item, 0
        for number in range(demand.devices, len(queues)):
            queue, tries = queues[number], _TRIES
            while queue and put < want and tries:
                bin_ = queue.popleft()
                whole = whole_of(bin_)
                if whole != number:
                    queues[whole].append(bin_)
                    continue
                amount = want - put
                for labels, room, used in limits:
                    label = labels.item(bin_)
                    if label >= 0:
                        amount = min(amount, room.item(label) - used.get(label, 0))
                if amount > 0:
                    amount = min(amount, self._room(demand, bin_, whole))
                if amount <= 0:
                    closed.append(bin_)
                    tries -= 1
                    continue
                for labels, _, used in limits:
                    label = labels.item(bin_)
                    used[label] = used.get(label, 0) + amount
                found.append((bin_, amount))
                put += amount
            if put == want:
                break
        return found, closed, put

    def _room(self, demand: Demand, bin_: int, whole: int) -> int:
        """Replicas that fit a bin."""
        if demand.devices:
            room = whole // demand.devices
        elif demand.milli:
            room = sum([free // demand.milli for free in self.free.devices[bin_].tolist()])
        else:
            room = PLENTY
        for free, amount in zip(self.free.resources[bin_].tolist(), demand.resources, strict=True):
            if amount:
                room = min(room, free // amount)
        return room
