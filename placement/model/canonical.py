"""Canonical order of documents, so that the order of an input list can change nothing."""

from __future__ import annotations

from typing import Any, TypeVar, cast

from pydantic import BaseModel

from placement.model.state import Device, Running
from topology.model import Fleet

__all__ = ["canonical"]

M = TypeVar("M", bound=BaseModel)

_LEAVES = frozenset({int, str, bool, type(None)})


def canonical(document: M, known: frozenset[str] = frozenset()) -> M:
    """The same document with every list sorted (by id or name, else content) and every mapping by key.

    Levels and lists in rule parameters keep their order, which is content. Idempotent; unchanged parts are
    shared. Fields in `known` are canonical already, by the word of the caller, and are not looked at.
    """
    if isinstance(document, Fleet):
        return cast(M, document.canonical())
    changed: dict[str, Any] = {}
    for name, old in vars(document).items():
        if type(old) in _LEAVES or name == "level_order" or name in known:
            continue
        new = _canonical(old)
        if new is not old:
            changed[name] = new
    return document.model_copy(update=changed) if changed else document


def _canonical(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return canonical(value)
    if isinstance(value, tuple):
        return _sorted_tuple(value)
    if isinstance(value, dict):
        return _sorted_mapping(value)
    return value


def _sorted_tuple(items: tuple[Any, ...]) -> tuple[Any, ...]:
    if not items:
        return items
    if type(items[0]) in _LEAVES:
        ordered = tuple(sorted(items))
        return items if ordered == items else ordered
    new = [_canonical(item) for item in items]
    if len(new) > 1:
        new.sort(key=_key)
    return items if all(a is b for a, b in zip(items, new, strict=True)) else tuple(new)


def _sorted_mapping(table: dict[str, Any]) -> dict[str, Any]:
    if not table:
        return table
    new = {key: _canonical(table[key]) for key in sorted(table)}
    if list(new) == list(table) and all(new[key] is table[key] for key in table):
        return table
    return new


def _key(item: Any) -> tuple[Any, ...]:
    """Ids and names first; content decides between equals, so that equal keys mean equal items."""
    if isinstance(item, Device):
        return (item.index, item.milli)
    fields = vars(item)
    if isinstance(item, Running):
        fields = vars(item.workload)
    name = fields.get("id") or fields.get("name")
    # Rules share names between modes; replicas and affinities have none.
    if name is None or "mode" in fields:
        return (name or "", item.model_dump_json())
    return (name, "")
