"""Base class and bounded field types of every document: strict types, frozen values, no unknown fields."""

from __future__ import annotations

from typing import Annotated, Any, NoReturn, TypeAlias

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

from placement.units import MAX_INT

__all__ = [
    "Count",
    "Cpu",
    "Document",
    "EpochSeconds",
    "Label",
    "Labels",
    "Mebibytes",
    "Name",
    "Natural",
    "Objective",
    "Params",
    "Positive",
    "Text",
    "refuse",
    "refuse_repeats",
]

_NAME = r"^[^\s\p{C}\p{Z}]([^\p{C}\p{Zl}\p{Zp}]*[^\s\p{C}\p{Z}])?$"
_TEXT = r"^[^\p{C}\p{Zl}\p{Zp}]*$"
_PARAM_DEPTH = 4
_PARAM_ITEMS = 1000

Name: TypeAlias = Annotated[str, Field(min_length=1, max_length=253, pattern=_NAME)]
"""An id or a name: 1..253 printable characters, no space at the ends."""
Label: TypeAlias = Annotated[str, Field(max_length=253, pattern=_TEXT)]
"""A label value: up to 253 printable characters, possibly empty."""
Text: TypeAlias = Annotated[str, Field(max_length=4096)]
"""A sentence for people."""
Labels: TypeAlias = Annotated[dict[Name, Label], Field(max_length=256)]
"""Label key to label value."""
Natural: TypeAlias = Annotated[int, Field(ge=0, le=MAX_INT)]
"""An integer of at least zero."""
Cpu: TypeAlias = Annotated[int, Field(ge=0, le=2**30)]
"""CPU milli, at most what a node may have; the sums of many stay far below 2**63."""
Mebibytes: TypeAlias = Annotated[int, Field(ge=0, le=2**34)]
"""MiB, at most what a node may have."""
EpochSeconds: TypeAlias = Annotated[int, Field(ge=0, le=10**11)]
"""A moment or a span in seconds."""
Positive: TypeAlias = Annotated[int, Field(ge=1, le=MAX_INT)]
"""An integer of at least one."""
Count: TypeAlias = Annotated[int, Field(ge=1, le=65_536)]
"""How many replicas: what one workload can ask for."""
Objective: TypeAlias = Annotated[int, Field(ge=-(2**62), le=2**62)]
"""Objective points and certificate integers, which may exceed what a document may ask for."""


class Document(BaseModel):
    """A frozen, strict value: no coercion, no unknown field; JSON arrays become tuples."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, allow_inf_nan=False, use_attribute_docstrings=True
    )


def refuse(field: str, problem: str, mend: str) -> NoReturn:
    """Fail a validator with a problem, its mend and the path below the validated value (may be empty)."""
    raise PydanticCustomError("moorage", "{problem}; {mend}", {"problem": problem, "mend": mend, "field": field})


def refuse_repeats(names: list[str], field: str, key: str) -> None:
    """Fail a validator if a list of names holds one of them twice; `key` is the field that repeats."""
    if len(set(names)) == len(names):
        return
    seen: set[str] = set()
    for row, name in enumerate(names):
        if name in seen:
            refuse(
                f"{field}[{row}].{key}",
                f"{name!r} is used twice",
                f"give every entry of {field} its own {key}",
            )
        seen.add(name)


def _check_params(params: dict[str, Any]) -> dict[str, Any]:
    """Params hold bounded integers, short texts, booleans, and shallow lists and tables of them."""
    _check_param(params, "", _PARAM_DEPTH)
    return params


def _check_param(value: object, at: str, depth: int) -> None:
    if isinstance(value, bool):
        return
    if isinstance(value, int):
        if abs(value) > MAX_INT:
            refuse(at, "the number is out of range", f"use a whole number between -{MAX_INT} and {MAX_INT}")
        return
    if isinstance(value, str):
        if len(value) > 253 or not value.isprintable():
            refuse(at, "the text is too long or holds control characters", "use at most 253 printable characters")
        return
    if not isinstance(value, dict | list):
        refuse(at, "the value has no usable type", "use a whole number, a text, true, false, a list or a table")
    if depth == 0 or len(value) > _PARAM_ITEMS:
        refuse(
            at,
            "the value is nested too deep or too long",
            f"nest at most {_PARAM_DEPTH} levels of {_PARAM_ITEMS}",
        )
    if isinstance(value, dict):
        for key, entry in value.items():
            if not isinstance(key, str):
                refuse(at, "a key is not a text", "use texts as keys")
            _check_param(key, at, depth)
            _check_param(entry, f"{at}.{key}" if at else key, depth - 1)
    else:
        for row, entry in enumerate(value):
            _check_param(entry, f"{at}[{row}]", depth - 1)


Params: TypeAlias = Annotated[dict[str, Any], AfterValidator(_check_params)]
"""Parameters of a rule: names to whole numbers, texts, booleans, lists and tables (checked when read)."""
