"""Edits of a fleet as options: what `whatif` supposes and `server edit` carries out."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from placement.cli.streams import STREAM

if TYPE_CHECKING:
    from placement.errors import InputError
    from placement.whatif import Change
    from topology.edits import Edit

__all__ = ["PARTS", "Adds", "Derates", "Drains", "Edits", "Fails", "Relabels", "Restores", "by_option", "change_of"]

PARTS = """\b
PART is a node id, a domain by its path (rack:site-a/b1/r3, feed:NAME), or the end of that path where only one
domain ends so (r3). Order: the file of --edits, then --add, --relabel, --derate, --restore, --drain, --fail"""
"""For the help of a verb that takes these options."""

Drains: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--drain", metavar="PART", help="Nothing new may start there; what runs may stay."),
]
Fails: TypeAlias = Annotated[list[str] | None, typer.Option("--fail", metavar="PART", help="The part is gone.")]
Restores: TypeAlias = Annotated[list[str] | None, typer.Option("--restore", metavar="PART", help="Healthy again.")]
Adds: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--add", metavar="KIND:N[@PART]", help="New nodes: hgx, nvl72, a100, l40s, cpu or a node id."),
]
Derates: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--derate", metavar="PART=X", help="Less: 80% of its power, 12000W, or 6gpus a node."),
]
Relabels: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--relabel", metavar="PART=path.LEVEL:LABEL", help="Other labels: path.rack:r9,labels.pool:fast."),
]


@dataclass(frozen=True)
class Edits:
    """What each option was given, in the order in which the edits are done."""

    add: list[str] | None
    relabel: list[str] | None
    derate: list[str] | None
    restore: list[str] | None
    drain: list[str] | None
    fail: list[str] | None


def change_of(edits: str | None, options: Edits, settings: list[str] | None = None) -> tuple[Change, list[str]]:
    """The whole change, and for each edit of the fleet the option (or file and place) that it came from.

    `edits` is the file of `--edits`, which comes first. InputError names the option, or the field of the file.
    """
    from placement.errors import InputError  # noqa: PLC0415 - with what needs it
    from placement.whatif import (  # noqa: PLC0415 - brings pydantic
        Change,
        parse_add,
        parse_derate,
        parse_relabel,
        parse_setting,
        read_change,
    )
    from topology.edits import Drain, Fail, Restore  # noqa: PLC0415

    if edits == STREAM:
        raise InputError("--edits", "the edits cannot come from stdin", "give a file; the case may come from stdin")
    base = Change() if edits is None else read_change(edits)
    forms: dict[str, Callable[[str], Edit]] = {
        "--add": lambda text: parse_add(text, "--add"),
        "--relabel": lambda text: parse_relabel(text, "--relabel"),
        "--derate": lambda text: parse_derate(text, "--derate"),
        "--restore": lambda text: Restore(part=_part(text, "--restore")),
        "--drain": lambda text: Drain(part=_part(text, "--drain")),
        "--fail": lambda text: Fail(part=_part(text, "--fail")),
    }
    made = list(base.edits)
    origins = [f"{edits}: edits[{row}]" for row in range(len(made))]
    for option, form in forms.items():
        for text in getattr(options, option.strip("-")) or ():
            made.append(form(text))
            origins.append(option)
    named = dict(parse_setting(text, "--set") for text in settings or ())
    change = Change(edits=tuple(made), set={**base.set, **named})
    return change, origins


def _part(text: str, option: str) -> str:
    from placement.errors import InputError  # noqa: PLC0415 - with what needs it

    if not 0 < len(text) <= 4096:
        raise InputError(option, "a part has a name of 1 to 4096 characters", "write a node id or level:domain")
    return text


def by_option(error: InputError, origins: list[str]) -> InputError:
    """The error with the option, or the file and its entry, instead of a place in the change."""
    named = re.fullmatch(r"edits\[(\d+)\].*|set\.(.*)", error.field, re.DOTALL)
    if named is None:
        return error
    origin = f"--set {named[2]}" if named[1] is None else origins[int(named[1])]
    return type(error)(origin, error.problem, error.mend)
