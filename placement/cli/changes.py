"""A case as it is decided or checked: read from its file, with what the command line changes in it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from placement.cli.streams import read_input

if TYPE_CHECKING:
    from placement.limits import InputLimits
    from placement.model import Case

__all__ = ["changed", "limits"]


def limits(**options: int | None) -> InputLimits:
    """How large a document may be, by the environment and by options. InputError if one is no such number."""
    from placement.limits import InputLimits  # noqa: PLC0415 - brings pydantic

    return InputLimits.from_environment(os.environ, **options)


def changed(path: str, *, policy: str | None = None, seed: int | None = None, work: int | None = None) -> Case:
    """The case of a file (or stdin) with another policy, seed or work budget. InputError if one is malformed.

    A case beyond the limits of the environment (`placement.limits`) is refused as well.
    """
    from placement.model import Budget, Case, read_policy  # noqa: PLC0415 - brings pydantic

    found: dict[str, Any] = {}
    if policy is not None:
        found["policy"] = read_policy(policy)
    if seed is not None:
        found["seed"] = seed
    if work is not None:
        found["budget"] = Budget(work=work)
    held = limits()
    data = read_input(path)
    held.check_bytes(len(data), "case")
    case = Case.from_json(data)
    held.check_case(case)
    return case.model_copy(update=found) if found else case
