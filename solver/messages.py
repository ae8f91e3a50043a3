"""What a search tells while it runs. Plain data: crosses process borders, and is believed only after a check."""

from __future__ import annotations

from dataclasses import dataclass

from solver.certificate import Certificate
from solver.plan import Plan

__all__ = ["BoundFound", "Message", "PlanFound", "StartFound", "WaysGone"]


@dataclass(frozen=True)
class PlanFound:
    """A valid plan, lexicographically better than all told before."""

    plan: Plan
    values: tuple[int, ...]


@dataclass(frozen=True)
class StartFound(PlanFound):
    """The plan that the caller of a search has made meanwhile."""

    ways: int = 0
    """Greedy ways that it has gone (`greedy.ways`)."""


@dataclass(frozen=True)
class WaysGone:
    """How many greedy ways one side has gone while the caller makes the plan to start from (`greedy.ways`).

    The caller begins with the first ones, the search with the last ones, until they meet.
    """

    ways: int
    values: tuple[int, ...]
    """Of the best plan that it knows."""
    short: bool = False
    """As it looks, the caller will find no time for all that the search has not gone."""


@dataclass(frozen=True)
class BoundFound:
    """A lower bound of one tier, valid where every earlier tier is at most its limit."""

    tier: int
    value: int
    limits: tuple[int, ...]
    certificate: Certificate | None
    """None: a claim of CP-SAT."""
    cases: int = 0
    """Where there is no one certificate: how many cases are closed by counting or by one each; 0: no proof."""

    @property
    def exact(self) -> bool:
        """Proven in exact integers, whoever found the proof."""
        return self.certificate is not None or self.cases > 0


Message = PlanFound | BoundFound | WaysGone
