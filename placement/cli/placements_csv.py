"""Placements as a CSV file with the columns workload, replica, node and devices."""

from __future__ import annotations

import csv
import io
import re

from pydantic import ValidationError

from placement.errors import InputError
from placement.model import Case, Device, PlacedReplica, Placement, Workload
from placement.model.document import input_error

__all__ = ["is_csv", "parse_placements"]

_HEADER = ("workload", "replica", "node")
_DEVICE = re.compile(r"([0-9]{1,3})(?::([0-9]{1,5}))?", re.ASCII)


def is_csv(name: str, data: bytes) -> bool:
    """Whether a document is CSV: by the ending of its name, else unless it begins as JSON does."""
    plain = name.lower().removesuffix(".gz")
    if plain.endswith((".csv", ".json")):
        return plain.endswith(".csv")
    return data.removeprefix(b"\xef\xbb\xbf").lstrip()[:9].lower() == b"workload,"


def parse_placements(case: Case, data: bytes) -> tuple[Placement, ...]:
    """The placements of a CSV document in the order of their first lines.

    Replica 0 is the first replica of the first role of the first subgroup, and so on through the workload.
    InputError names the line and the column; whether the placements are allowed is not asked here.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError("placements", f"byte {error.start} is not UTF-8 text", "save the file as UTF-8") from None
    pending = {workload.id: workload for workload in case.workloads}
    found: dict[str, dict[int, PlacedReplica]] = {}
    rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = tuple(cell.strip() for cell in next(rows, []))
        if header not in (_HEADER, (*_HEADER, "devices")):
            raise InputError(
                "placements line 1",
                f"the columns are {','.join(header)[:80] or '(none)'}",
                "write workload,replica,node,devices (devices may be left out)",
            )
        for cells in rows:
            if not cells:
                continue
            line = f"placements line {rows.line_num}"
            if len(cells) != len(header):
                raise InputError(line, f"it has {len(cells)} cells", f"give it {len(header)}")
            name, index, node, *devices = (cell.strip() for cell in cells)
            workload = pending.get(name)
            if workload is None:
                raise InputError(f"{line}, workload", f"no pending workload {name[:80]!r}", "name one of the case")
            row = _index(workload, index, line)
            replicas = found.setdefault(name, {})
            if row in replicas:
                raise InputError(f"{line}, replica", f"replica {row} of {name!r} is there twice", "drop one line")
            replicas[row] = _replica(workload, row, node, devices[0] if devices else "", line)
    except csv.Error as error:
        raise InputError(f"placements line {rows.line_num}", f"no CSV: {error}", "mend the line") from None
    return tuple(
        Placement(workload=name, replicas=tuple(replicas[row] for row in sorted(replicas)))
        for name, replicas in found.items()
    )


def _index(workload: Workload, cell: str, line: str) -> int:
    count = sum(role.replicas for subgroup in workload.subgroups for role in subgroup.roles)
    if not (cell.isascii() and cell.isdigit() and len(cell) <= 9 and int(cell) < count):
        raise InputError(f"{line}, replica", f"{cell[:40]!r} is no replica of {workload.id!r}", f"use 0 to {count - 1}")
    return int(cell)


def _replica(workload: Workload, row: int, node: str, devices: str, line: str) -> PlacedReplica:
    """Replica `row` of a workload; a device without a share is a whole one."""
    held = []
    for cell in filter(None, (part.strip() for part in devices.split(";"))):
        parts = _DEVICE.fullmatch(cell)
        if parts is None:
            raise InputError(f"{line}, devices", f"{cell[:40]!r} is no device", "write 0;1;2 or 3:250")
        held.append((int(parts[1]), int(parts[2] or 1000)))
    try:
        for subgroup in workload.subgroups:
            for role in subgroup.roles:
                if row < role.replicas:
                    return PlacedReplica(
                        subgroup=subgroup.name,
                        role=role.name,
                        node=node,
                        devices=tuple(Device(index=index, milli=milli) for index, milli in held),
                    )
                row -= role.replicas
    except ValidationError as error:
        fault = input_error(error, "replica")
        raise InputError(f"{line}, {fault.field}", fault.problem, fault.mend) from None
    raise AssertionError("the index was checked")
