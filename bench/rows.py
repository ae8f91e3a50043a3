"""Rows: one JSON line per measured answer, with what is needed to read it in a year."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO, TypeAlias

from placement.errors import InputError

__all__ = ["FILE", "Row", "Rows", "read_rows"]

Row: TypeAlias = dict[str, Any]
"""One answer. `bench/README.md` lists the keys."""
FILE = "rows.jsonl"
"""Name of the file of rows in a folder of results."""


@dataclass
class Rows:
    """The rows of a file by identity; new ones are written at once. Without a file they are only remembered."""

    known: dict[str, Row] = field(default_factory=dict)
    stream: TextIO | None = None

    @classmethod
    @contextmanager
    def open(cls, folder: Path | None) -> Iterator[Rows]:
        """Read the rows of a folder (made if absent) and keep their file open. InputError names a line that is none."""
        if folder is None:
            yield cls()
            return
        known, stream = _load(folder)
        with stream:
            yield cls(known, stream)

    def add(self, row: Row) -> None:
        """Remember a row and write it."""
        self.known[row["identity"]] = row
        if self.stream is not None:
            self.stream.write(json.dumps(row) + "\n")
            self.stream.flush()


def read_rows(folder: Path) -> list[Row]:
    """All rows of a folder of results, in order; InputError if there are none."""
    path = folder / FILE
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise _unusable(path, error) from None
    if not lines:
        raise InputError(str(path), "it has no rows", "name a folder that `bench run --out` has filled")
    return [_row(line, f"{path} line {number}") for number, line in enumerate(lines, 1)]


def _unusable(path: Path, error: OSError | UnicodeDecodeError) -> InputError:
    why = getattr(error, "strerror", None) or "it is not UTF-8 text"
    return InputError(str(path), f"it cannot be used: {why}", "name a folder of results")


def _load(folder: Path) -> tuple[dict[str, Row], TextIO]:
    """The rows of a folder, and the file open at its end; half a line that a killed run has left is cut off."""
    path = folder / FILE
    try:
        folder.mkdir(parents=True, exist_ok=True)
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        whole = text[: text.rfind("\n") + 1]
        lines = whole.splitlines()
        rows = [_row(line, f"{path} line {number}") for number, line in enumerate(lines, 1)]
        rest = text[len(whole) :]
        if rest and not rest.startswith('{"'):
            _row(rest, f"{path} line {len(lines) + 1}")
        stream = path.open("r+" if path.exists() else "w", encoding="utf-8", newline="\n")
        stream.truncate(len(whole.encode()))
        stream.seek(0, os.SEEK_END)
    except (OSError, UnicodeDecodeError) as error:
        raise _unusable(path, error) from None
    return {row["identity"]: row for row in rows}, stream


def _row(line: str, where: str) -> Row:
    try:
        row = json.loads(line)
    except ValueError:
        row = None
    if not isinstance(row, dict) or not isinstance(row.get("identity"), str):
        raise InputError(where, "it is no row of this benchmark", "name a folder of results or a new one")
    return row
