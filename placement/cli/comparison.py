"""A comparison of two decisions as tables."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console
from rich.table import Table

from placement.cli.printing import amount, grid, percent, printed
from placement.cli.streams import one_line
from placement.whatif import Comparison, Fate

__all__ = ["print_comparison"]

_NODES = 4
"""Nodes named per workload and side."""
_TITLES = {
    "lost": "lost: had a place before, has none after",
    "gained": "gained: has a place only after",
    "moved": "moved: ran, and has another place after",
    "shrunk": "shrunk: runs on with fewer replicas",
    "grown": "grown: runs on with more replicas",
    "verdict": "not placed before and after, on another ground",
    "elsewhere": "elsewhere: placed on both sides, on other nodes",
}


def print_comparison(comparison: Comparison) -> None:
    """Print what became of the work, then terms, tenants and tiers side by side, and the notes, on stdout."""
    with printed() as console:
        _print(console, comparison)


def _print(console: Console, found: Comparison) -> None:
    counts = {kind: sum(1 for fate in found.fates if fate.kind == kind) for kind in _TITLES}
    told = ", ".join(f"{number} {_short(kind)}" for kind, number in counts.items() if number)
    console.print(f"before: {found.status_before}: {found.placed_before} of {found.pending_before} workloads placed")
    console.print(f"after:  {found.status_after}: {found.placed_after} of {found.pending_after} workloads placed")
    console.print(f"{told or 'no workload differs'}, {found.unchanged} unchanged")
    for table in (*_fates(found), _terms(found), *_tenants(found), _tiers(found)):
        console.print()
        console.print(table)
    for note in found.notes:
        console.print(f"note: {one_line(note)}")


def _fates(found: Comparison) -> Iterator[Table]:
    """What became of the work, a table for each kind of fate that occurs."""
    for kind, title in _TITLES.items():
        fates = [fate for fate in found.fates if fate.kind == kind]
        if fates:
            columns = ("workload", "tenant", "GPUs#", "before~", "after~")
            yield grid(title, *columns, rows=(_fate(fate) for fate in fates))


def _terms(found: Comparison) -> Table:
    """The terms that are not zero on both sides."""
    shown = [term for term in found.terms if term.natural_before or term.natural_after]
    zero = len(found.terms) - len(shown)
    return grid(
        f"terms ({zero} more are zero on both sides)" if zero else "terms",
        *("tier#", "rule", "before#", "after#", "difference#", "unit", "weight#"),
        rows=(
            (
                str(term.tier),
                term.name,
                _shown(term.natural_before),
                _shown(term.natural_after),
                _signed(term.natural_before, term.natural_after),
                term.unit,
                _weights(term.weight_before, term.weight_after),
            )
            for term in shown
        ),
    )


def _tenants(found: Comparison) -> Iterator[Table]:
    """The tenants that use more or less GPUs than before, if there are any."""
    rows = [
        (one.tenant, f"{one.gpus_before:g}", f"{one.gpus_after:g}", f"{one.gpus_after - one.gpus_before:+g}")
        for one in found.tenants
        if one.gpus_before != one.gpus_after
    ]
    if rows:
        yield grid("GPUs in use by tenant", *("tenant", "before#", "after#", "difference#"), rows=rows)


def _tiers(found: Comparison) -> Table:
    """Value, bound and gap of every tier."""
    return grid(
        "tiers in points (smaller is better)",
        *("tier#", "before#", "bound#", "gap#", "after#", "bound#", "gap#", "the difference is"),
        rows=(
            (
                str(tier.tier),
                *(_points(tier.value_before), _points(tier.bound_before), percent(tier.gap_before)),
                *(_points(tier.value_after), _points(tier.bound_after), percent(tier.gap_after)),
                tier.says,
            )
            for tier in found.tiers
        ),
    )


def _short(kind: str) -> str:
    return "on another ground" if kind == "verdict" else kind


def _fate(fate: Fate) -> tuple[str, ...]:
    after = " ".join(filter(None, (fate.after, _nodes(fate.nodes_after), fate.reason)))
    return (
        fate.workload,
        fate.tenant,
        f"{fate.gpus:g}",
        " ".join(filter(None, (fate.before, _nodes(fate.nodes_before)))),
        after,
    )


def _nodes(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - _NODES} more" if len(names) > _NODES else ""
    return " ".join(names[:_NODES]) + more


def _points(value: int | None) -> str:
    return "-" if value is None else f"{value:,}"


def _shown(value: float | None) -> str:
    return "-" if value is None else amount(value)


def _signed(before: float | None, after: float | None) -> str:
    if before is None or after is None:
        return "-"
    return f"+{amount(after - before)}" if after > before else amount(after - before)


def _weights(before: int | None, after: int | None) -> str:
    if before == after or before is None or after is None:
        shown = before if before is not None else after
        return "-" if shown is None else f"{shown:,}"
    return f"{before:,} → {after:,}"
