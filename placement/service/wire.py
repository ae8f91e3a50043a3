"""Protocol buffers to documents and back, driven by the descriptors: there is no list of fields to forget.

A message and its document have the same field names (a test compares them). Decoding goes through the JSON of
the document, so the service accepts and refuses exactly what a file does, with the same field paths.
"""

from __future__ import annotations

import json
import math
from typing import Any, TypeVar

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from pydantic import BaseModel, ValidationError

from placement.errors import InputError
from placement.model.document import input_error, no_collection
from placement.units import ceil_div

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


def _plain(message: Message, path: str) -> dict[str, Any]:
    """The JSON form of a message, without the fields that are not set."""
    found: dict[str, Any] = {}
    fields: Any = message.DESCRIPTOR.fields  # the stubs know neither map entries nor has_presence
    for field in fields:
        if field.has_presence and not message.HasField(field.name):
            continue
        at = f"{path}.{field.name}" if path else field.name
        value = getattr(message, field.name)
        if _is_map(field):
            inner = field.message_type.fields_by_name["value"]
            found[field.name] = {key: _plain_value(inner, value[key], f"{at}.{key}") for key in value}
        elif field.is_repeated:
            found[field.name] = [_plain_value(field, v, f"{at}[{row}]") for row, v in enumerate(value)]
        elif (single := _plain_value(field, value, at)) is not None:
            found[field.name] = single
    return found


def _plain_value(field: Any, value: Any, at: str) -> Any:
    """The JSON form of one value; None for an enum that was set to UNSPECIFIED."""
    if field.type == FieldDescriptor.TYPE_ENUM:
        return _enum_text(field.enum_type, value, at)
    if field.type == FieldDescriptor.TYPE_DOUBLE and not math.isfinite(value):
        raise InputError(at, "the number is not finite", "send a finite number")
    if field.type != FieldDescriptor.TYPE_MESSAGE:
        return value
    name = field.message_type.full_name
    if name == _STRUCT:
        return {key: _plain_json(entry, f"{at}.{key}") for key, entry in value.fields.items()}
    if name == _DURATION:
        return value.seconds * 1000 + ceil_div(value.nanos, 1_000_000)
    if name == _LIST:
        return list(value.values)
    if name == _PAIR:
        return [getattr(value, part.name) for part in field.message_type.fields]
    if name == _EDIT:
        return _plain_choice(value, at)
    return _plain(value, at)


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
    fields = message.DESCRIPTOR.fields_by_name
    for name, value in plain.items():
        field = fields[name]
        is_message = field.type == FieldDescriptor.TYPE_MESSAGE
        if value is None:
            continue
        if _is_map(field):
            _fill_map(field, getattr(message, name), value)
        elif field.is_repeated and is_message:
            for entry in value:
                _fill_message(field, getattr(message, name).add(), entry)
        elif field.is_repeated:
            getattr(message, name).extend(value)
        elif is_message:
            getattr(message, name).SetInParent()  # an empty message is still a message
            _fill_message(field, getattr(message, name), value)
        elif field.type == FieldDescriptor.TYPE_ENUM:
            text = _enum_prefix(field.enum_type) + value.upper()
            setattr(message, name, field.enum_type.values_by_name[text].number)
        else:
            setattr(message, name, value)


def _fill_map(field: Any, target: Any, value: dict[str, Any]) -> None:
    inner = field.message_type.fields_by_name["value"]
    for key, entry in value.items():
        if inner.type == FieldDescriptor.TYPE_MESSAGE:
            target[key].SetInParent()
            _fill_message(inner, target[key], entry)
        else:
            target[key] = "" if entry is None else entry  # an empty text takes a label away, as null does


def _fill_message(field: Any, target: Any, value: Any) -> None:
    name = field.message_type.full_name
    if name == _STRUCT:
        target.update(value)
    elif name == _DURATION:
        target.FromMilliseconds(value)
    elif name == _LIST:
        target.values.extend(value)
    elif name == _PAIR:
        for part, entry in zip(field.message_type.fields, value, strict=True):
            setattr(target, part.name, entry)
    elif name == _EDIT:
        chosen = getattr(target, value["op"])
        chosen.SetInParent()
        _fill(chosen, {key: entry for key, entry in value.items() if key != "op"})
    else:
        _fill(target, value)


def _is_map(field: Any) -> bool:
    return field.type == FieldDescriptor.TYPE_MESSAGE and bool(field.message_type.GetOptions().map_entry)


def _enum_prefix(enum: Any) -> str:
    """`BoundSource` -> `BOUND_SOURCE_`, taken from the zero value, which the linter keeps by this name."""
    return str(enum.values_by_number[0].name).removesuffix("UNSPECIFIED")


def _enum_text(enum: Any, number: int, at: str) -> str | None:
    if number == 0:
        return None
    value = enum.values_by_number.get(number)
    if value is None:
        known = ", ".join(str(v.name) for v in enum.values if v.number)
        raise InputError(at, f"{number} is no value of {enum.name}", f"send one of {known}")
    text = str(value.name).removeprefix(_enum_prefix(enum))
    return text if enum.name in _UPPER_CASE_ENUMS else text.lower()
