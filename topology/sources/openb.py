"""Node lists of the openb trace (Alibaba cluster-trace-gpu-v2023), raw or in the order of a published replay.

The trace says nothing of racks, memory of a GPU, prices or power: the fleet has no levels, and those figures
are 0. Its nodes carry no taint, since tasks without GPUs also ran on nodes with GPUs.
"""

from __future__ import annotations

import csv
from pathlib import Path

from pydantic import ValidationError

from topology.errors import TopologyError, topology_error
from topology.model import Fleet, Node
from topology.sources.text import read_text

__all__ = ["RANK_LABEL", "read_openb_nodes"]

RANK_LABEL = "openb.rank"
"""The node label that keeps the column ``rank`` of a replay file: the order in which it broke ties."""

_RAW = ("sn", "cpu_milli", "memory_mib", "gpu", "model")
_REPLAY = ("rank", "node", "model", "gpus", "cpu_milli", "memory_mib")


def read_openb_nodes(path: Path | str, include_cpu_only: bool = False) -> Fleet:
    """Read a node list, plain or ``.gz``; nodes without GPUs only if ``include_cpu_only``.

    The columns are ``sn,cpu_milli,memory_mib,gpu,model`` (raw) or
    ``rank,node,model,gpus,cpu_milli,memory_mib`` (replay). Raises TopologyError naming the line and column.
    """
    path = Path(path)
    rows = csv.reader(read_text(path).splitlines())
    header = tuple(next(rows, ()))
    if header not in (_RAW, _REPLAY):
        raise TopologyError(
            f"{path} line 1",
            f"the columns are {','.join(header) or '(none)'}",
            f"expected {','.join(_RAW)} or {','.join(_REPLAY)}",
        )
    nodes: list[Node] = []
    for cells in rows:
        place = f"line {rows.line_num}"
        if len(cells) != len(header):
            raise TopologyError(place, f"has {len(cells)} columns", f"give it {len(header)}")
        node = _node(dict(zip(header, cells, strict=True)), place, replay=header == _REPLAY)
        if node.gpu_count or include_cpu_only:
            nodes.append(node)
    try:
        return Fleet(name="openb", levels=(), nodes=tuple(nodes))
    except ValidationError as error:
        raise topology_error(error) from error


def _node(row: dict[str, str], place: str, *, replay: bool) -> Node:
    """Build one node from one line."""
    try:
        return Node(
            id=row["node" if replay else "sn"],
            path={},
            gpu_model=row["model"] or None,
            gpu_count=_integer(row, "gpus" if replay else "gpu", place),
            cpu_milli=_integer(row, "cpu_milli", place),
            memory_mib=_integer(row, "memory_mib", place),
            labels={RANK_LABEL: str(_integer(row, "rank", place))} if replay else {},
        )
    except ValidationError as error:
        inner = topology_error(error)
        raise TopologyError(f"{place}, {inner.field}", inner.problem, inner.mend) from error


def _integer(row: dict[str, str], column: str, place: str) -> int:
    """Read a cell of decimal digits; ``int`` alone would also take signs, blanks and underscores."""
    cell = row[column]
    if not (cell.isascii() and cell.isdigit() and len(cell) <= 15):
        raise TopologyError(f"{place}, {column}", f"{cell!r} is not a whole number", "give decimal digits")
    return int(cell)
