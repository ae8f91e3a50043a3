"""Protocol buffers to documents and back, driven by the descriptors: there is no list of fields to forget.

A message and its document have the same field names (a test compares them). Decoding goes through the JSON of
the document, so the service accepts and refuses exactly what a file does, with the same field paths.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from pydantic import BaseModel, ValidationError

from placement.errors import InputError
from placement.model.document import input_error
from placement.units import ceil_div
from solver.collector import no_collection

__all__ = ["decode", "encode"]

M = TypeVar("M", bound=BaseModel)
P = TypeVar("P", bound=Message)

_UPPER_CASE_ENUMS = frozenset({"DifferenceKind", "Status", "Verdict"})
"""Enums whose documents spell the values in capitals."""
_LIST = "placement.v1.StringList"
"""A list inside a map, which protocol buffers cannot say directly."""
_PAIR = "placement.v1.Multiplier"
"""A message whose document is a tuple of its fields in order."""
_EDIT = "placement.v1.Edit"
"""A choice between messages, whose document tells them apart by the field `op`."""
_STRUCT = "google.protobuf.Struct"
_DURATION = "google.protobuf.Duration"


def decode(message: Message, document: type[M], what: str) -> M:
    """The document of a message; `what` names it in errors. InputError names field, problem and mend.

    A field that is not set takes the document's default; an enum number that is not known is refused.
    """
    try:
        with no_collection():
            return document.model_validate_json(json.dumps(_plain(message, ""), allow_nan=False))
    except ValidationError as error:
        raise input_error(error, what) from None


def encode(document: BaseModel, message: P) -> P:
    """Fill the (empty) message from a document and return it; KeyError if the message lacks a field."""
    with no_collection():
        _fill(message, document.model_dump(mode="json"))
    return message


_Read = Callable[[Any, str], Any]
"""The JSON form of a value, whose path is given for errors; None where that is as good as not set."""
_Write = Callable[[Any, Any], None]
"""Puts a value that is not None into its field of a message."""


@dataclass(frozen=True)
class _Type:
    """How messages of one type are read and written: asking descriptors again for every message would take longer."""

    blank: Mapping[str, Any]
    """The JSON form of fields that are always there, where nothing was set."""
    read: Mapping[str, _Read]
    write: Mapping[str, _Write]


@cache
def _type(descriptor: Any) -> _Type:
    """The type of a message, worked out once."""
    blank: dict[str, Any] = {}
    for field in descriptor.fields:
        if _is_map(field):
            blank[field.name] = {}
        elif field.is_repeated:
            blank[field.name] = []
        elif not field.has_presence and field.type != FieldDescriptor.TYPE_ENUM:
            blank[field.name] = field.default_value
    return _Type(
        blank, {f.name: _field_reader(f) for f in descriptor.fields}, {f.name: _writer(f) for f in descriptor.fields}
    )


def _plain(message: Message, path: str) -> dict[str, Any]:
    """The JSON form of a message, without the fields that are not set."""
    known = _type(message.DESCRIPTOR)
    found = dict(known.blank)
    start = f"{path}." if path else ""
    for field, value in message.ListFields():
        name = field.name
        single = known.read[name](value, start + name)
        if single is not None:
            found[name] = single
    return found


def _field_reader(field: Any) -> _Read:
    if _is_map(field):
        each = _reader(field.message_type.fields_by_name["value"])
        return lambda value, at: {key: each(value[key], f"{at}.{key}") for key in value}
    one = _reader(field)
    if not field.is_repeated:
        return one
    if one is _as_it_is:
        return lambda value, _: list(value)
    return lambda value, at: [one(entry, f"{at}[{row}]") for row, entry in enumerate(value)]


def _reader(field: Any) -> _Read:
    """Reads one value of a field."""
    if field.type == FieldDescriptor.TYPE_ENUM:
        return _enum_reader(field.enum_type)
    if field.type == FieldDescriptor.TYPE_DOUBLE:
        return _finite
    if field.type != FieldDescriptor.TYPE_MESSAGE:
        return _as_it_is
    name = field.message_type.full_name
    if name == _PAIR:
        parts = [part.name for part in field.message_type.fields]
        return lambda value, _: [getattr(value, part) for part in parts]
    return _READERS.get(name, _plain)


def _as_it_is(value: Any, _: str) -> Any:
    return value


def _finite(value: float, at: str) -> float:
    if not math.isfinite(value):
        raise InputError(at, "the number is not finite", "send a finite number")
    return value


def _plain_struct(value: Any, at: str) -> Any:
    return {key: _plain_json(entry, f"{at}.{key}") for key, entry in value.fields.items()}


def _plain_duration(value: Any, _: str) -> Any:
    return value.seconds * 1000 + ceil_div(value.nanos, 1_000_000)


def _plain_list(value: Any, _: str) -> Any:
    return list(value.values)


def _plain_choice(value: Any, at: str) -> Any:
    kind = value.WhichOneof("op")
    if kind is None:
        known = ", ".join(part.name for part in value.DESCRIPTOR.fields)
        raise InputError(at, "no operation is set", f"set one of {known}")
    return {"op": kind, **_plain(getattr(value, kind), f"{at}.{kind}")}


def _plain_json(value: Any, at: str) -> Any:
    """A google.protobuf.Value as JSON; its doubles without fraction are meant as integers."""
    kind = value.WhichOneof("kind")
    if kind == "struct_value":
        return {key: _plain_json(entry, f"{at}.{key}") for key, entry in value.struct_value.fields.items()}
    if kind == "list_value":
        return [_plain_json(entry, f"{at}[{row}]") for row, entry in enumerate(value.list_value.values)]
    if kind == "number_value":
        if not value.number_value.is_integer() or abs(value.number_value) > 2**53:
            raise InputError(at, f"{value.number_value} is no usable number", "send a whole number up to 2**53")
        return int(value.number_value)
    return getattr(value, kind) if kind in {"string_value", "bool_value"} else None


def _fill(message: Any, plain: dict[str, Any]) -> None:
    write = _type(message.DESCRIPTOR).write
    for name, value in plain.items():
        writer = write[name]
        if value is not None:
            writer(message, value)


def _writer(field: Any) -> _Write:
    """Writes one field; an empty message is still a message."""
    name, is_message = field.name, field.type == FieldDescriptor.TYPE_MESSAGE
    if _is_map(field):
        inner = field.message_type.fields_by_name["value"]
        return lambda message, value: _fill_map(inner, getattr(message, name), value)
    fill = _filler(field) if is_message else None
    if fill is not None and field.is_repeated:
        return lambda message, value: _add_each(fill, getattr(message, name), value)
    if fill is not None:
        return lambda message, value: _fill_one(fill, getattr(message, name), value)
    if field.is_repeated:
        return lambda message, value: getattr(message, name).extend(value)
    if field.type == FieldDescriptor.TYPE_ENUM:
        prefix, numbers = _enum_prefix(field.enum_type), field.enum_type.values_by_name
        return lambda message, value: setattr(message, name, numbers[prefix + value.upper()].number)
    return lambda message, value: setattr(message, name, value)


def _fill_one(fill: _Write, target: Any, value: Any) -> None:
    target.SetInParent()
    fill(target, value)


def _add_each(fill: _Write, target: Any, values: list[Any]) -> None:
    for value in values:
        fill(target.add(), value)


def _fill_map(inner: Any, target: Any, value: dict[str, Any]) -> None:
    fill = _filler(inner) if inner.type == FieldDescriptor.TYPE_MESSAGE else None
    for key, entry in value.items():
        if fill is not None:
            _fill_one(fill, target[key], entry)
        else:
            target[key] = "" if entry is None else entry  # an empty text takes a label away, as null does


def _filler(field: Any) -> _Write:
    """Fills one message of a field."""
    name = field.message_type.full_name
    if name == _PAIR:
        parts = [part.name for part in field.message_type.fields]
        return lambda target, value: _fill_pair(parts, target, value)
    return _FILLERS.get(name, _fill)


def _fill_pair(parts: list[str], target: Any, value: Any) -> None:
    for part, entry in zip(parts, value, strict=True):
        setattr(target, part, entry)


def _fill_choice(target: Any, value: Any) -> None:
    chosen = getattr(target, value["op"])
    chosen.SetInParent()
    _fill(chosen, {key: entry for key, entry in value.items() if key != "op"})


def _is_map(field: Any) -> bool:
    return field.type == FieldDescriptor.TYPE_MESSAGE and bool(field.message_type.GetOptions().map_entry)


def _enum_prefix(enum: Any) -> str:
    """`BoundSource` -> `BOUND_SOURCE_`, taken from the zero value, which the linter keeps by this name."""
    return str(enum.values_by_number[0].name).removesuffix("UNSPECIFIED")


def _enum_reader(enum: Any) -> _Read:
    prefix = _enum_prefix(enum)
    texts: dict[int, str] = {value.number: str(value.name).removeprefix(prefix) for value in enum.values}
    if enum.name not in _UPPER_CASE_ENUMS:
        texts = {number: text.lower() for number, text in texts.items()}

    def read(number: int, at: str) -> str | None:
        if number == 0:
            return None
        if number not in texts:
            known = ", ".join(str(v.name) for v in enum.values if v.number)
            raise InputError(at, f"{number} is no value of {enum.name}", f"send one of {known}")
        return texts[number]

    return read


_READERS: Mapping[str, _Read] = {
    _STRUCT: _plain_struct,
    _DURATION: _plain_duration,
    _LIST: _plain_list,
    _EDIT: _plain_choice,
}
_FILLERS: Mapping[str, _Write] = {
    _STRUCT: lambda target, value: target.update(value),
    _DURATION: lambda target, value: target.FromMilliseconds(value),
    _LIST: lambda target, value: target.values.extend(value),
    _EDIT: _fill_choice,
}
"""Messages whose documents have another form."""
