"""Holding: what running work breaks where it is stays allowed, never gets worse, and may cost until it is mended.

Row by row: a mask lets what stands there stay, in no greater number; a limit is raised to what running work comes to.
Where the policy holds the rule in a tier, what is left of the excess has a price there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from placement.rules.context import Context
from placement.rules.registry import Active
from solver.atoms import Allow, Caps, Hinge, Pool, Share, Stay, UnitCharge
from solver.items import Item
from solver.plan import Plan, Seat
from solver.problem import Atom

__all__ = ["hold"]

_Seats = tuple[tuple[Seat, ...], ...]


def hold(
    atom: Atom, active: Active, context: Context, items: Sequence[Item], homes: Mapping[int, _Seats]
) -> Iterator[Atom]:
    """The atom of a requirement as it is held, and the prices of what it holds."""
    rate = active.spec.weight if active.spec.tier else 0
    tier = context.tier(active.spec.tier) if rate else -1
    if isinstance(atom, Allow) and atom.item in homes:
        yield from _place(atom, active, context, items, homes[atom.item], tier, rate)
    elif isinstance(atom, Share) and atom.limit is not None and not atom.hinges:
        load = atom.load(Plan(homes))
        if load <= max(atom.limit, atom.base):
            yield atom
            return
        yield replace(atom, limit=load)
        if rate:
            yield replace(atom, limit=None, hinges=(Hinge(atom.limit, rate),), tier=tier)
    elif isinstance(atom, Caps):
        yield from _caps(atom, homes, tier, rate)
    elif isinstance(atom, Pool):
        loads = atom.loads(Plan(homes))
        nodes = (
            node if node.limit is None or load <= node.limit else replace(node, limit=load)
            for node, load in zip(atom.nodes, loads, strict=True)
        )
        yield replace(atom, nodes=tuple(nodes))
    else:
        yield atom


def _place(
    atom: Allow, active: Active, context: Context, items: Sequence[Item], home: _Seats, tier: int, rate: int
) -> Iterator[Atom]:
    """What runs may stay even where its kind may not start, in no greater number."""
    held = Counter(seat.bin for seat in home[atom.part])
    barred = sorted(b for b in held if not atom.bins[b])
    if not barred:
        yield atom
        return
    bins = atom.bins.copy()
    bins[barred] = True
    yield replace(atom, bins=bins)
    labels = np.full(bins.size, -1, np.int64)
    labels[barred] = np.arange(len(barred))
    most = np.array([held[b] for b in barred], np.int64)
    use = {(atom.item, atom.part): np.ones(len(barred), np.int64)}
    name = items[atom.item].key
    yield Caps(atom.rule, (f"{name} where it runs",) * len(barred), labels, use, np.zeros_like(most), most)
    if rate and active.hard is not None:
        each = np.zeros(bins.size, np.int64)
        each[barred] = rate * max(1, context.part((atom.item, atom.part)).role.replica_gpu_milli)
        yield UnitCharge(atom.rule, tier, atom.item, atom.part, each)
        nodes = context.fabric.nodes
        gone = sum(held[b] * int(each[b]) for b in barred if not active.hard.ends(nodes[b], active.spec))
        if gone:
            yield Stay(atom.rule, tier, atom.item, home, leave_once=gone)


def _caps(atom: Caps, homes: Mapping[int, _Seats], tier: int, rate: int) -> Iterator[Atom]:
    """Groups above their limit are held at what running work comes to there."""
    added = atom.loads(Plan(homes))
    over = np.flatnonzero((added > 0) & (atom.base + added > atom.limit)).tolist()
    if not over:
        yield atom
        return
    limit = atom.limit.copy()
    limit[over] = (atom.base + added)[over]
    yield replace(atom, limit=limit)
    for group in over if rate else ():
        users = {key: int(use[group]) for key, use in atom.use.items() if use[group]}
        hinge = Hinge(int(atom.limit[group]), rate)
        yield Share(
            atom.rule, atom.names[group], users, atom.labels == group, int(atom.base[group]), None, (hinge,), tier
        )
