"""Jobs and their rows: one JSON line per measured case, with what is needed to read it in a year."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, TextIO, TypeAlias

from placement.errors import InputError
from placement.model import Case

__all__ = ["Job", "Row", "Rows", "environment"]

Row: TypeAlias = dict[str, Any]
_ROOT = Path(__file__).resolve().parents[1]
_CODE = ("placement", "solver", "topology")
_VERSIONS = ("numpy", "ortools", "pydantic")


@dataclass(frozen=True)
class Job:
    """A case to make and decide; `key` names it within its suite."""

    suite: str
    key: Mapping[str, str | int | float]
    time_limit_ms: int
    make: Callable[[], Case]

    def identity(self, code: str) -> str:
        """Rows with the same identity measure the same thing: suite, key, time limit and source code."""
        return json.dumps([self.suite, dict(self.key), self.time_limit_ms, code], sort_keys=True)


@dataclass
class Rows:
    """The rows of a file by identity; new ones are written at once. Without a file they are only remembered."""

    known: dict[str, Row] = field(default_factory=dict)
    stream: TextIO | None = None

    @classmethod
    @contextmanager
    def open(cls, path: Path | None) -> Iterator[Rows]:
        """Read a file and keep it open to add to it. InputError names the line that is no row."""
        if path is None:
            yield cls()
            return
        known, stream = _load(path)
        with stream:
            yield cls(known, stream)

    def add(self, row: Row) -> None:
        """Remember a row and write it."""
        self.known[row["identity"]] = row
        if self.stream is not None:
            self.stream.write(json.dumps(row) + "\n")
            self.stream.flush()


def _load(path: Path) -> tuple[dict[str, Row], TextIO]:
    """The rows of a file, and the file open at its end; half a line that a killed run has left is cut off."""
    try:
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        whole = text[: text.rfind("\n") + 1]
        lines = whole.splitlines()
        rows = [_row(line, f"{path.name} line {number}") for number, line in enumerate(lines, 1)]
        rest = text[len(whole) :]
        if rest and not rest.startswith('{"'):
            _row(rest, f"{path.name} line {len(lines) + 1}")
        stream = path.open("r+" if path.exists() else "w", encoding="utf-8", newline="\n")
        stream.truncate(len(whole.encode()))
        stream.seek(0, os.SEEK_END)
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise InputError("--out", f"{path.name} cannot be used: {why}", "name a file of rows or a new one") from None
    return {row["identity"]: row for row in rows}, stream


def _row(line: str, where: str) -> Row:
    try:
        row = json.loads(line)
    except ValueError:
        row = None
    if not isinstance(row, dict) or not isinstance(row.get("identity"), str):
        raise InputError("--out", f"{where} is no row of this benchmark", "name a file of rows or a new one")
    return row


def environment() -> Row:
    """Machine, versions, revision and date, as they are now; `code` is a hash of the product's source files."""
    return {
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "load": [round(value, 2) for value in os.getloadavg()],
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in _VERSIONS},
        "git": _git("rev-parse", "--short", "HEAD"),
        "code": _code(),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _cpu() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _git(*args: str) -> str | None:
    """What git says; None outside a work tree or without git."""
    git = shutil.which("git")
    if git is None:
        return None
    done = subprocess.run([git, *args], cwd=_ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip() or None if done.returncode == 0 else None


def _code() -> str:
    digest = hashlib.sha256()
    for path in sorted(path for name in _CODE for path in (_ROOT / name).rglob("*.py")):
        digest.update(f"{path.relative_to(_ROOT).as_posix()}\n".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]
