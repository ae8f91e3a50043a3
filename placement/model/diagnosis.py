"""Why a workload is not placed, and what would help: causes that are each necessary, repairs that were tried."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from placement.model.fields import Document, Name, Objective, Text

__all__ = ["Cause", "Diagnosis", "Lack", "Price", "Repair", "Scope"]


class Scope(StrEnum):
    """Under what the workload was proven not to fit, the strongest statement first."""

    EMPTY_FLEET = "EMPTY_FLEET"
    """Alone on the empty fleet, nodes and policy as they are."""
    PROTECTED = "PROTECTED"
    """Beside the running work that may not be evicted, left where it is; all else gone."""
    PERMITTED = "PERMITTED"
    """Beside what may not be disturbed, with all moves and evictions that budgets, guarantees and quotas permit."""
    AS_IT_RUNS = "AS_IT_RUNS"
    """Beside all running work, left where it is."""
    KEPT = "KEPT"
    """Beside all that the decision places or keeps running, wherever that goes: it would fit in the place of some."""


class Cause(Document):
    """One member: a rule as it concerns this workload, one limit of a rule, work that runs, or work that is placed."""

    kind: Literal["rule", "limit", "running", "placed"]
    name: Name
    detail: Text = ""


class Repair(Document):
    """One change after which the workload fits; `verified` by a placement that was checked.

    Beside all running work where it is, or, if the diagnosis says so (`gives_way`), with permitted moves and evictions.
    """

    kind: Literal["wait", "shrink", "relax", "quota", "guarantee", "budget", "move", "end", "restore"]
    change: Text
    setting: Text = ""
    """The same for `moorage whatif`, where that has a word for it."""
    verified: bool
    least: bool = True
    """Whether less of the same change was proven not to do; true of a change that has no amount."""


class Price(Document):
    """What putting the workload in would cost, tier by tier, and who would lose for it."""

    tiers: tuple[tuple[int, Objective], ...]
    """(tier, points more than now)."""
    losers: tuple[Name, ...] = ()
    proven: bool = False
    """Whether the forced answer is proven optimal in its first tier; if not, it may cost less."""


class Lack(Document):
    """A role of running work that has fewer replicas than wanted, also after the decision, and what keeps it there."""

    subgroup: Name
    role: Name
    runs: Annotated[int, Field(ge=0, le=1_000_000)]
    after: Annotated[int, Field(ge=0, le=1_000_000)]
    wanted: Annotated[int, Field(ge=1, le=1_000_000)]
    rule: Name | None = None
    """The first rule without which a further replica would fit; none where it would fit, or may not grow."""
    reason: Text = ""


class Diagnosis(Document):
    """`conflict` cannot be kept whole: with it the workload does not fit. `minimal`: without any one member it does."""

    workload: Name
    placed: bool = False
    scope: Scope | None = None
    """None: it was not proven not to fit."""
    proof: Text | None = None
    conflict: tuple[Cause, ...] = ()
    minimal: bool = False
    background: tuple[Name, ...] = ()
    """Running work that stays by any means (groups, affinity, MIG, what breaks a rule): part of the ground."""
    repairs: Annotated[tuple[Repair, ...], Field(max_length=64)] = ()
    gives_way: bool = False
    """Whether the repairs lean on moves and evictions that the limits permit; else all that runs stays."""
    price: Price | None = None
    """Where it fits, or would if work that may be evicted went: the optimum refuses it, at this price."""
    lacks: tuple[Lack, ...] = ()
    """Of running work (which is `placed`): what it lacks, and why."""
