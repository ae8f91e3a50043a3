"""The one error of the topology package, and the translation of pydantic's errors into it."""

from __future__ import annotations

from pydantic import ValidationError

__all__ = ["TopologyError", "topology_error"]

# Mends for the error types a person meets most; every other type gets the general mend.
_MENDS: tuple[tuple[str, str], ...] = (
    ("missing", "add it"),
    ("extra_forbidden", "remove it, or correct its spelling"),
    ("int_type", "give an integer, without quotes or a decimal point"),
    ("int_from_float", "give an integer, without quotes or a decimal point"),
    ("string_type", "give a text; in YAML, put it in quotes"),
    ("string_too_short", "give at least one character"),
    ("json_invalid", "correct the JSON text"),
)


class TopologyError(ValueError):
    """A fleet, a fabric or a question put to one is wrong.

    Attributes:
        field: where, as a path such as ``nodes[3].gpu_count``.
        problem: what is wrong there.
        mend: what to change.
    """

    def __init__(self, field: str, problem: str, mend: str) -> None:
        """Keep the three parts; ``str()`` joins them into one line."""
        super().__init__(field, problem, mend)
        self.field = field
        self.problem = problem
        self.mend = mend

    def __str__(self) -> str:
        """Return ``field: problem; mend`` on one line."""
        return f"{self.field}: {self.problem}; {self.mend}"


def topology_error(error: ValidationError, subject: str = "fleet") -> TopologyError:
    """Translate a pydantic error: the first fault in full, the others as a count.

    ``subject`` names the document, and stands for the field when the fault has no place of its own.
    """
    faults = error.errors(include_url=False, include_input=False)
    first = faults[0]
    place = _path(first["loc"])
    inner = first.get("ctx", {}).get("error")
    if isinstance(inner, TopologyError):
        field = f"{place}.{inner.field}" if place else inner.field
        problem, mend = inner.problem, inner.mend
    else:
        field = place or subject
        problem = first["msg"].removeprefix("Value error, ")
        mend = dict(_MENDS).get(first["type"], "correct this value")
    if len(faults) > 1:
        mend += f" (and {len(faults) - 1} further fault{'s' if len(faults) > 2 else ''})"
    return TopologyError(field, problem, mend)


def _path(loc: tuple[int | str, ...]) -> str:
    """Write a pydantic location as ``nodes[3].path.rack``."""
    text = ""
    for step in loc:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text
