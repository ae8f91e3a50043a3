"""A case made ready to be decided: canonical, named by its hash, its fleet compiled. Made once, decided often."""

from __future__ import annotations

from dataclasses import dataclass

from placement.model import Case
from topology.fabric import Fabric

__all__ = ["Snapshot"]


@dataclass(frozen=True)
class Snapshot:
    """`case` is canonical, `case_id` its content hash, `fabric` its compiled fleet."""

    case: Case
    case_id: str
    fabric: Fabric

    @classmethod
    def of(cls, case: Case, fabric: Fabric | None = None) -> Snapshot:
        """Prepare a case; `fabric` spares compiling a fleet that is known already."""
        canonical = case.canonical()
        return cls(canonical, canonical.id, fabric if fabric is not None else Fabric.from_fleet(canonical.fleet))
