"""Sound requests, and changes of them that follow the descriptors: every call and every field is reached."""

import json
import math
from functools import cache
from typing import Any

from google.protobuf import json_format
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from hypothesis import strategies as st

from placement.service.wire import encode
from placement.v1 import placement_pb2 as pb
from tests.badinput.base import CASE

__all__ = ["CALLS", "mutated", "sound"]

SERVICE: Any = pb.DESCRIPTOR.services_by_name["PlacementService"]
CALLS: tuple[str, ...] = tuple(sorted(method.name for method in SERVICE.methods if not method.client_streaming))
"""Calls of one request and one answer, by the contract."""

INTEGERS = (0, 1, -1, 2, 3, 7, 8, 63, 64, 65, 1000, 1001, 65_537, 2**31, 2**53, 2**53 + 1, 2**63 - 1, -(2**63))
TEXTS = (
    *("", "n0", "n1", "one", "two", "old", "x", "s", "r", "rack", "block", "node", "a", "pair", "H100", "price"),
    *("quota", "b0/r0", " ", "a/b", "~n0", "../../x", "\x00", "\x1b[31m", "\u202e", "é", "💥", "x" * 254, "y" * 5000),
)
DOUBLES = (0.0, 1.0, -1.0, 0.5, 1e308, math.nan, math.inf, -math.inf, 2.0**53 + 2)
WHOLE = {
    getattr(FieldDescriptor, f"TYPE_{name}")
    for name in ("INT32", "INT64", "UINT32", "UINT64", "SINT32", "SINT64", "FIXED32", "FIXED64", "SFIXED32", "SFIXED64")
}
NARROW = {getattr(FieldDescriptor, f"TYPE_{name}"): (-(2**31), 2**31 - 1) for name in ("INT32", "SINT32", "SFIXED32")}


def _plain(message: Message) -> dict[str, Any]:
    return json_format.MessageToDict(message, preserving_proto_field_name=True)


def sound(call: str) -> Message:
    """A request that the server takes, as far as one is known for the call; else an empty one."""
    return request_type(call).FromString(_sound_bytes(call))


@cache
def _sound_bytes(call: str) -> bytes:
    request = request_type(call)()
    place = {
        "workloads": [_plain(encode(workload, pb.Workload())) for workload in CASE.workloads],
        "running": [_plain(encode(one, pb.Running())) for one in CASE.running],
        "tenants": [_plain(encode(one, pb.Tenant())) for one in CASE.tenants],
        "groups": [_plain(encode(one, pb.PlacementGroup())) for one in CASE.groups],
        "policy": _plain(encode(CASE.policy, pb.Policy())),
        "work": 20,
    }
    edits = [
        {"drain": {"part": "n1"}},
        {"fail": {"part": "rack:b0/r1"}},
        {"add": {"kind": "hgx", "count": 2}},
        {"derate": {"part": "n0", "gpus": 3}},
        {"relabel": {"part": "n0", "path": {"rack": "r9"}, "labels": {"a": "b"}}},
        {"restore": {"part": "b0/r1"}},
    ]
    placed = {"subgroup": "s", "role": "r", "node": "n1", "devices": [{"index": 0, "milli": 1000}]}
    known: dict[str, dict[str, Any]] = {
        "Place": place,
        "WhatIf": {"place": {**place, "work": 5}, "edits": edits, "set": {"policy.price.weight": 2}},
        "Check": {
            **{name: place[name] for name in ("workloads", "running", "tenants", "groups", "policy")},
            "placements": [{"workload": "one", "replicas": [placed, {**placed, "node": "n2"}]}],
        },
        "PutFabric": {"fleet": _plain(encode(CASE.fleet, pb.Fleet())), "running": place["running"]},
        "EditFabric": {"edits": edits},
        "Reconcile": {"running": place["running"], "adopt": True},
        "Release": {"workloads": ["old", "nobody"]},
        "ListPlacements": {"page_size": 1},
        "GetCase": {"case_id": "0" * 64},
    }
    fields = {name: value for name, value in known.get(call, {}).items() if name in request.DESCRIPTOR.fields_by_name}
    return json_format.Parse(json.dumps(fields), request).SerializeToString(deterministic=True)


