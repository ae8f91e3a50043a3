"""The case journal: each decision with its case, and the earlier decision that it went on from, if it did.

So any of them can be decided again and questioned.

Entries are named by the id of their case; a case that is decided again replaces its entry. A journal is bounded: the
oldest entries go. It never breaks an answer: what cannot be kept is logged and left out.
"""

from __future__ import annotations

import gzip
import json
import logging
import os
import re
import threading
import time
import uuid
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from placement.errors import InputError, NotFound
from placement.model import Case, Decision
from placement.model.document import parse_syntax, read_bytes

__all__ = ["Agreement", "Entry", "FolderJournal", "Journal", "MemoryJournal", "agree"]

_LOG = logging.getLogger(__name__)
_ID = re.compile(r"[0-9a-f]{4,64}", re.ASCII)
_ENDING = ".case.json.gz"
_PART = ".part"


@dataclass(frozen=True)
class Entry:
    """A case and the decision that was given; `kept_s` is when, in epoch seconds, `warm` what it went on from."""

    case: Case
    decision: Decision
    kept_s: int
    warm: Decision | None = None


class Journal(Protocol):
    """Keeps the latest decisions with their cases."""

    def keep(self, case: Case, decision: Decision, warm: Decision | None = None) -> None:
        """Keep a decision, and the earlier one that it went on from; never raises."""

    def find(self, name: str) -> Entry:
        """The entry of a case id, or of the start of one. NotFound, or InputError if several start so."""

    def ids(self) -> tuple[str, ...]:
        """The ids of all entries, the latest first."""


class MemoryJournal:
    """The latest `size` decisions, in this process. Cases are shared with the caller, not copied."""

    def __init__(self, size: int = 64, clock: Callable[[], float] = time.time) -> None:
        """`clock` gives epoch seconds."""
        self._size = size
        self._clock = clock
        self._entries: OrderedDict[str, Entry] = OrderedDict()
        self._lock = threading.Lock()

    def keep(self, case: Case, decision: Decision, warm: Decision | None = None) -> None:
        """Keep a decision; the oldest one goes if there are too many."""
        with self._lock:
            self._entries.pop(decision.case_id, None)
            self._entries[decision.case_id] = Entry(case, decision, int(self._clock()), warm)
            while len(self._entries) > self._size:
                self._entries.popitem(last=False)

    def find(self, name: str) -> Entry:
        """The entry of a case id, or of the start of one. NotFound, or InputError if several start so."""
        with self._lock:
            return self._entries[_only(name, tuple(self._entries))]

    def ids(self) -> tuple[str, ...]:
        """The ids of all entries, the latest first."""
        with self._lock:
            return tuple(reversed(self._entries))


