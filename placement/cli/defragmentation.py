"""A defragmentation as tables: the steps in order, what is free, the terms before and after."""

from __future__ import annotations

from rich.console import Console

from placement.cli.printing import amount, grid, percent, printed
from placement.cli.streams import one_line
from placement.defrag import Defragmentation, Step

__all__ = ["print_defragmentation"]

_NODES = 4
"""Nodes named per step and side."""


def print_defragmentation(told: Defragmentation) -> None:
    """Print the answer, the steps in order, what is in the way, terms, tiers and notes on stdout."""
    with printed() as console:
        _print(console, told)


def _print(console: Console, told: Defragmentation) -> None:
    newly = sorted(set(told.free_after) - set(told.free_before))
    proof = "; proven: no permitted moves free more" if told.proven_most and not told.reached else ""
    console.print(
        f"{told.status}: {len(told.free_after)} of {told.wanted} domains of level {told.level} free, "
        f"{len(told.steps)} steps{proof}"
    )
    console.print(f"free before: {' '.join(told.free_before) or '-'}")
    console.print(f"freed: {' '.join(newly) or '-'}")
    if told.steps:
        console.print()
        rows = (_step(number, step) for number, step in enumerate(told.steps, start=1))
        console.print(grid("steps", *("step#", "workload", "tenant", "replicas#", "from~", "to~", "frees~"), rows=rows))
    if told.blocked:
        console.print()
        blocked = ((one.domain, one.reason, _some(one.workloads)) for one in told.blocked)
        console.print(grid("not free", *("domain", "reason~", "work in it~"), rows=blocked))
    console.print()
    before = {(term.tier, term.name): term.natural for term in told.terms_before}
    terms = (
        (
            str(term.tier),
            term.name,
            amount(before[term.tier, term.name]),
            amount(term.natural),
            amount(term.natural - before[term.tier, term.name]),
            term.unit,
        )
        for term in told.terms
        if term.points or before[term.tier, term.name]
    )
    console.print(
        grid("terms that are not zero", *("tier#", "rule", "before#", "after#", "difference#", "unit"), rows=terms)
    )
    console.print()
    tiers = (
        (str(t.tier), f"{t.do_nothing:,}", f"{t.value:,}", f"{t.bound:,}", percent(t.gap), t.bound_source or "-")
        for t in told.tiers
        if t.bound is not None
    )
    titles = ("tier#", "before#", "after#", "bound#", "gap#", "bound by")
    console.print(grid("tiers of the decision in points (smaller is better)", *titles, rows=tiers))
    for note in told.notes:
        console.print(f"note: {one_line(note)}")


def _step(number: int, step: Step) -> tuple[str, ...]:
    leaves = sorted(set(step.nodes_before) - set(step.nodes_after)) or list(step.nodes_before)
    enters = sorted(set(step.nodes_after) - set(step.nodes_before)) or list(step.nodes_after)
    there = f"{_some(enters)} (for a while)" if step.detour else _some(enters)
    return (str(number), step.workload, step.tenant, str(step.moved), _some(leaves), there, _some(step.frees) or "-")


def _some(names: list[str] | tuple[str, ...]) -> str:
    more = f" and {len(names) - _NODES} more" if len(names) > _NODES else ""
    return " ".join(names[:_NODES]) + more