def request_type(call: str) -> type[Message]:
    """The message that a call takes."""
    name = SERVICE.methods_by_name[call].input_type.full_name.rsplit(".", maxsplit=1)[-1]
    found: type[Message] = getattr(pb, name)
    return found


@st.composite
def mutated(draw: st.DrawFn, call: str) -> Message:
    """A request of the call with one to four changes somewhere in it."""
    message = sound(call)
    for _ in range(draw(st.integers(1, 4))):
        _change(draw, message, depth=draw(st.integers(0, 8)))
    return message


def _change(draw: st.DrawFn, message: Any, depth: int) -> None:
    """Change one field of the message, or of a message in it that is up to `depth` steps below."""
    fields = list(message.DESCRIPTOR.fields)
    if not fields:
        return
    field = draw(st.sampled_from(fields))
    if field.type == FieldDescriptor.TYPE_MESSAGE and field.message_type.GetOptions().map_entry:
        _change_map(draw, message, field)
    elif field.is_repeated:
        _change_list(draw, message, field, depth)
    elif field.type == FieldDescriptor.TYPE_MESSAGE:
        if depth and draw(st.integers(0, 3)):
            _change(draw, getattr(message, field.name), depth - 1)
        elif draw(st.booleans()):
            message.ClearField(field.name)
        else:
            getattr(message, field.name).SetInParent()
    elif draw(st.integers(0, 4)) == 0:
        message.ClearField(field.name)
    else:
        setattr(message, field.name, draw(_value(field)))


def _change_list(draw: st.DrawFn, message: Any, field: Any, depth: int) -> None:
    held = getattr(message, field.name)
    if field.type != FieldDescriptor.TYPE_MESSAGE:
        if held and draw(st.booleans()):
            del held[draw(st.integers(0, len(held) - 1))]
        else:
            held.append(draw(_value(field)))
        return
    if held and depth and draw(st.integers(0, 3)):
        _change(draw, held[draw(st.integers(0, len(held) - 1))], depth - 1)
        return
    what = draw(st.sampled_from(("empty", "again", "less")))
    if what == "empty" or not held:
        held.add()
    elif what == "again":
        held.add().CopyFrom(held[draw(st.integers(0, len(held) - 2)) if len(held) > 1 else 0])
    else:
        del held[draw(st.integers(0, len(held) - 1))]


def _change_map(draw: st.DrawFn, message: Any, field: Any) -> None:
    held = getattr(message, field.name)
    key_field, value_field = (field.message_type.fields_by_name[name] for name in ("key", "value"))
    key = draw(_value(key_field))
    if value_field.type != FieldDescriptor.TYPE_MESSAGE:
        held[key] = draw(_value(value_field))
        return
    held[key].SetInParent()
    _change(draw, held[key], 2)


def _value(field: Any) -> st.SearchStrategy[Any]:
    if field.type == FieldDescriptor.TYPE_STRING:
        return st.sampled_from(TEXTS) | st.text(st.characters(codec="utf-8"), max_size=12)
    if field.type in WHOLE:
        low, high = NARROW.get(field.type, (-(2**63), 2**63 - 1))
        return st.sampled_from([number for number in INTEGERS if low <= number <= high])
    if field.type in (FieldDescriptor.TYPE_DOUBLE, FieldDescriptor.TYPE_FLOAT):
        return st.sampled_from(DOUBLES)
    if field.type == FieldDescriptor.TYPE_BOOL:
        return st.booleans()
    if field.type == FieldDescriptor.TYPE_ENUM:
        return st.sampled_from([*(value.number for value in field.enum_type.values), 99, -1])
    return st.binary(max_size=8)
