"""The sequential way of orchestrators: quota, then victims in order, then topology; each step keeps to the last one.

Two forms of it, both best-fit, both on one gang after another in order of tier and priority:

- `count-first`: victims are ended until the *number* of free GPUs suffices, then a place is looked for. If the shape of
  the gang (whole nodes, one rack, segments) finds none in what became free, the victims are gone and the gang waits.
- `try-victims`: victims are taken in the same order, and after each one a place is looked for; nothing is ended for a
  gang that then does not fit. Victims that turn out not to be needed stay.

Victims are less important evictable work, in the order that Kueue documents: first of tenants that are above their
guarantee (borrow), then the lowest tier and priority, then what was started last. Nothing is ended against a
disruption budget or a guarantee. For quota only work below the same quota counts. At the end victims of gangs that did
find a place are started again where they fit (requeued). The threads are named in README.md.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable
from functools import partial

import numpy as np

from bench.baselines.best_fit import BestFit
from bench.baselines.gangs import Gang, case_state, codes_of, counts_of, demand_of, importance, ledgers_of
from bench.baselines.scoring import Placer
from bench.method import Answer, Placements
from bench.prepared import Prepared, lowered
from placement.compile import Lowered, lift
from placement.model import Case
from placement.rules.disturbance import homes as running_homes
from placement.rules.tenancy import families
from placement.snapshot import Snapshot
from solver.atoms import Disruptions, Floor, Share
from solver.plan import Plan, Seat

__all__ = ["Sequential"]

_Seats = tuple[tuple[Seat, ...], ...]


class Sequential(Prepared):
    """One of the two forms; it takes no time limit. `figures` tell the gangs that wait in spite of evictions."""

    timed = False

    def __init__(self, *, tries: bool) -> None:
        """`tries`: look for a place before anything is ended (`try-victims`)."""
        self.name = "try-victims" if tries else "count-first"
        self._tries = tries

    def answer(self, subject: Case, *, time_limit_s: float, seed: int) -> Answer[Placements]:
        """Lower, decide gang by gang, lift."""
        snapshot = self.snapshot(subject)
        began = time.perf_counter()
        case = lowered(snapshot)
        ready = time.perf_counter()
        queue = _Queue(case, snapshot, tries=self._tries)
        plan = queue.run()
        done = time.perf_counter()
        lifted = lift(case, plan)
        return Answer(
            lifted.placements,
            disturbed=lifted,
            figures={"gangs waiting after evictions": queue.failed, "ended for them": queue.wasted},
            timings_ms={"lower_ms": (ready - began) * 1e3, "place_ms": (done - ready) * 1e3},
        )


class _Queue:
    """What runs and what is placed so far, and whom that has cost."""

    def __init__(self, lowered: Lowered, snapshot: Snapshot, *, tries: bool) -> None:
        self._lowered, self._problem, self._tries = lowered, lowered.problem, tries
        self._placer = Placer(case_state(snapshot), BestFit())
        self._codes = codes_of(snapshot)
        self._ledgers = ledgers_of(lowered)
        self._demands = [[demand_of(ref.role, self._codes) for ref in one.parts] for one in lowered.refs]
        self._seats: dict[int, _Seats] = dict(self._problem.homes)
        for item, held in self._seats.items():
            self._count(item, held, 1)
        self._guards = [atom for atom in self._problem.atoms if isinstance(atom, Disruptions | Floor)]
        self._victims = self._in_order()
        self._again: list[int] = []
        self.failed = 0
        """Gangs for which work was ended and that wait all the same."""
        self.wasted = 0
        """Running workloads ended for them."""

    def run(self) -> Plan:
        """Go through the queue, then start again what was ended for others."""
        order = partial(importance, self._lowered)
        for item in sorted(set(range(len(self._lowered.refs))) - self._problem.homes.keys(), key=order):
            self._admit(item)
        for item in sorted(self._again, key=order):
            self._place(item)
        return Plan(dict(self._seats))

    def _admit(self, item: int) -> None:
        ended: list[int] = []
        if not self._end_for(item, self._quota_users(item), lambda: not self._above_quota(item), ended):
            self._restore(ended)
            return
        if self._place(item):
            self._again += ended
            return
        if self._tries:
            placed = self._end_for(item, None, lambda: self._place(item), ended)
            if not placed:
                self._restore(ended)
                return
            self._again += self._reprieved(item, ended)
            return
        counted = self._end_for(item, None, lambda: self._missing(item) <= 0, ended)
        if not counted:
            self._restore(ended)
            return
        ended = self._not_to_spare(item, ended)
        if self._place(item):
            self._again += ended
        elif ended:
            self.failed += 1
            self.wasted += len(ended)

    def _end_for(self, item: int, users: Iterable[int] | None, enough: Callable[[], bool], ended: list[int]) -> bool:
        """End victims one by one until it is enough; what is ended is added to `ended`."""
        if enough():
            return True
        allowed = None if users is None else set(users)
        rank = importance(self._lowered, item)[:2]
        for victim in self._victims:
            if victim not in self._seats or importance(self._lowered, victim)[:2] <= rank:
                continue
            if (allowed is None or victim in allowed) and self._end(victim):
                ended.append(victim)
                if enough():
                    return True
        return False

    def _not_to_spare(self, item: int, ended: list[int]) -> list[int]:
        """Of the victims those without which the count would be short, or a quota be broken."""
        kept = []
        for victim in ended:
            self._back(victim)
            if self._missing(item) > 0 or self._above_quota(item):
                self._drop(victim)
                kept.append(victim)
        return kept

    def _reprieved(self, item: int, ended: list[int]) -> list[int]:
        """Of the victims those without which the gang, placed anew, finds no place."""
        kept = []
        for victim in ended:
            held = self._seats.pop(item)
            self._lift_off(item, held)
            self._back(victim)
            if not self._above_quota(item) and self._place(item):
                continue
            self._drop(victim)
            self._sit(item, held)
            kept.append(victim)
        return kept

    def _restore(self, ended: list[int]) -> None:
        for victim in ended:
            self._back(victim)

    def _end(self, victim: int) -> bool:
        """End running work, unless a budget or a guarantee forbids it."""
        held = self._seats.pop(victim)
        plan = Plan(self._seats)
        if any(atom.violations(self._problem, plan) for atom in self._guards):
            self._seats[victim] = held
            return False
        self._lift_off(victim, held)
        return True

    def _drop(self, victim: int) -> None:
        self._lift_off(victim, self._seats.pop(victim))

    def _back(self, victim: int) -> None:
        self._sit(victim, self._problem.homes[victim])

    def _place(self, item: int) -> bool:
        found = Gang(self._lowered, self._placer, self._ledgers[item], item, self._codes).place()
        if found is None:
            return False
        self._seats[item] = found
        return True

    def _lift_off(self, item: int, held: _Seats) -> None:
        """Give back what an item that is out of the plan had."""
        for part, seats in enumerate(held):
            for seat in seats:
                self._placer.give_back(seat.bin, tuple(d for d, _ in seat.devices), self._demands[item][part])
        self._count(item, held, -1)

    def _sit(self, item: int, seats_of: _Seats) -> None:
        self._seats[item] = seats_of
        for part, seats in enumerate(seats_of):
            for seat in seats:
                self._placer.occupy(seat.bin, tuple(d for d, _ in seat.devices), self._demands[item][part])
        self._count(item, seats_of, 1)

    def _count(self, item: int, held: _Seats, times: int) -> None:
        counts = {part: counts_of(seats) for part, seats in enumerate(held)}
        for ledger in self._ledgers[item]:
            ledger.add(item, counts, times)

    def _above_quota(self, item: int) -> bool:
        """Whether the gang at its least size breaks a quota beside what runs and is placed."""
        return any(self._load(atom, item) > (atom.limit or 0) for atom in self._quotas(item))

    def _quotas(self, item: int) -> list[Share]:
        """Limits that hold on all nodes; those per GPU model are looked at with the place, as orchestrators do."""
        own = (a for a in self._problem.atoms_of[item] if isinstance(a, Share))
        return [a for a in own if a.rule == "quota" and a.limit is not None and a.bins is None]

    def _load(self, atom: Share, item: int) -> int:
        load = atom.base
        for (user, part), use in atom.use.items():
            if user == item:
                load += use * self._problem.items[item].parts[part].min_count
            elif user in self._seats:
                load += use * len(self._seats[user][part])
        return load

    def _quota_users(self, item: int) -> set[int]:
        return {user for atom in self._quotas(item) for user in atom.items()}

    def _missing(self, item: int) -> int:
        """GPU milli that the gang at its least size needs beyond what is free on nodes of any kind that it may use."""
        gang = self._problem.items[item]
        need = sum(d.total_milli * part.min_count for d, part in zip(self._demands[item], gang.parts, strict=True))
        usable = np.zeros(self._problem.bins.count, np.bool_)
        for part in range(len(gang.parts)):
            mask = np.ones(self._problem.bins.count, np.bool_)
            for atom in self._problem.own_atoms[item]:
                allowed = atom.mask((item, part))
                if allowed is not None:
                    mask &= allowed
            usable |= mask
        return need - int(self._placer.state.milli[usable].sum())

    def _in_order(self) -> list[int]:
        """Evictable work: of borrowers first, then the least important, then the youngest."""
        case = self._lowered.case
        found = {item: one for one, item, _ in running_homes(self._lowered.context) if one.evictable}
        members = families(case)
        used: Counter[str] = Counter()
        for work in (*case.running, *(one for one, _, _ in running_homes(self._lowered.context))):
            milli = sum(device.milli for replica in work.replicas for device in replica.devices)
            for name, family in members.items():
                if work.workload.tenant in family:
                    used[name] += milli
        borrows = {t.name for t in case.tenants if used[t.name] > (t.guaranteed_gpu_milli or 0)}

        def order(item: int) -> tuple[bool, int, int, int, str]:
            one = found[item].workload
            return (one.tenant not in borrows, -one.tier, one.priority, -found[item].start_s, one.id)

        return sorted(found, key=order)
