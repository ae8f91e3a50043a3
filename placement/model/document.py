"""Reading and writing of JSON documents; a malformed one ends in one InputError with field and mend."""

from __future__ import annotations

import gzip
import json
import re
import zlib
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from pydantic import BaseModel, ValidationError

from placement.errors import InputError
from solver.collector import no_collection

__all__ = [
    "MAX_BYTES",
    "check_kind",
    "input_error",
    "parse_document",
    "parse_syntax",
    "read_bytes",
    "validate_text",
    "write_text",
]

MAX_BYTES = 256 * 2**20
"""Largest document, unpacked."""

M = TypeVar("M", bound=BaseModel)

_SCALARS = (str, int, float, bool, type(None))
_SIGNS = {"case": "fleet", "decision": "case_id", "fleet": "nodes"}
"""A field that each kind of document has and the others have not."""
_MENDS = {
    "missing": "add the field",
    "extra_forbidden": "remove the field or correct its spelling",
    "string_type": "write a text",
    "int_type": "write a whole number, without quotes or fraction",
    "float_type": "write a number",
    "bool_type": "write true or false",
    "tuple_type": "write a list",
    "dict_type": "write an object",
    "model_type": "write an object",
    "string_pattern_mismatch": "use printable characters only, and no space at the ends",
    "string_too_short": "write a text that is not empty",
}


def parse_document(cls: type[M], data: bytes | str, what: str) -> M:
    """Parse and validate one JSON document as `cls`; `what` names it in errors ("case", "decision").

    InputError for anything malformed: syntax (with line and column), repeated keys, types, bounds, size.
    """
    text, plain = parse_syntax(data, what)
    check_kind(plain, what)
    return validate_text(cls, text, what)


def check_kind(plain: Any, what: str) -> None:
    """InputError if plain values are plainly another kind of document: a mixed-up argument has one clear mend."""
    sign = _SIGNS.get(what)
    if isinstance(plain, dict) and sign is not None and sign not in plain:
        other = next((kind for kind, key in _SIGNS.items() if key in plain), None)
        if other is not None:
            raise InputError(what, f"this document is a {other}, not a {what}", f"give the {what} here")


def parse_syntax(data: bytes | str, what: str) -> tuple[str, Any]:
    """The text of a document and its plain values; InputError if it is no JSON, or ambiguous JSON."""
    if len(data) > MAX_BYTES:
        raise InputError(what, f"the document is larger than {MAX_BYTES} bytes", "split it or drop what is not needed")
    if isinstance(data, bytes):
        try:
            data = data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise InputError(what, f"byte {error.start} is not UTF-8 text", "save the document as UTF-8") from None
    return data, _plain(data, what)


def validate_text(cls: type[M], text: str, what: str) -> M:
    """Validate JSON text that `parse_syntax` accepted; InputError names the field and the mend."""
    try:
        with no_collection():
            return cls.model_validate_json(text)
    except ValidationError as error:
        raise input_error(error, what) from None


def _plain(text: str, what: str) -> Any:
    """Plain values; refuses what the validating parser accepts or reports badly (repeated keys, NaN)."""

    def constant(name: str) -> NoReturn:
        raise InputError(what, f"{name} is no number", "write a finite number")

    def table(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            names = [name for name, _ in pairs]
            twice = next(name for name in names if names.count(name) > 1)
            raise InputError(what, f"the key {twice[:60]!r} occurs twice in one object", "keep one of them")
        return found

    try:
        with no_collection():
            return json.loads(text, parse_constant=constant, object_pairs_hook=table)
    except json.JSONDecodeError as error:
        at = f"line {error.lineno}, column {error.colno}"
        raise InputError(what, f"invalid JSON at {at}: {error.msg}", "mend the syntax there") from None
    except RecursionError:
        raise InputError(what, "the document is nested too deep", "nest as the schema does") from None
    except InputError:
        raise
    except ValueError:
        # CPython refuses to convert integers of several thousand digits.
        raise InputError(what, "a number has too many digits", "use whole numbers of at most 2**53") from None


def input_error(error: ValidationError, what: str) -> InputError:
    """The first complaint of a pydantic ValidationError as an InputError with path, problem and mend."""
    count = error.error_count()
    first = error.errors(include_url=False)[0]
    field = _path(first["loc"])
    context = first.get("ctx", {})
    problem, mend = first["msg"], _MENDS.get(first["type"], "write a value of the documented form")
    if first["type"] == "moorage":
        problem, mend = context["problem"], context["mend"]
        field = _join(field, context["field"])
    elif first["type"] == "value_error":
        # Errors of the fleet model carry their own field and mend.
        cause = context.get("error")
        problem = str(getattr(cause, "problem", None) or cause)
        mend = str(getattr(cause, "mend", None) or mend)
        field = _join(field, str(getattr(cause, "field", "") or ""))
    elif first["type"] in ("enum", "literal_error"):
        mend = f"write one of {context.get('expected')}"
    elif first["type"] in (
        "greater_than_equal",
        "less_than_equal",
        "too_long",
        "too_short",
        "string_too_long",
    ):
        bounds = {"ge": "at least", "le": "at most", "max_length": "at most", "min_length": "at least"}
        limits = [f"{word} {context[key]}" for key, word in bounds.items() if key in context]
        mend = f"use {' and '.join(limits)}"
        if first["type"] in ("too_long", "too_short"):
            problem, mend = f"it has {context['actual_length']} entries", f"{mend} entries"
    shown = first["type"] not in ("missing", "json_invalid") and isinstance(first["input"], _SCALARS)
    if shown:
        problem = f"{problem} (got {_shown(first['input'])})"
    if count > 1:
        mend = f"{mend} (and {count - 1} more)"
    return InputError(field or what, problem, mend)


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _path(location: tuple[int | str, ...]) -> str:
    """`("workloads", 3, "id")` as `workloads[3].id`; what is not printable is escaped."""
    path = ""
    for part in location:
        path = f"{path}[{part}]" if isinstance(part, int) else _join(path, part)
    return re.sub(r"[^\x20-\x7e]", lambda found: found[0].encode("unicode_escape").decode(), path)[:400]


def _join(path: str, below: str) -> str:
    if not path or not below:
        return path or below
    return f"{path}{below}" if below.startswith("[") else f"{path}.{below}"


def read_bytes(path: str | Path) -> bytes:
    """The bytes of a file, unpacked if its name ends in .gz; InputError if unreadable or too large."""
    path = Path(path)
    try:
        if path.suffix == ".gz":
            with gzip.open(path) as stream:
                data = stream.read(MAX_BYTES + 1)
        else:
            with path.open("rb") as plain:
                data = plain.read(MAX_BYTES + 1)
    except (OSError, EOFError, zlib.error, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error) or "damaged file"
        raise InputError(str(path), f"cannot be read: {reason}", "give the path of a readable file") from None
    if len(data) > MAX_BYTES:
        raise InputError(
            str(path), f"the file holds more than {MAX_BYTES} bytes", "split it or drop what is not needed"
        )
    return data


def write_text(path: str | Path, text: str) -> None:
    """Write a text as UTF-8, packed if the name ends in .gz (same text, same bytes); or InputError."""
    path = Path(path)
    data = text.encode()
    try:
        path.write_bytes(gzip.compress(data, mtime=0) if path.suffix == ".gz" else data)
    except OSError as error:
        raise InputError(str(path), f"cannot be written: {error.strerror}", "give a path that can be written") from None
