"""Tenants as a tree: who counts for whom."""

from __future__ import annotations

from collections.abc import Mapping

from placement.model.case import Case

__all__ = ["families"]


def families(case: Case) -> Mapping[str, frozenset[str]]:
    """Listed tenant -> itself and all tenants below it."""
    parents = {tenant.name: tenant.parent for tenant in case.tenants}
    found: dict[str, set[str]] = {name: set() for name in parents}
    for name in parents:
        above: str | None = name
        while above is not None:
            found[above].add(name)
            above = parents[above]
    return {name: frozenset(members) for name, members in found.items()}
