"""A decision as tables: for people on a terminal, and for grep where it is piped."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from rich.console import Console
from rich.table import Table

from placement.cli.printing import amount, grid, percent, printed
from placement.cli.streams import one_line
from placement.model import Decision, PlacedReplica, Running, Workload

__all__ = ["print_decision", "seats"]

_NODES = 6
"""Nodes named per workload."""


def print_decision(decision: Decision, workloads: Iterable[Workload], running: Iterable[Running]) -> None:
    """Print status, tiers, terms, placements, refusals, holds and timings on stdout.

    `workloads` are what was pending; `running` is where work was that the decision disturbs (a dash if not among it).
    """
    with printed() as console:
        _print(console, decision, {one.id: one for one in workloads}, running)


def _print(console: Console, decision: Decision, pending: Mapping[str, Workload], running: Iterable[Running]) -> None:
    console.print(_headline(pending, decision))
    if decision.fallback_reason:
        console.print(f"reason: {one_line(decision.fallback_reason)}")
    warm = decision.warm
    if warm is not None:
        ignored = f", {warm.unknown} ignored" if warm.unknown else ""
        console.print(f"earlier answer: {warm.kept} kept, {warm.changed} changed, {warm.dropped} dropped{ignored}")
    tables = (
        _tiers(decision),
        _terms(decision),
        _placements(pending, decision),
        _disturbed(running, decision),
        _unplaced(decision),
        _holds(decision),
        _timings(decision),
    )
    for table in tables:
        if table.row_count:
            console.print()
            console.print(table)


def _headline(pending: Mapping[str, Workload], decision: Decision) -> str:
    placed = sum(1 for placement in decision.placements if placement.workload in pending)
    line = f"{decision.status}: {placed} of {len(pending)} workloads placed"
    if decision.gap_tier is None:
        return f"{line}, every tier proven"
    return f"{line}, gap {percent(decision.gap)} in tier {decision.gap_tier} (bound by {decision.bound_source})"


def _tiers(decision: Decision) -> Table:
    return grid(
        "tiers (smaller is better)",
        *("tier#", "value#", "bound#", "gap#", "bound by", "do nothing#"),
        rows=(
            (
                str(tier.tier),
                f"{tier.value:,}",
                "-" if tier.bound is None else f"{tier.bound:,}",
                percent(tier.gap),
                tier.bound_source or "-",
                f"{tier.do_nothing:,}",
            )
            for tier in decision.tiers
        ),
    )


def _terms(decision: Decision) -> Table:
    return grid(
        "terms",
        *("tier#", "rule", "natural#", "unit", "points#", "weight#"),
        rows=(
            (str(term.tier), term.name, amount(term.natural), term.unit, f"{term.points:,}", f"{term.weight:,}")
            for term in decision.terms
        ),
    )


def _placements(pending: Mapping[str, Workload], decision: Decision) -> Table:
    rows = []
    for placement in decision.placements:
        workload = pending.get(placement.workload)
        facts = ("-", "-") if workload is None else (workload.kind.value, workload.tenant)
        milli = sum(device.milli for replica in placement.replicas for device in replica.devices)
        where = _nodes(placement.replicas)
        rows.append((placement.workload, *facts, str(len(placement.replicas)), f"{milli / 1000:g}", where))
    return grid("placed", "workload", "kind", "tenant", "replicas#", "GPUs#", "nodes [devices]~", rows=rows)


def _disturbed(running: Iterable[Running], decision: Decision) -> Table:
    """Running work: where it was and where it is in the end."""
    was = {one.workload.id: seats(one) for one in running}
    rows = [(move.workload, "moves", _nodes(move.replicas)) for move in decision.moves]
    rows += [(one.workload, "shrinks", _nodes(one.replicas)) for one in decision.shrinks]
    rows += [
        (one.workload, f"{one.role} grows {one.before}->{one.after}", f"+ {_nodes(one.added)}")
        for one in decision.growths
    ]
    rows += [
        (one.workload, "is evicted", f"- (for {', '.join(one.rivals)})" if one.rivals else "-")
        for one in decision.evictions
    ]
    cells = ((name, what, was.get(name, "-"), after) for name, what, after in rows)
    title = "changed" if decision.growths else "disturbed"
    return grid(title, "workload", "what", "before [devices]~", "after [devices]~", rows=cells)


def seats(running: Running) -> str:
    """Where running work sits: its nodes with the devices taken on each, `n1[0-3] n2[5:250]`."""
    return _nodes([PlacedReplica(**dict(replica)) for replica in running.replicas])


def _nodes(placed: Iterable[PlacedReplica]) -> str:
    """The nodes with the devices taken on each: `n1[0-3] n2[5:250]`."""
    by_node: dict[str, list[PlacedReplica]] = {}
    for replica in placed:
        by_node.setdefault(replica.node, []).append(replica)
    named = [f"{node}{_devices(replicas)}" for node, replicas in sorted(by_node.items())]
    more = f" and {len(named) - _NODES} more" if len(named) > _NODES else ""
    return " ".join(named[:_NODES]) + more


def _devices(replicas: list[PlacedReplica]) -> str:
    """Whole devices as ranges, shares as device:thousandths; the number of replicas where there is no device."""
    held = sorted((device.index, device.milli) for replica in replicas for device in replica.devices)
    if not held:
        return f" x{len(replicas)}" if len(replicas) > 1 else ""
    spans: list[list[int]] = []
    for index in (index for index, milli in held if milli == 1000):
        if spans and index == spans[-1][1] + 1:
            spans[-1][1] = index
        else:
            spans.append([index, index])
    names = [str(first) if first == last else f"{first}-{last}" for first, last in spans]
    return f"[{','.join(names + [f'{index}:{milli}' for index, milli in held if milli < 1000])}]"


def _unplaced(decision: Decision) -> Table:
    return grid(
        "not placed",
        *("workload", "verdict", "rule", "reason~"),
        rows=((entry.workload, entry.verdict.value, entry.rule or "-", entry.reason) for entry in decision.unplaced),
    )


def _holds(decision: Decision) -> Table:
    return grid(
        "held (broken by the running work already)",
        *("rule", "subject", "detail~"),
        rows=((hold.rule, hold.subject, hold.detail) for hold in decision.holds),
    )


def _timings(decision: Decision) -> Table:
    return grid(
        "timings",
        *("step", "ms#"),
        rows=((name.removesuffix("_ms"), f"{value:,.0f}") for name, value in decision.timings.items()),
    )
