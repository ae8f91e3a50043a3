"""Grow: items that run, or are placed, with fewer replicas than wanted get further ones where that pays.

What they have is kept. Whether room may be made for them by others is for the search.
"""

from __future__ import annotations

from collections.abc import Iterable

from solver.gang import Gang
from solver.ground import Ground
from solver.plan import Seat
from solver.problem import Problem

__all__ = ["grow", "may_grow"]


def may_grow(problem: Problem) -> frozenset[int]:
    """The items that run with fewer replicas than wanted; looked up once."""
    return problem.recall("may grow", lambda: frozenset(i for i in problem.homes if _missing(problem, i)))


def _missing(problem: Problem, item: int) -> bool:
    parts = problem.items[item].parts
    return any(len(seats) < part.count for seats, part in zip(problem.homes[item], parts, strict=True))


def grow(ground: Ground, items: Iterable[int]) -> None:
    """Give the placed items, in this order, what they lack and there is room for, if the plan gets better by it."""
    for item in items:
        seats = ground.seats.get(item)
        if seats is None or not _room(ground, item, seats):
            continue
        if ground.expired():
            return
        before = ground.values()
        ground.drop(item)
        if Gang(ground, item, seats).place() is not None:
            if ground.values() < before:
                continue
            ground.drop(item)
        ground.settle(item, seats)


def _room(ground: Ground, item: int, seats: tuple[tuple[Seat, ...], ...]) -> bool:
    """Whether some part lacks replicas and some bin has room for one."""
    parts = enumerate(zip(seats, ground.problem.items[item].parts, strict=True))
    lacking = (p for p, (held, part) in parts if len(held) < part.count)
    return any(bool(ground.offer((item, p)).room.any()) for p in lacking)
