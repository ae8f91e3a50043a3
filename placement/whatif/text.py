"""The textual forms of changes, as a command line takes them, and the file of changes."""

from __future__ import annotations

import json
import re

from pydantic import ValidationError

from placement.errors import InputError
from placement.model.document import input_error, parse_document, read_bytes
from placement.whatif.change import Change
from topology.edits import Add, Derate, Relabel

__all__ = ["parse_add", "parse_derate", "parse_relabel", "parse_setting", "read_change"]

_COUNT = re.compile(r"[0-9]{1,9}", re.ASCII)
_DERATE = re.compile(r"(?P<part>.+)=(?P<figure>[0-9]{1,12})(?P<unit>%|W|gpus)", re.ASCII)
_INTEGER = re.compile(r"-?[0-9]{1,19}", re.ASCII)
_WORDS = {"true": True, "false": False}


def parse_add(text: str, field: str = "add") -> Add:
    """`hgx:4`, or `hgx:4@PART` to put the nodes into a domain. InputError for `field`."""
    head, _, at = text.partition("@")
    kind, _, count = head.rpartition(":")
    if not kind or not _COUNT.fullmatch(count) or (not at and text.endswith("@")):
        raise InputError(
            field, f"{text!r} is not KIND:COUNT", "write hgx:4, or hgx:4@rack:b1/r3 to put them into a domain"
        )
    try:
        return Add(kind=kind, count=int(count), at=at or None)
    except ValidationError as error:
        told = input_error(error, field)
        raise InputError(field, told.problem, told.mend) from None


def parse_derate(text: str, field: str = "derate") -> Derate:
    """`PART=80%` of its power, `PART=12000W`, or `PART=6gpus` per node. InputError for `field`."""
    found = _DERATE.fullmatch(text)
    if found is None:
        raise InputError(field, f"{text!r} is not PART=FIGURE", "write r3=80%, r3=12000W or r3=6gpus")
    names = {"%": "power_percent", "W": "power_w", "gpus": "gpus"}
    fields = {"part": found["part"], names[found["unit"]]: int(found["figure"])}
    try:
        return Derate.model_validate(fields)
    except ValidationError as error:
        told = input_error(error, field)
        raise InputError(field, told.problem, told.mend) from None


def parse_relabel(text: str, field: str = "relabel") -> Relabel:
    """`PART=path.rack:r9,labels.pool:fast`; no value takes a label away. InputError for `field`."""
    part, _, changes = text.partition("=")
    tables: dict[str, dict[str, str]] = {"path": {}, "labels": {}}
    for change in changes.split(","):
        name, colon, value = change.partition(":")
        table, dot, key = name.partition(".")
        if not (part and colon and dot and key) or table not in tables:
            raise InputError(
                field, f"{text!r} is not PART=path.LEVEL:LABEL", "write n7=path.rack:r9 or n7=labels.pool:fast,..."
            )
        tables[table][key] = value
    try:
        return Relabel.model_validate({"part": part, **tables})
    except ValidationError as error:
        told = input_error(error, field)
        raise InputError(field, told.problem, told.mend) from None


def parse_setting(text: str, field: str = "set") -> tuple[str, object]:
    """`policy.price.weight=2` as name and value: a whole number, true, false, a JSON list or a text."""
    name, equals, value = text.partition("=")
    if not name or not equals or not value:
        raise InputError(field, f"{text!r} is not NAME=VALUE", "write policy.price.weight=2 or tenant.a.quota=64")
    if value in _WORDS:
        return name, _WORDS[value]
    if _INTEGER.fullmatch(value):
        return name, int(value)
    if value.startswith(("[", "{")):
        try:
            return name, json.loads(value)
        except (ValueError, RecursionError):
            raise InputError(field, f"{value[:60]!r} is no JSON", "write a list such as [1000,100,10,1]") from None
    return name, value


def read_change(path: str) -> Change:
    """Read a file of changes: `{"edits": [edits], "set": {name: value}}`. InputError names field and mend."""
    return parse_document(Change, read_bytes(path), "edits")
