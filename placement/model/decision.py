"""The answer to a case: where everything goes, what stays out and why, and how good it is."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from placement.model.document import parse_document, read_bytes, write_text
from placement.model.fields import Document, Name, Natural, Objective, Text
from placement.model.state import Device

__all__ = [
    "BoundSource",
    "Certificate",
    "Decision",
    "Eviction",
    "Growth",
    "Hold",
    "Move",
    "PlacedReplica",
    "Placement",
    "Shrink",
    "Status",
    "Term",
    "TierReport",
    "Unplaced",
    "Verdict",
    "WarmBound",
    "WarmReport",
    "read_decision",
    "write_decision",
]

BoundSource: TypeAlias = Literal["certificate", "solver"]
"""Where a bound comes from: multipliers that the checker re-evaluates, or the solver's word."""
Gap: TypeAlias = Annotated[float, Field(ge=0, le=1)]
"""Relative gap: 0 = proven, 1 = nothing is known."""
Tier: TypeAlias = Annotated[int, Field(ge=1, le=9)]


class Status(StrEnum):
    """What is proven: all tiers, not all tiers, or the greedy floor because the search did not deliver."""

    OPTIMAL = "OPTIMAL"
    FEASIBLE = "FEASIBLE"
    FALLBACK = "FALLBACK"


class Verdict(StrEnum):
    """What became of a workload."""

    PLACED = "PLACED"
    IMPOSSIBLE = "IMPOSSIBLE"
    """Would not fit an empty, healthy fleet."""
    NO_ROOM = "NO_ROOM"
    """Does not fit beside the running work, even alone."""
    OUTCOMPETED = "OUTCOMPETED"
    """Would fit alone; others took the room."""
    NOT_FOUND = "NOT_FOUND"
    """Nothing is proven: no placement was found in time."""
    REJECTED = "REJECTED"
    """Cannot be meant as written (admission)."""


class TierReport(Document):
    """One tier of the objective (smaller is better), in points; bounds keep the earlier tiers."""

    tier: Tier
    value: Objective
    bound: Objective | None = None
    """No plan that keeps the earlier tiers is below this; none = no bound."""
    gap: Gap | None = None
    abs_gap: Objective | None = None
    bound_source: BoundSource | None = None
    do_nothing: Objective = 0
    """Value of refusing all pending work and leaving all running work in place."""
    terms: tuple[Name, ...] = ()
    """Names of the rules that add up to the tier; their figures are in `Decision.terms`."""


class Term(Document):
    """One rule's part of a tier: `points` (weighted) sum to the tier's value; `natural` is in `unit`."""

    name: Name
    tier: Tier
    points: Objective
    natural: float
    unit: Annotated[str, Field(max_length=64)]
    weight: Annotated[int, Field(ge=0, le=1_000_000)] = 1


class PlacedReplica(Document):
    """One replica on one node; no devices for work without GPUs."""

    subgroup: Name
    role: Name
    node: Name
    devices: tuple[Device, ...] = ()


class Placement(Document):
    """Where a workload goes, replica by replica."""

    workload: Name
    replicas: tuple[PlacedReplica, ...]


class Move(Document):
    """Running work of which `moved` replicas go elsewhere; `replicas` is all of it once that is done, less growth."""

    workload: Name
    moved: Annotated[int, Field(ge=1, le=1_000_000)]
    replicas: tuple[PlacedReplica, ...]


class Shrink(Document):
    """Running work that ends `lost` of its replicas; `replicas` are those that stay where they are."""

    workload: Name
    lost: Annotated[int, Field(ge=1, le=1_000_000)]
    replicas: tuple[PlacedReplica, ...]


class Growth(Document):
    """A role of running work that gets replicas beside those that it has, up to what the workload wants.

    `before` and `after` are its numbers of replicas, `added` are the new ones: `after - before` of them. They are not
    among the `replicas` of a move or shrink of the same workload.
    """

    workload: Name
    subgroup: Name
    role: Name
    before: Annotated[int, Field(ge=0, le=1_000_000)]
    after: Annotated[int, Field(ge=1, le=1_000_000)]
    added: Annotated[tuple[PlacedReplica, ...], Field(min_length=1)]


class Eviction(Document):
    """Running work that is ended whole, and the placed work that takes its room on the same nodes."""

    workload: Name
    rivals: tuple[Name, ...] = ()


class Unplaced(Document):
    """Why a workload is not placed: the verdict, the rule that decides, the rivals in its place."""

    workload: Name
    verdict: Verdict
    rule: Name | None = None
    reason: Text = ""
    rivals: tuple[Name, ...] = ()


class Hold(Document):
    """A requirement that the running state already breaks: it is held from getting worse."""

    rule: Name
    subject: Text
    detail: Text = ""


class Certificate(Document):
    """Multipliers that prove a tier's bound without the solver: one integer per row, divided by `scale`.

    A row is named by its model and by who wrote it about what (`solver.rows`). Rows that are `kept` are no part of the
    sum but stand as they are, each a knapsack of its own that the checker solves in integers (`solver.blocks`).

    `limits` are the values of the earlier tiers that the bound is conditional on, tier 1 first.
    """

    tier: Tier
    scale: Annotated[int, Field(ge=1, le=2**62)]
    limits: tuple[Objective, ...] = ()
    multipliers: tuple[tuple[str, Objective], ...] = ()
    kept: tuple[str, ...] = ()


class WarmBound(Document):
    """What the multipliers of an earlier answer prove now, under the values of the earlier tiers."""

    tier: Tier
    bound: Objective


class WarmReport(Document):
    """What became of the earlier answer that a decision went on from, counted in waiting workloads that it placed."""

    kept: Natural
    """Placed with every replica on the same node as before."""
    changed: Natural
    """Placed with a replica elsewhere."""
    dropped: Natural
    """Not placed any more."""
    unknown: Natural
    """Placements that were ignored: of workloads that are not in the case (any more), or said twice."""
    bounds: tuple[WarmBound, ...] = ()


class Decision(Document):
    """A verified answer. `gap` is that of the first open tier, `gap_tier`; timings are in ms."""

    schema_version: Literal[1] = 1
    case_id: Name
    status: Status
    fallback_reason: Text | None = None
    tiers: tuple[TierReport, ...] = ()
    gap: Gap | None = None
    gap_tier: Tier | None = None
    bound_source: BoundSource | None = None
    terms: tuple[Term, ...] = ()
    placements: tuple[Placement, ...] = ()
    unplaced: tuple[Unplaced, ...] = ()
    moves: tuple[Move, ...] = ()
    shrinks: tuple[Shrink, ...] = ()
    growths: tuple[Growth, ...] = ()
    evictions: tuple[Eviction, ...] = ()
    holds: tuple[Hold, ...] = ()
    timings: dict[str, float] = Field(default_factory=dict)
    certificates: tuple[Certificate, ...] = ()
    warm: WarmReport | None = None
    """Where it went on from an earlier answer."""

    def to_json(self) -> str:
        """The decision as compact JSON with every key present."""
        return self.model_dump_json()

    @classmethod
    def from_json(cls, data: bytes | str) -> Decision:
        """Parse and validate; InputError names the field and the mend."""
        return parse_document(cls, data, "decision")


def read_decision(path: str | Path) -> Decision:
    """Read a decision from a .json or .json.gz file; InputError if it is unreadable or malformed."""
    return Decision.from_json(read_bytes(path))


def write_decision(decision: Decision, path: str | Path) -> None:
    """Write a decision to a .json or .json.gz file; InputError if the path cannot be written."""
    write_text(path, decision.to_json() + "\n")
