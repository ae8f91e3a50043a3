"""Who shares the fleet: weights for fairness, quotas for limits."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from placement.model.fields import Document, Name, Natural

__all__ = ["Tenant"]

_ByModel = Annotated[dict[Name, Natural], Field(max_length=256)]


class Tenant(Document):
    """A tenant; workloads of tenants that are not listed have weight 1 and no quota."""

    name: Name
    weight: Annotated[int, Field(ge=1, le=1_000_000)] = 1
    """Share of what is not guaranteed to anybody, relative to its siblings (its over-quota weight)."""
    quota_gpu_milli: Natural | None = None
    """Most GPU milli in use at once, over all models; none = no limit."""
    quota_by_model: _ByModel = Field(default_factory=dict)
    """GPU model to the most GPU milli in use at once."""
    parent: Name | None = None
    """The listed tenant that this one belongs to; quotas, guarantees and budgets of a tenant cover all below it.
    There are at most 64 levels."""
    guaranteed_gpu_milli: Natural | None = None
    """GPU milli that are never taken back: below it, nothing of the tenant is evicted for others."""
    guaranteed_by_model: _ByModel = Field(default_factory=dict)
    """GPU model to the GPU milli of it that are never taken back."""
    borrowing_limit_gpu_milli: Natural | None = None
    """Most GPU milli that it uses beyond its guarantee; none = whatever others leave."""
    borrowing_limit_by_model: _ByModel = Field(default_factory=dict)
    """GPU model to the most GPU milli of it beyond the guarantee for that model."""
    lending_limit_gpu_milli: Natural | None = None
    """Most GPU milli of its guarantee that others may use while it does not; none = all, 0 = nothing."""
    lending_limit_by_model: _ByModel = Field(default_factory=dict)
    """GPU model to the most GPU milli of its guarantee for that model that others may use."""
    used_gpu_milli_h: Natural = 0
    """GPU milli-hours of its own work in the past, decayed: each hour that lies x half lives back counts 2**-x."""
    disruption_budget: Annotated[int, Field(ge=0, le=1_000_000)] | None = None
    """Most of its running workloads that one decision moves, shrinks or evicts; none = no limit."""
