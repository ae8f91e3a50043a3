"""Reading a text file, plain or gzip, with a limit on its size."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

from topology.errors import TopologyError

__all__ = ["MAX_BYTES", "read_text"]

MAX_BYTES = 256 * 2**20
"""The largest file that is read, after decompression: a small gzip file can unpack to a huge one."""


def read_text(path: Path) -> str:
    """Return the text of a UTF-8 file, unpacked if its name ends in ``.gz``.

    Raises TopologyError naming the file if it is missing, unreadable, damaged, too large or not UTF-8.
    """
    field = str(path)
    try:
        if path.suffix == ".gz":
            with gzip.open(path) as packed:
                data = packed.read(MAX_BYTES + 1)
        else:
            with path.open("rb") as plain:
                data = plain.read(MAX_BYTES + 1)
    except gzip.BadGzipFile as error:
        raise TopologyError(field, "is not a gzip file", "drop the .gz, or pack it again") from error
    except (EOFError, zlib.error) as error:
        raise TopologyError(field, "is damaged or cut short", "copy it again") from error
    except OSError as error:
        raise TopologyError(field, f"cannot be read ({error.strerror})", "check the name and the rights") from error
    if len(data) > MAX_BYTES:
        raise TopologyError(field, f"is larger than {MAX_BYTES // 2**20} MiB", "split it")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise TopologyError(field, f"is not UTF-8 at byte {error.start}", "save it as UTF-8") from error
