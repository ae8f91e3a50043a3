"""A case as it is decided or checked: read from its file, with what the command line changes in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from placement.cli.streams import read_input

if TYPE_CHECKING:
    from placement.model import Case

__all__ = ["changed"]


def changed(path: str, *, policy: str | None = None, seed: int | None = None, work: int | None = None) -> Case:
    """The case of a file (or stdin) with another policy, seed or work budget. InputError if one is malformed."""
    from placement.model import Budget, Case, read_policy  # noqa: PLC0415 - brings pydantic

    found: dict[str, Any] = {}
    if policy is not None:
        found["policy"] = read_policy(policy)
    if seed is not None:
        found["seed"] = seed
    if work is not None:
        found["budget"] = Budget(work=work)
    case = Case.from_json(read_input(path))
    return case.model_copy(update=found) if found else case
