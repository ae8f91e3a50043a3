"""What comes in and goes out: files or `-`, plain or gzip, whole or not at all."""

from __future__ import annotations

import gzip
import io
import os
import sys
import zlib
from contextlib import suppress
from enum import StrEnum
from pathlib import Path

from placement.errors import InputError

__all__ = ["STREAM", "OutputForm", "check_writable", "one_line", "print_text", "read_input", "write_output"]

STREAM = "-"
"""The name that stands for stdin or stdout."""


class OutputForm(StrEnum):
    """Forms of what is printed."""

    TABLE = "table"
    JSON = "json"


def one_line(text: str, limit: int = 2000) -> str:
    """The text on one line that is safe for a terminal; what is not printable is escaped."""
    line = "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
    return line if len(line) <= limit else f"{line[: limit - 3]}..."


def read_input(name: str) -> bytes:
    """The bytes of a file (unpacked if it ends in .gz) or of stdin (unpacked if packed); or InputError."""
    from placement.model.document import MAX_BYTES, read_bytes  # noqa: PLC0415 - brings pydantic

    if name != STREAM:
        return read_bytes(name)
    try:
        data = sys.stdin.buffer.read(MAX_BYTES + 1)
        if data[:2] == b"\x1f\x8b":
            with gzip.open(io.BytesIO(data)) as packed:
                data = packed.read(MAX_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError("stdin", f"cannot be read: {error}", "pipe a JSON document, plain or gzip") from None
    if len(data) > MAX_BYTES:
        raise InputError("stdin", f"it holds more than {MAX_BYTES} bytes", "split the document")
    return data


def check_writable(name: str, field: str = "--out") -> None:
    """InputError unless a file of that name can be written: asked before the work, not after it."""
    if name == STREAM:
        return
    path = Path(name)
    try:
        folder = path.resolve().parent
        exists, is_folder = path.exists(), path.is_dir()
    except (OSError, ValueError, RuntimeError) as error:
        raise InputError(field, f"{name!r} cannot be a file: {error}", "give another path") from None
    if not folder.is_dir():
        raise InputError(field, f"the folder {str(folder)!r} does not exist", "make it, or give another path")
    if is_folder:
        raise InputError(field, f"{name!r} is a folder", "add the name of a file")
    if not os.access(path if exists and not path.is_file() else folder, os.W_OK):
        raise InputError(field, f"{name!r} cannot be written: permission denied", "give a path you may write to")


def write_output(name: str, text: str, field: str = "--out") -> None:
    """Write a text as UTF-8 to stdout or, packed if the name ends in .gz, to a file: whole, or not at all.

    The text goes to a file beside the target, which then takes its name. InputError if that fails.
    """
    if name == STREAM:
        print_text(text)
        return
    check_writable(name, field)
    data = text.encode()
    if name.endswith(".gz"):
        data = gzip.compress(data, compresslevel=6, mtime=0)
    target = Path(name).resolve()
    try:
        if target.exists() and not target.is_file():
            target.write_bytes(data)  # a device or a pipe has no content to protect
            return
        beside = target.with_name(f".{target.name[:200]}.{os.getpid()}.part")
        try:
            beside.write_bytes(data)
            if target.exists():
                beside.chmod(target.stat().st_mode & 0o7777)
            beside.replace(target)
        except BaseException:
            with suppress(OSError):
                beside.unlink()
            raise
    except OSError as error:
        raise InputError(field, f"{name!r} cannot be written: {error.strerror}", "give another path") from None


def print_text(text: str) -> None:
    """Print a document on stdout as UTF-8, whatever the terminal's encoding."""
    sys.stdout.flush()
    sys.stdout.buffer.write(text.encode())
    sys.stdout.buffer.flush()
