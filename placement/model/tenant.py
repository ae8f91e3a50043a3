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
