"""Requests and answers of the service as documents; the messages of the contract mirror them field by field."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, TypeAlias

from pydantic import Field, model_validator

from placement.model.case import Budget
from placement.model.decision import Decision, Hold, Placement
from placement.model.fields import Document, Name, Natural, Params, refuse, refuse_repeats
from placement.model.policy import Policy
from placement.model.state import Running
from placement.model.tenant import Tenant
from placement.model.workload import PlacementGroup, Workload
from placement.store import Difference
from placement.whatif import Comparison
from topology.edits import Edit
from topology.model import Fleet

__all__ = [
    "BatchBody",
    "CaseAnswer",
    "CaseBody",
    "CheckAnswer",
    "CheckBody",
    "EditAnswer",
    "EditBody",
    "FabricAnswer",
    "ListAnswer",
    "ListBody",
    "PlaceAnswer",
    "PlaceBody",
    "PutAnswer",
    "PutBody",
    "ReconcileAnswer",
    "ReconcileBody",
    "ReleaseAnswer",
    "ReleaseBody",
    "WhatIfAnswer",
    "WhatIfBody",
    "joined",
    "share",
]

Mark: TypeAlias = Annotated[str, Field(max_length=253)]
"""A version or a request id; empty = none."""


class BatchBody(Document):
    """What to decide, beside what, in which time; `max_solve_time` is in milliseconds, rounded up."""

    request_id: Mark = ""
    workloads: tuple[Workload, ...] = ()
    running: tuple[Running, ...] = ()
    use_server_state: bool = False
    tenants: tuple[Tenant, ...] = ()
    groups: tuple[PlacementGroup, ...] = ()
    policy: Policy | None = None
    max_solve_time: Annotated[int, Field(ge=1, le=86_400_000)] | None = None
    work: Annotated[int, Field(ge=1, le=10**9)] | None = None
    seed: Natural = 0
    expected_fabric_version: Mark = ""
    now_s: Natural | None = None
    validate_only: bool = False
    warm: Decision | None = None

    @model_validator(mode="after")
    def _one_of_two(self) -> BatchBody:
        if self.work is not None and self.max_solve_time is not None:
            refuse("work", "work and max_solve_time are both set", "set one of the two")
        _one_state(self.use_server_state, self.running)
        refuse_repeats([workload.id for workload in self.workloads], "workloads", "id")
        return self

    @property
    def reserves(self) -> bool:
        """Whether what is placed is to be kept."""
        return self.use_server_state and not self.validate_only

    @property
    def company(self) -> str | None:
        """Calls of equal company may be decided as one; None: alone.

        Only their workloads, their time and what they go on from differ.
        """
        if not self.reserves or self.work is not None:
            return None
        own = {"request_id": "", "workloads": (), "max_solve_time": None, "warm": None}
        return self.model_copy(update=own).model_dump_json()

    def asked_ms(self, default_ms: int) -> int:
        """The wall time the caller asked for."""
        return default_ms if self.max_solve_time is None else self.max_solve_time

    def budget(self, default_ms: int, remaining_ms: int | None) -> Budget:
        """The budget of the case: `work`, or the wall time asked for, at most what remains of the call."""
        if self.work is not None:
            return Budget(work=self.work)
        asked_ms = self.asked_ms(default_ms)
        return Budget(wall_ms=asked_ms if remaining_ms is None else min(asked_ms, remaining_ms))


class PlaceBody(BatchBody):
    """A PlaceRequest as a document: a batch that holds something. A question about a change may hold nothing."""

    workloads: Annotated[tuple[Workload, ...], Field(min_length=1)]


class PlaceAnswer(Document):
    """A PlaceResponse; `reserved_version` is None where nothing was reserved."""

    decision: Decision
    fabric_version: Mark
    state_version: Mark
    reserved_version: Mark | None = None


class ReleaseBody(Document):
    """A ReleaseRequest: ids of workloads that end."""

    request_id: Mark = ""
    workloads: Annotated[tuple[Name, ...], Field(min_length=1, max_length=200_000)]


class ReleaseAnswer(Document):
    """A ReleaseResponse: which of them ran and were ended, which did not run."""

    released: tuple[Name, ...] = ()
    unknown: tuple[Name, ...] = ()
    state_version: Mark


class ListBody(Document):
    """A ListPlacementsRequest."""

    page_size: Annotated[int, Field(ge=0, le=1000)] = 0
    page_token: Annotated[str, Field(max_length=2048)] = ""
    tenant: Mark = ""


class ListAnswer(Document):
    """A ListPlacementsResponse: one page, and the token of the next one (empty: none)."""

    running: tuple[Running, ...] = ()
    next_page_token: str = ""
    state_version: Mark


class CheckBody(Document):
    """A CheckRequest: placements of any origin to judge."""

    workloads: tuple[Workload, ...] = ()
    placements: tuple[Placement, ...] = ()
    running: tuple[Running, ...] = ()
    use_server_state: bool = False
    tenants: tuple[Tenant, ...] = ()
    groups: tuple[PlacementGroup, ...] = ()
    policy: Policy | None = None
    now_s: Natural | None = None

    @model_validator(mode="after")
    def _one_of_two(self) -> CheckBody:
        _one_state(self.use_server_state, self.running)
        return self


class CheckAnswer(Document):
    """A CheckResponse: one sentence per violation, none if valid."""

    violations: tuple[str, ...] = ()
    fabric_version: Mark
    state_version: Mark


class PutBody(Document):
    """A PutFabricRequest as a document."""

    fleet: Fleet
    running: tuple[Running, ...] = ()
    expected_version: Mark = ""


class PutAnswer(Document):
    """A PutFabricResponse: the versions of what was put."""

    fabric_version: Mark
    state_version: Mark


class FabricAnswer(Document):
    """A GetFabricResponse: everything that the server holds."""

    fleet: Fleet
    running: tuple[Running, ...] = ()
    fabric_version: Mark
    state_version: Mark


class EditBody(Document):
    """An EditFabricRequest: edits that are done one after the other, all or none."""

    request_id: Mark = ""
    edits: Annotated[tuple[Edit, ...], Field(min_length=1, max_length=1000)]
    expected_version: Mark = ""
    validate_only: bool = False


class EditAnswer(Document):
    """An EditFabricResponse: the nodes that changed, and the running workloads that sit on them."""

    fabric_version: Mark
    state_version: Mark
    nodes: tuple[Name, ...] = ()
    affected: tuple[Name, ...] = ()


class WhatIfBody(Document):
    """A WhatIfRequest: a Place that reserves nothing, and what differs on the other side."""

    place: BatchBody = Field(default_factory=BatchBody)
    edits: Annotated[tuple[Edit, ...], Field(max_length=1000)] = ()
    set: Params = Field(default_factory=dict)


class WhatIfAnswer(Document):
    """A WhatIfResponse: both decisions and what differs."""

    comparison: Comparison
    before: Decision
    after: Decision
    fabric_version: Mark
    state_version: Mark


class CaseBody(Document):
    """A GetCaseRequest: the id of a decided case, or the start of one."""

    case_id: Annotated[str, Field(max_length=253)]


class CaseAnswer(Document):
    """A GetCaseResponse: the case as a document, its decision, when it was decided, and what that went on from."""

    case_json: str
    decision: Decision
    kept_s: Natural
    warm: Decision | None = None


class ReconcileBody(Document):
    """A ReconcileRequest: the orchestrator's own list of all that runs."""

    request_id: Mark = ""
    running: Annotated[tuple[Running, ...], Field(max_length=500_000)] = ()
    adopt: bool = False
    grace_s: Annotated[int, Field(ge=0, le=10**9)] = 0
    expected_state_version: Mark = ""


