"""The replay: jobs arrive in order and end after their run time; every few minutes a method says who starts."""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import mean, quantiles

from bench.fairness.fleet import NODE_GPUS, Free, Seat
from bench.fairness.methods import Moment, Sharing
from bench.fairness.shares import jain, max_min
from bench.suites.philly import Job

__all__ = ["Figures", "replay"]


@dataclass
class Figures:
    """What a replay comes to. Shares are parts of all GPUs; means are over time, from each batch to the next."""

    hours: float
    arrived: int
    started: int
    used: float
    """Mean part of the GPUs in use."""
    shares: dict[str, float]
    """Mean dominant share by tenant."""
    due: dict[str, float]
    """Mean max-min fair share by tenant, of what it asked for at each moment."""
    jain_shares: float
    """Jain's index of the mean dominant shares."""
    jain_due: float
    """Mean of Jain's index of share / fair share over the tenants that ask, while more was asked for than there is."""
    least_due: float
    """Mean of the smallest share / fair share then."""
    contended: float
    """Part of the time in which more was asked for than there is."""
    wait_h: float
    """Mean wait of the jobs that started."""
    wait_p90_h: float
    unfinished: int
    """Jobs still waiting at the end."""


@dataclass
class _Sums:
    time_s: float = 0.0
    contended_s: float = 0.0
    used: float = 0.0
    jain: float = 0.0
    least: float = 0.0
    shares: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    due: dict[str, float] = field(default_factory=lambda: defaultdict(float))


def replay(
    jobs: Sequence[Job],
    nodes: int,
    period_s: int,
    method: Sharing,
    *,
    until_s: float,
    tell: Callable[[float], None] | None = None,
) -> Figures:
    """Replay the jobs that arrive before `until_s` (from the first arrival on); what runs then is cut off.

    A batch is due at each multiple of `period_s` since which something arrived or ended. ValueError if a method
    starts a job that does not wait, or on GPUs that are not free.
    """
    arriving = [job for job in jobs if job.start_s <= until_s]
    waiting: dict[str, deque[Job]] = {}
    running: dict[str, tuple[Job, tuple[Seat, ...], int]] = {}
    ends: list[tuple[int, str]] = []
    free, sums = Free(nodes), _Sums()
    used: Counter[str] = Counter()
    queued: Counter[str] = Counter()
    waits: list[float] = []
    capacity, at = NODE_GPUS * nodes, 0
    now = -(-arriving[0].start_s // period_s) * period_s if arriving else 0
    while now <= until_s:
        while ends and ends[0][0] <= now:
            job, seats, _ = running.pop(heapq.heappop(ends)[1])
            free.give(seats)
            used[job.tenant] -= job.gpus
        while at < len(arriving) and arriving[at].start_s <= now:
            waiting.setdefault(arriving[at].tenant, deque()).append(arriving[at])
            queued[arriving[at].tenant] += arriving[at].gpus
            at += 1
        for job, seats in method.start(Moment(now, waiting, free, running, used)):
            waiting[job.tenant].remove(job)
            free.take(seats)
            if sum(len(seat.devices) for seat in seats) != job.gpus:
                raise ValueError(f"{job.name} needs {job.gpus} GPUs")
            used[job.tenant] += job.gpus
            queued[job.tenant] -= job.gpus
            running[job.name] = (job, seats, now)
            heapq.heappush(ends, (now + max(1, job.duration_s), job.name))
            waits.append((now - job.start_s) / 3600)
        following = [end for end, _ in ends[:1]] + [job.start_s for job in arriving[at : at + 1]]
        if not following:
            break
        then = -(-min(following) // period_s) * period_s
        _count(sums, min(then, until_s) - now, capacity, used, queued)
        now = then
        if tell is not None:
            tell(now)
    return _figures(sums, at, waits, waiting)


def _count(sums: _Sums, seconds: float, capacity: int, used: Counter[str], queued: Counter[str]) -> None:
    demand = {name: used[name] + gpus for name, gpus in queued.items()}
    demand = {name: gpus for name, gpus in demand.items() if gpus}
    due = max_min(demand, capacity)
    sums.time_s += seconds
    sums.used += seconds * used.total() / capacity
    for name in demand:
        sums.shares[name] += seconds * used[name] / capacity
        sums.due[name] += seconds * due[name] / capacity
    if sum(demand.values()) > capacity:
        rated = [min(1.0, used[name] / due[name]) for name in demand]
        sums.contended_s += seconds
        sums.jain += seconds * jain(rated)
        sums.least += seconds * min(rated)


def _figures(sums: _Sums, arrived: int, waits: list[float], waiting: dict[str, deque[Job]]) -> Figures:
    time_s, contended_s = max(1.0, sums.time_s), max(1.0, sums.contended_s)
    shares = {name: total / time_s for name, total in sorted(sums.shares.items())}
    return Figures(
        hours=sums.time_s / 3600,
        arrived=arrived,
        started=len(waits),
        used=sums.used / time_s,
        shares=shares,
        due={name: total / time_s for name, total in sorted(sums.due.items())},
        jain_shares=jain(shares.values()),
        jain_due=sums.jain / contended_s,
        least_due=sums.least / contended_s,
        contended=sums.contended_s / time_s,
        wait_h=mean(waits) if waits else 0.0,
        wait_p90_h=quantiles(waits, n=10)[-1] if len(waits) > 1 else 0.0,
        unfinished=sum(len(jobs) for jobs in waiting.values()),
    )
