"""A case made ready: canonical, named by its hash, its fleet compiled, its running work counted. Decided often."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from placement.compile import count_usage
from placement.model import Case
from placement.rules.context import Usage
from placement.rules.registry import active_rules
from topology.fabric import Fabric

__all__ = ["Snapshot"]

_NOTHING: Mapping[str, bytes] = MappingProxyType({})


@dataclass(frozen=True)
class Snapshot:
    """`case` is canonical, `case_id` its content hash, `fabric` its compiled fleet."""

    case: Case
    case_id: str
    fabric: Fabric
    usage: Usage

    @classmethod
    def of(
        cls,
        case: Case,
        fabric: Fabric | None = None,
        *,
        known: Mapping[str, bytes] = _NOTHING,
        usage: Usage | None = None,
    ) -> Snapshot:
        """Prepare a case; `fabric` spares compiling a fleet that is known already.

        Fields in `known` are in canonical order already, by the word of the caller, who gives their JSON
        (`model.case.field_json`). The fleet of a fabric is in canonical order, too. `usage` is that of exactly this
        running work on that fabric, where it has been counted before.
        InputError for a policy that cannot be meant.
        """
        active_rules(case.policy)  # before the entries are sorted: an error names them as the caller numbered them
        ordered = frozenset(known)
        if fabric is not None and case.fleet is fabric.fleet:
            ordered |= {"fleet"}
        canonical = case.canonical(ordered)
        compiled = fabric if fabric is not None else Fabric.from_fleet(canonical.fleet)
        if usage is None:
            usage = count_usage(canonical.running, compiled)
        return cls(canonical, canonical.content_hash(known), compiled, usage)
