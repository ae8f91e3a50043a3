"""HOST:PORT as an option or argument."""

from __future__ import annotations

import re

__all__ = ["host_and_port"]

_ADDRESS = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[\w.-]+):([0-9]{1,5})", re.ASCII)


def host_and_port(text: str, field: str, example: str, *, least: int = 1, ipv6: bool = False) -> tuple[str, int]:
    """The parts of HOST:PORT, an IPv6 host with its brackets. InputError if it is none, with `example` as the mend.

    `least` is the least port: 0 where it may mean any free one.
    """
    from placement.errors import InputError  # noqa: PLC0415 - --help does without

    found = _ADDRESS.fullmatch(text)
    if found is None or not least <= int(found[2]) <= 65_535 or (found[1].startswith("[") and not ipv6):
        raise InputError(field, f"{text[:80]!r} is not HOST:PORT", f"write {example}")
    return found[1], int(found[2])
