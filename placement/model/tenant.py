"""Who shares the fleet: weights for fairness, quotas for limits."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from placement.model.fields import Document, Name, Natural

__all__ = ["Tenant"]


class Tenant(Document):
    """A tenant; workloads of tenants that are not listed have weight 1 and no quota."""

    name: Name
    weight: Annotated[int, Field(ge=1, le=1_000_000)] = 1
    """Share of the fleet relative to the other tenants."""
    quota_gpu_milli: Natural | None = None
    """Most GPU milli in use at once, over all models; none = no limit."""
    quota_by_model: Annotated[dict[Name, Natural], Field(max_length=256)] = Field(default_factory=dict)
    """GPU model to the most GPU milli in use at once."""
    parent: Name | None = None
    """The listed tenant that this one belongs to; quotas, guarantees and budgets of a tenant cover all below it."""
    guaranteed_gpu_milli: Natural | None = None
    """GPU milli that are never taken back: below it, nothing of the tenant is evicted for others."""
    disruption_budget: Annotated[int, Field(ge=0, le=1_000_000)] | None = None
    """Most of its running workloads that one decision moves, shrinks or evicts; none = no limit."""
