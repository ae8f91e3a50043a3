"""What is compared: a method answers an instance, a judge that trusts nobody measures the answer.

A method is given the *subject* of an instance (a `Case`, or a problem of another family such as `bench.fleet_j.FleetJ`)
and returns an `Answer`: plain placements, bounds that it claims, and how long its phases took. Values are never taken
from a method. Methods on cases are `CaseMethod`s: their placements are re-evaluated with
`placement.verify.verify_placements` and by the rules' oracles.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeAlias, TypeVar

from placement.compile import Lifted
from placement.model import Case, Decision, Placement

__all__ = ["Answer", "CaseMethod", "Method", "Placements", "Refusal", "answer_of"]

Placements: TypeAlias = tuple[Placement, ...]
"""Where the admitted workloads of a case go; those that are left out are not placed.

Replicas may leave `devices` empty: any that fit the node are then found (`placement.seating`).
"""
S = TypeVar("S")
A = TypeVar("A")


@dataclass(frozen=True)
class Answer(Generic[A]):
    """What a method delivers.

    `bounds` are lower bounds per tier of the policy, the first tier first (None: none is claimed); the bound of a
    later tier is about plans that keep the method's own values of the earlier tiers. `timings_ms` are by phase.
    `disturbed` is for methods that also move, shrink or evict running work; without it all running work stays. A whole
    decision there is verified as one. `figures` are counts that only the method knows, by name; they and `note` go into
    the row.
    """

    placements: A
    bounds: tuple[int | None, ...] = ()
    timings_ms: Mapping[str, float] = field(default_factory=dict)
    disturbed: Decision | Lifted | None = None
    figures: Mapping[str, int] = field(default_factory=dict)
    note: str = ""


class Refusal(Exception):
    """A method says at once that it does not answer in so short a time, and why. Reports count it as left out."""


def answer_of(decision: Decision) -> Answer[Placements]:
    """A whole decision of ours, which goes with the answer so that its figures and proofs are verified too."""
    return Answer(
        decision.placements,
        bounds=tuple(tier.bound for tier in decision.tiers),
        timings_ms=decision.timings,
        disturbed=decision,
        note=decision.status.value + (f": {decision.fallback_reason}" if decision.fallback_reason else ""),
    )


class Method(ABC, Generic[S, A]):
    """One way to answer a kind of instance. Made once for a run, used many times, closed at its end."""

    name: str
    """Unique within the bench; it names the method in rows and reports."""
    timed = True
    """False for a method that takes no time limit: it then runs once per instance, whatever limits a suite has."""

    def missing(self) -> str | None:
        """Why the method cannot run on this machine (one line); None if it can. Such a method is skipped, and said."""
        return None

    def unfit(self, subject: S) -> str | None:
        """Why the method is not meant for a subject (its size, say); None if it is. Reports list what was left out."""
        return None

    def prepare(self, subject: S) -> None:
        """Get ready, untimed, for the answer that follows: what a server has done before a request comes."""

    @abstractmethod
    def answer(self, subject: S, *, time_limit_s: float, seed: int) -> Answer[A]:
        """Answer within about `time_limit_s` of wall time (overruns are measured); `seed` is for what is random."""

    def close(self) -> None:
        """Give processes and files back."""


CaseMethod: TypeAlias = Method[Case, Placements]
"""A method on cases."""
