"""The tables of a fairness replay."""

from __future__ import annotations

from collections.abc import Sequence

from bench.blocks import Block, Heading, Table, Text
from bench.rows import Row
from bench.tables import percent

__all__ = ["SUITE", "fairness_blocks"]

SUITE = "fairness"
"""Suite of the rows that `python -m bench fairness` writes."""
_HEAD = ("method", "hours", "arrived", "started", "GPUs used", "Jain of mean shares", "Jain of share / fair share")
_MORE = ("least share / fair share", "contended", "wait h: mean", "90 %", "proven", "ms: median", "95 %", "seconds")
_JAIN_DUE = """Jain of share / fair share: at each moment over the tenants that ask for GPUs (fair: the max-min part of
what they ask for), mean over the time in which more is asked for than there is; so is the least of them."""


def fairness_blocks(rows: Sequence[Row]) -> list[Block]:
    """One table of figures by method, one of mean dominant shares by tenant; nothing without rows."""
    if not rows:
        return []
    tenants = {name: due for row in reversed(rows) for name, due in row["figures"]["due"].items()}
    shares = []
    for name in sorted(tenants, key=lambda one: (-tenants[one], one)):
        cells = (percent(row["figures"]["shares"].get(name, 0.0)) for row in rows)
        shares.append((name, *cells, percent(tenants[name])))
    notes = (
        "Jain of mean shares: over tenants, of their mean dominant shares.",
        _JAIN_DUE.replace("\n", " "),
        "proven: decisions in which every tier was proven; ms: time of a decision.",
    )
    columns = ("tenant", *(row["method"] for row in rows), f"fair share under {rows[0]['method']}")
    return [
        Heading(2, SUITE),
        Text(notes),
        Table("The Philly job list in order.", _HEAD + _MORE, [_line(row) for row in rows]),
        Table("Mean dominant share of each tenant.", columns, shares),
    ]


def _line(row: Row) -> tuple[str, ...]:
    told = row["figures"]
    cells = [row["method"], f"{told['hours']:.0f}", str(told["arrived"]), str(told["started"]), percent(told["used"])]
    cells += [f"{told[name]:.4f}" for name in ("jain_shares", "jain_due", "least_due")]
    cells += [percent(told["contended"]), f"{told['wait_h']:.2f}", f"{told['wait_p90_h']:.2f}"]
    proven = "-" if "decisions" not in row else f"{row['proven']} of {row['decisions']}"
    told_ms = row.get("decide_ms", {})
    cells += [proven, *(f"{told_ms[q]:.0f}" if q in told_ms else "-" for q in ("50", "95"))]
    return (*cells, f"{row['seconds']:.0f}")
