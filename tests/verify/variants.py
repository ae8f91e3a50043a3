"""The same problem in another form: with work that runs, in another order, with less in it."""

from collections.abc import Sequence
from dataclasses import replace
from random import Random

import numpy as np

from solver.atoms import Allow, Caps, Disruptions, Floor, LeftValue, Pool, Remainder, Share, Stay, UnitCharge, Vacant
from solver.items import Bins, IntArray
from solver.plan import Plan, Seat
from solver.problem import Atom, Problem


def running(problem: Problem, plan: Plan, rng: Random) -> Problem:
    """The same problem with the items of a valid plan running where the plan has them."""
    homes = dict(plan.seats)
    prices = (0, 1, 2, 3, 5, 1_000_003)
    stays = [
        Stay(
            "stay",
            rng.randrange(problem.tiers),
            item,
            seats,
            move_once=rng.choice(prices),
            move_each=rng.choice(prices),
            leave_once=rng.choice(prices),
            may_leave=rng.random() < 0.7,
            pinned=rng.random() < 0.2,
        )
        for item, seats in homes.items()
    ]
    limits: list[Atom] = []
    if rng.random() < 0.5:
        members = tuple(i for i in homes if rng.random() < 0.8)
        limits.append(Disruptions("disruptions", "budget", members, rng.choice((0, 1, 1, 2))))
    if rng.random() < 0.5:
        use = {(i, p): rng.randint(0, 3) for i, seats in homes.items() for p in range(len(seats))}
        others = {(i, p): 1 for i, item in enumerate(problem.items) for p in range(len(item.parts))}
        use = others | use if rng.random() < 0.5 else use
        count = problem.bins.count
        bins = None if rng.random() < 0.5 else np.array([rng.random() < 0.6 for _ in range(count)], np.bool_)
        floor = Floor("floor", "least", use, 0, bins=bins)
        limits.append(replace(floor, least=rng.randint(0, floor.load(Plan(homes)))))
    return replace(problem, atoms=(*problem.atoms, *stays, *limits), homes=homes)


def shuffled(problem: Problem, rng: Random) -> Problem:
    """The same problem with its items, bins, devices, atoms and domain numbers in another order."""
    bin_order = rng.sample(range(problem.bins.count), k=problem.bins.count)
    item_order = rng.sample(range(len(problem.items)), k=len(problem.items))
    devices = problem.bins.devices[bin_order].copy()
    width = devices.shape[1]
    device_order = [rng.sample(range(width), k=width) for _ in bin_order]
    for row, order in zip(devices, device_order, strict=True):
        row[:] = row[order]
    to_bin = {old: new for new, old in enumerate(bin_order)}

    def seat(old: Seat) -> Seat:
        order = device_order[to_bin[old.bin]]
        return Seat(to_bin[old.bin], tuple(sorted((order.index(d), milli) for d, milli in old.devices)))

    def moved(seats: tuple[tuple[Seat, ...], ...]) -> tuple[tuple[Seat, ...], ...]:
        return tuple(tuple(sorted(map(seat, part))) for part in seats)

    partitions = tuple(_renamed(labels[bin_order], rng) for labels in problem.partitions)
    new = {old: k for k, old in enumerate(item_order)}
    homes = {new[i]: moved(seats) for i, seats in problem.homes.items()}
    atoms = [
        (replace(a, home=moved(a.home)) if isinstance(a, Stay) else _reordered(a, bin_order)).remap(new)
        for a in problem.atoms
    ]
    kept = [atom for atom in atoms if atom is not None]
    rng.shuffle(kept)
    items = tuple(problem.items[i] for i in item_order)
    bins = Bins(devices, problem.bins.resources[bin_order])
    return Problem(bins, partitions, items, tuple(kept), problem.tiers, homes)


def _renamed(labels: IntArray, rng: Random) -> IntArray:
    count = int(labels.max()) + 1
    return np.array(rng.sample(range(count), k=count), np.int64)[labels]


def _reordered(atom: Atom, order: Sequence[int]) -> Atom:
    match atom:
        case Allow() | Share() | Pool() | Floor() if atom.bins is not None:
            return replace(atom, bins=atom.bins[order])
        case Caps() | Vacant():
            return replace(atom, labels=atom.labels[order])
        case UnitCharge():
            return replace(atom, each=atom.each[np.array(order)])
        case Remainder():
            return replace(atom, values=atom.values[order])
        case LeftValue():
            return replace(atom, kind=atom.kind[order], unit=atom.unit[order])
    return atom


def without(problem: Problem, *, item: int | None = None, atom: int | None = None) -> Problem:
    """The problem less one item or one atom, for shrinking a failure."""
    atoms, items, homes = list(problem.atoms), list(problem.items), dict(problem.homes)
    if atom is not None and isinstance(atoms[atom], Stay | Disruptions):
        return problem
    if atom is not None:
        del atoms[atom]
    if item is not None:
        del items[item]
        new = {old: old - (old > item) for old in range(len(problem.items)) if old != item}
        atoms = [moved for a in atoms if (moved := a.remap(new)) is not None]
        homes = {new[i]: seats for i, seats in homes.items() if i in new}
    return replace(problem, items=tuple(items), atoms=tuple(atoms), homes=homes)