class ReconcileAnswer(Document):
    """A ReconcileResponse: where the two lists differ, and what the adopted one breaks."""

    differences: tuple[Difference, ...] = ()
    adopted: bool = False
    state_version: Mark
    holds: tuple[Hold, ...] = ()


def _one_state(use_server_state: bool, running: tuple[Running, ...]) -> None:
    if use_server_state and running:
        refuse("running", "running and use_server_state are both set", "set one of the two")


def joined(decisions: Sequence[Decision]) -> Decision | None:
    """Earlier decisions of several calls as one: the placements of all, the multipliers of the first that has any."""
    if len(decisions) < 2:
        return decisions[0] if decisions else None
    proofs = next((one.certificates for one in decisions if one.certificates), ())
    placements = tuple(placement for one in decisions for placement in one.placements)
    return decisions[0].model_copy(update={"placements": placements, "certificates": proofs})


def share(decision: Decision, body: BatchBody, *, whole: bool) -> Decision:
    """The part of a joint decision that answers one call; values and bounds are those of all."""
    if whole:
        return decision
    names = {workload.id for workload in body.workloads}
    return decision.model_copy(
        update={
            "placements": tuple(one for one in decision.placements if one.workload in names),
            "unplaced": tuple(one for one in decision.unplaced if one.workload in names),
        }
    )
