"""The difference between what the server holds and what the orchestrator says that runs."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from placement.model import Running
from placement.model.fields import Document, Name, Text

__all__ = ["Difference", "DifferenceKind", "differences"]


class DifferenceKind(StrEnum):
    """UNKNOWN: only the orchestrator knows it. MISSING: only the server holds it. CHANGED: both, not the same."""

    UNKNOWN = "UNKNOWN"
    MISSING = "MISSING"
    CHANGED = "CHANGED"


class Difference(Document):
    """One workload on which server and orchestrator disagree, and a sentence that says how."""

    workload: Name
    kind: DifferenceKind
    detail: Text


def differences(held: Mapping[str, Running], listed: Mapping[str, Running], since_s: int) -> tuple[Difference, ...]:
    """Where the two disagree, by workload id; held work that began after `since_s` may be missing."""
    found = []
    for name in sorted(held.keys() | listed.keys()):
        mine, theirs = held.get(name), listed.get(name)
        if mine is None and theirs is not None:
            detail = f"runs on {_nodes(theirs)}, and was not known here"
            found.append(Difference(workload=name, kind=DifferenceKind.UNKNOWN, detail=detail))
        elif theirs is None and mine is not None:
            if mine.start_s <= since_s:
                detail = f"holds {_nodes(mine)}, and is not listed"
                found.append(Difference(workload=name, kind=DifferenceKind.MISSING, detail=detail))
        elif mine is not None and theirs is not None and (how := _change(mine, theirs)):
            found.append(Difference(workload=name, kind=DifferenceKind.CHANGED, detail=how))
    return tuple(found)


def _change(mine: Running, theirs: Running) -> str | None:
    """How two states of one workload differ in place or demand; None if they do not."""
    if _places(mine) != _places(theirs):
        if _nodes(mine) == _nodes(theirs):
            return f"holds other devices or roles on {_nodes(mine)} than listed"
        return f"holds {_nodes(mine)}, and is listed on {_nodes(theirs)}"
    if mine.workload != theirs.workload:
        return "is described in another way in the list"
    return None


def _places(running: Running) -> list[tuple[str, str, str, list[tuple[int, int]]]]:
    return sorted((r.subgroup, r.role, r.node, sorted((d.index, d.milli) for d in r.devices)) for r in running.replicas)


def _nodes(running: Running) -> str:
    names = sorted({replica.node for replica in running.replicas})
    shown = ", ".join(names[:4])
    return shown if len(names) <= 4 else f"{shown} and {len(names) - 4} more nodes"