class FolderJournal:
    """The latest `size` decisions as files of a folder, each written whole or not at all. Several may share it."""

    def __init__(self, folder: str | Path, size: int = 1000, clock: Callable[[], float] = time.time) -> None:
        """`clock` gives epoch seconds. InputError if the folder is none, or cannot be written to."""
        self._folder = Path(folder)
        self._size = size
        self._clock = clock
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(
                "journal", f"{str(folder)!r} cannot be a folder: {error.strerror}", "name a folder"
            ) from None
        if not os.access(self._folder, os.W_OK):
            raise InputError("journal", f"{str(folder)!r} cannot be written to", "name a folder you may write to")

    def keep(self, case: Case, decision: Decision, warm: Decision | None = None) -> None:
        """Write a decision to its file; a failure is logged. The oldest files go if there are too many."""
        earlier = "" if warm is None else f',"warm":{warm.to_json()}'
        text = f'{{"kept_s":{int(self._clock())},"case":{case.to_json()},"decision":{decision.to_json()}{earlier}}}'
        beside = self._folder / f".{decision.case_id}.{uuid.uuid4().hex[:8]}{_PART}"
        try:
            beside.write_bytes(gzip.compress(text.encode(), compresslevel=1, mtime=0))
            beside.replace(self._folder / f"{decision.case_id}{_ENDING}")
            for path in self._paths()[self._size :]:
                path.unlink(missing_ok=True)
        except OSError as error:
            _LOG.warning("the journal could not keep case %s: %s", decision.case_id, error)
            with suppress(OSError):
                beside.unlink()

    def find(self, name: str) -> Entry:
        """The entry of a case id or of the start of one. NotFound, or InputError if several fit or it is damaged."""
        path = self._folder / f"{_only(name, self.ids())}{_ENDING}"
        _, plain = parse_syntax(read_bytes(path), path.name)
        if not isinstance(plain, dict) or set(plain) - {"warm"} != {"kept_s", "case", "decision"}:
            raise InputError(str(path), "this is no entry of a journal", "name another entry")
        kept_s = plain["kept_s"]
        if not isinstance(kept_s, int):
            raise InputError(str(path), "kept_s is no whole number", "name another entry")
        told = [Decision.from_json(json.dumps(plain[name])) for name in ("decision", "warm") if name in plain]
        return Entry(Case.from_json(json.dumps(plain["case"])), told[0], kept_s, *told[1:])

    def ids(self) -> tuple[str, ...]:
        """The ids of all entries, the latest first."""
        return tuple(path.name.removesuffix(_ENDING) for path in self._paths())

    def _paths(self) -> list[Path]:
        """The files of the entries, the latest first."""
        dated = []
        with os.scandir(self._folder) as found:
            for file in found:
                if file.name.endswith(_ENDING) and _ID.fullmatch(file.name.removesuffix(_ENDING)):
                    with suppress(FileNotFoundError):  # another process may prune the same folder
                        dated.append((file.stat().st_mtime_ns, file.name))
        return [self._folder / name for _, name in sorted(dated, reverse=True)]


def _only(name: str, ids: tuple[str, ...]) -> str:
    """The one id that is, or starts with, `name`."""
    if not _ID.fullmatch(name):
        raise InputError("ID", f"{name[:80]!r} is no case id", "write at least its first 4 hexadecimal digits")
    found = [one for one in ids if one.startswith(name)]
    if not found:
        raise NotFound("case in the journal", name)
    if len(found) > 1:
        shown = ", ".join(one[: len(name) + 6] for one in found[:4])
        raise InputError("ID", f"{len(found)} cases start with {name!r}: {shown}", "write more of the id")
    return found[0]


@dataclass(frozen=True)
class Agreement:
    """Whether two decisions of one case can both be right, whether their values are equal, and a sentence."""

    consistent: bool
    equal: bool
    says: str


def agree(stored: Decision, again: Decision) -> Agreement:
    """Compare the tiers of two decisions of the same case, both valid, the most important one first.

    They are inconsistent if one has a value below what the other proved to be the least, the tiers before being equal.
    """
    if [tier.tier for tier in stored.tiers] != [tier.tier for tier in again.tiers]:
        return Agreement(consistent=False, equal=False, says="the tiers differ: not the same policy")
    for old, new in zip(stored.tiers, again.tiers, strict=True):
        for low, high, name in ((new, old, "stored"), (old, new, "new")):
            if high.bound is not None and low.value < high.bound:
                says = (
                    f"tier {old.tier}: {low.value:,} was found, but the {name} decision proves at least {high.bound:,}"
                )
                return Agreement(consistent=False, equal=False, says=says)
        if old.value != new.value:
            word = "better" if new.value < old.value else "worse"
            says = (
                f"tier {old.tier}: {new.value:,} now, {old.value:,} then: {word} by {abs(new.value - old.value):,}, "
                f"within what was proven (at least {max(old.bound or 0, new.bound or 0):,})"
            )
            return Agreement(consistent=True, equal=False, says=says)
    return Agreement(consistent=True, equal=True, says="the same value in every tier")
