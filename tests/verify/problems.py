"""Seeded tiny problems that together exercise every atom and trait of the solver."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random

import numpy as np

from solver.atoms import (
    Allow,
    Apart,
    Capacity,
    Caps,
    Exclusive,
    Hinge,
    LeftValue,
    Pool,
    PoolNode,
    RefuseCharge,
    Remainder,
    Segments,
    Share,
    SpanCharge,
    Spread,
    Together,
    UnitCharge,
    Vacant,
    Within,
)
from solver.items import Bins, Bundle, Demand, IntArray, Item, Part, PartKey
from solver.problem import Atom, Problem

CHAIN = (125, 250, 500, 1000)
OFF_CHAIN = (190, 300, 470, 530, 810)
PRICES = (0, 1, 2, 3, 5, 7, 11, 1_000_003)


@dataclass(frozen=True)
class Style:
    """What sort of problem: odd sizes, bins or items that are mostly alike (so that they merge), odd shares only."""

    off_chain: bool
    alike_bins: bool
    alike_items: bool
    shares: bool


@dataclass(frozen=True)
class Frame:
    """Bins, partitions and items, before any atom."""

    rng: Random
    bins: Bins
    partitions: tuple[IntArray, ...]
    items: tuple[Item, ...]
    tiers: int
    style: Style

    @property
    def keys(self) -> list[PartKey]:
        """All parts."""
        return [(i, p) for i, item in enumerate(self.items) for p in range(len(item.parts))]

    def price(self) -> int:
        """A price, mostly small and seldom zero or large."""
        return self.rng.choices(PRICES, weights=(1, 4, 4, 4, 4, 3, 3, 1))[0]

    def tier(self) -> int:
        """A tier of a priced atom."""
        return self.rng.randrange(self.tiers)

    def hard_or_priced(self) -> tuple[int, int]:
        """(tier, price): -1 and 0 for a hard atom."""
        return (-1, 0) if self.rng.random() < 0.5 else (self.tier(), self.price())

    def partition_labels(self) -> IntArray:
        """The domains of some partition."""
        labels: IntArray = self.partitions[self.rng.randrange(len(self.partitions))]
        return labels

    def bin_groups(self) -> IntArray:
        """Every bin in one of two groups or in none."""
        return np.array([self.rng.choice((-1, 0, 0, 1)) for _ in range(self.bins.count)], np.int64)

    def some_bins(self, share: float) -> np.ndarray:
        """A random mask over the bins."""
        return np.array([self.rng.random() < share for _ in range(self.bins.count)], np.bool_)


def _bins(rng: Random, style: Style) -> Bins:
    count = rng.choices((1, 2, 3, 4), weights=(1, 3, 4, 3))[0]
    if style.shares:  # tight: little else than the sizes decides what fits
        return Bins(
            np.full((min(count, 3), rng.choice((1, 2, 2))), 1000, np.int64), np.full((min(count, 3), 1), 100, np.int64)
        )
    width = rng.choices((0, 1, 2, 3), weights=(1, 3, 4, 3))[0]
    kinds = rng.choices((1, 2, 4), weights=(3, 3, 0 if style.alike_bins else 2))[0]
    columns = rng.choice((1, 2))
    binding = rng.random() < (0.15 if style.alike_bins else 0.5)
    rows = []
    for _ in range(kinds):
        devices = []
        for _ in range(width):
            pool = (1000, 1000, 1000, 0, *CHAIN[:3], *(OFF_CHAIN if style.off_chain else ()))
            devices.append(rng.choice(pool) if rng.random() < 0.6 else 1000)
        if rng.random() < 0.2 and width:
            devices[-1] = 0
        resources = [rng.randint(0, 6) if binding and rng.random() < 0.7 else 100 for _ in range(columns)]
        if rng.random() < 0.03:
            resources[0] = -1
        rows.append((devices, resources))
    chosen = [rng.choice(rows) for _ in range(count)]
    return Bins(
        np.array([d for d, _ in chosen], np.int64).reshape(count, width),
        np.array([r for _, r in chosen], np.int64).reshape(count, columns),
    )


def _partitions(rng: Random, count: int, style: Style) -> tuple[IntArray, ...]:
    """The bins themselves (not always), a coarser one over them, or labels that follow no nesting."""
    fine = np.arange(count, dtype=np.int64)
    coarse = np.sort(_labels(rng, count, 2))
    loose = _labels(rng, count, rng.choice((2, 3)))
    whole = np.zeros(count, np.int64)
    known = [coarse, loose, whole] if style.alike_bins or style.shares else [fine, coarse, loose, whole]
    return tuple(rng.sample(known, k=rng.choice((1, 2, 2, 3))))


def _labels(rng: Random, count: int, most: int) -> IntArray:
    raw = [rng.randrange(most) for _ in range(count)]
    order = {label: k for k, label in enumerate(dict.fromkeys(raw))}
    return np.array([order[label] for label in raw], np.int64)


def _demand(rng: Random, columns: int, width: int, style: Style) -> Demand:
    resources = tuple(rng.choice((0, 0, 0, 1, 2)) for _ in range(columns))
    if style.shares and rng.random() < 0.75:
        return Demand(milli=rng.choice((*OFF_CHAIN, *OFF_CHAIN, 250)), resources=resources)
    kind = rng.random() * (0.9 if style.alike_bins else 1) if width else 1.0
    if kind < 0.4:
        third = 1 if style.off_chain or not style.alike_bins else 0
        return Demand(devices=rng.choices((1, 2, 3), weights=(4, 3, third))[0], resources=resources)
    if kind < 0.88:
        sizes = OFF_CHAIN if style.off_chain and rng.random() < 0.7 else CHAIN
        return Demand(milli=rng.choice(sizes), resources=resources)
    return Demand(resources=(1, *resources[1:]))


def _bundles(rng: Random) -> tuple[Bundle, ...]:
    style = rng.random()
    if style < 0.55:
        return (Bundle("root"),)
    if style < 0.85:
        children = rng.choice((1, 2, 3))
        return (
            Bundle("root", -1, rng.randint(0, children)),
            *(Bundle(f"group-{k}", 0) for k in range(children)),
        )
    return (
        Bundle("root", -1, 1),
        Bundle("group-0", 0, rng.choice((0, 1))),
        Bundle("leaf-0", 1),
        Bundle("group-1", 0),
    )


def _item(rng: Random, index: int, columns: int, width: int, style: Style) -> Item:
    if style.alike_items:
        one = Part("part-0", _demand(rng, columns, width, style), 1, 1)
        return Item(f"item-{index}", (Bundle("root"),), (one,))
    bundles = _bundles(rng)
    inner = {b.parent for b in bundles}
    homes = [b for b in range(len(bundles)) if b not in inner]
    if len(bundles) == 1:
        homes = [0] * rng.choices((1, 2), weights=(3, 1))[0]
    elif rng.random() < 0.3:
        homes = [0, *homes]
    if rng.random() < 0.08:
        homes = [homes[0], *homes]
    parts = []
    for k, home in enumerate(homes):
        count = rng.choices((1, 2, 3, 4), weights=(4, 4, 2, 1))[0]
        elastic = rng.random() < 0.3
        least = rng.randint(0 if rng.random() < 0.3 else 1, count) if elastic else count
        parts.append(Part(f"part-{k}", _demand(rng, columns, width, style), count, least, home))
    return Item(f"item-{index}", bundles, tuple(parts))


def _twins(f: Frame, i: int, p: int) -> list[PartKey]:
    """The part, often with the same part of all equal items (so that these stay interchangeable)."""
    if f.rng.random() < (0.5 if f.style.alike_items else 0.3):
        return [(i, p)]
    one = f.items[i]
    return [(k, p) for k, other in enumerate(f.items) if (other.bundles, other.parts) == (one.bundles, one.parts)]


def _allow(f: Frame) -> list[Atom]:
    bins = f.some_bins(0.7)
    return [Allow("allow", i, p, bins) for i, p in _twins(f, *f.rng.choice(f.keys))]


def _bundle_of(f: Frame) -> tuple[int, int, int]:
    i = f.rng.randrange(len(f.items))
    bundle = 0 if f.rng.random() < 0.7 else f.rng.randrange(len(f.items[i].bundles))
    return i, bundle, f.rng.randrange(len(f.partitions))


def _within(f: Frame) -> list[Atom]:
    return [Within("within", *_bundle_of(f))]


def _segments(f: Frame) -> list[Atom]:
    many = [(i, p) for i, p in f.keys if f.items[i].parts[p].count > 1 or f.rng.random() < 0.2]
    i, p = f.rng.choice(many or f.keys)
    return [Segments("segments", i, p, f.rng.randrange(len(f.partitions)), f.rng.choice((1, 2, 2, 2, 3)))]


def _spread(f: Frame) -> list[Atom]:
    i, p = f.rng.choice(f.keys)
    parts = tuple(range(len(f.items[i].parts))) if f.rng.random() < 0.4 else (p,)
    tier, price = f.hard_or_priced()
    limit = f.rng.choices((0, 1, 2), weights=(1, 6, 3))[0]
    return [Spread("spread", i, parts, f.rng.randrange(len(f.partitions)), limit, price, tier)]


def _exclusive(f: Frame) -> list[Atom]:
    members = tuple(sorted(f.rng.sample(range(len(f.items)), k=min(len(f.items), f.rng.choice((2, 2, 3))))))
    tier, price = f.hard_or_priced()
    return [Exclusive("exclusive", f.rng.randrange(len(f.partitions)), members, price, tier)]


def _apart(f: Frame) -> list[Atom]:
    if len(f.items) < 2:
        return []
    members = f.rng.sample(range(len(f.items)), k=min(len(f.items), f.rng.choice((2, 3, 3, 4))))
    cut = f.rng.randrange(1, len(members))
    sides = tuple(sorted(members[:cut])), tuple(sorted(members[cut:]))
    tier, price = f.hard_or_priced()
    return [Apart("apart", f.rng.randrange(len(f.partitions)), *sides, price, tier)]


def _together(f: Frame) -> list[Atom]:
    leader, follower = f.rng.sample(range(len(f.items)), k=2) if len(f.items) > 1 else (0, 0)
    tier, price = f.hard_or_priced()
    return [Together("together", f.rng.randrange(len(f.partitions)), leader, follower, price, tier)]


def _share(f: Frame) -> list[Atom]:
    same = f.rng.randint(1, 4)
    alike = f.style.alike_items and f.rng.random() < 0.8
    use = {key: same if alike else f.rng.randint(0, 4) for key in f.keys if alike or f.rng.random() < 0.7}
    base = f.rng.choice((0, 0, 1, 5))
    limit = f.rng.choice((None, 0, 2, 4, 6, 9))  # below the base now and then: the hold form
    rates = [f.price() for _ in range(f.rng.choice((0, 0, 1, 2, 3)) if use else 0)]
    hinges = tuple(Hinge(f.rng.randint(-1, 9), rate, f.rng.random() < 0.4) for rate in rates)
    bins = None if f.rng.random() < 0.5 else f.some_bins(0.6)
    return [Share("share", "load", use, bins, base, limit, hinges, f.tier() if hinges else -1)]


def _pool(f: Frame) -> list[Atom]:
    same, alike = f.rng.randint(1, 4), f.style.alike_items and f.rng.random() < 0.8
    size = f.rng.choice((1, 2, 3, 4))
    own: list[dict[PartKey, int]] = [{} for _ in range(size)]
    for key in f.keys:
        if alike or f.rng.random() < 0.8:
            own[0 if alike and f.rng.random() < 0.7 else f.rng.randrange(size)][key] = (
                same if alike else f.rng.randint(0, 4)
            )
    nodes = [
        PoolNode(
            f"node {k}",
            f.rng.randrange(-1, k) if k and f.rng.random() < 0.5 else min(k, 1) - 1,
            use,
            f.rng.choice((0, 0, 1, 5)),
            f.rng.choice((0, 0, 2, 5)),
            f.rng.choice((None, 0, 3, 6, 9)) if k or f.rng.random() < 0.2 else f.rng.choice((4, 7, 10)),
        )
        for k, use in enumerate(own)
    ]
    return [Pool("pool", tuple(nodes), None if f.rng.random() < 0.6 else f.some_bins(0.6))]


def _caps(f: Frame) -> list[Atom]:
    labels = f.partition_labels() if f.rng.random() < 0.5 else f.bin_groups()
    size = int(labels.max(initial=-1)) + 1
    if not size:
        return []
    kinds = [np.array([f.rng.randint(0, 4) for _ in range(size)], np.int64) for _ in range(2)]
    use = {key: f.rng.choice(kinds) for key in f.keys if f.style.alike_items or f.rng.random() < 0.7}
    base = np.array([f.rng.choice((0, 0, 1, 5)) for _ in range(size)], np.int64)
    limit = np.array([f.rng.choice((0, 2, 4, 6, 9)) for _ in range(size)], np.int64)
    return [Caps("caps", tuple(f"group {g}" for g in range(size)), labels, use, base, limit)] if use else []


def _refuse(f: Frame) -> list[Atom]:
    return [RefuseCharge("refuse", f.tier(), {key: f.price() for key in f.keys if f.rng.random() < 0.7})]


def _unit(f: Frame) -> list[Atom]:
    kinds = [f.price() for _ in range(2)]
    each = np.array([f.rng.choice(kinds) for _ in range(f.bins.count)], np.int64)
    tier = f.tier()
    return [UnitCharge("unit", tier, i, p, each) for i, p in _twins(f, *f.rng.choice(f.keys))]


def _span(f: Frame) -> list[Atom]:
    i, bundle, partition = _bundle_of(f)
    return [SpanCharge("span", f.tier(), i, bundle, partition, f.price())]


def _remainder(f: Frame) -> list[Atom]:
    chains: tuple[tuple[int, ...], ...] = ((1,), (2,), (1, 2))
    tame = f.style.alike_bins and f.rng.random() < 0.7  # keeps bins mergeable
    sizes = f.rng.choice(chains if tame else (*chains, (1, 3), (2, 3), (1, 2, 3)))
    one = f.rng.random() < 0.6  # one value per size, so that bins may still be merged
    row = [f.price() for _ in sizes]
    values = [row if one else [f.price() for _ in sizes] for _ in range(f.bins.count)]
    return [Remainder("remainder", f.tier(), sizes, np.array(values, np.int64).reshape(f.bins.count, len(sizes)))]


def _left_value(f: Frame) -> list[Atom]:
    width, count = f.bins.resources.shape[1], f.rng.randint(1, 3)
    demands = []
    for _ in range(count):
        resources = tuple(f.rng.choice((0, 0, 1, 2)) for _ in range(width))
        whole = f.rng.random() < 0.5
        milli = 0 if whole else f.rng.choice(OFF_CHAIN if f.style.off_chain else CHAIN[:3])
        demands.append(Demand(f.rng.choice((1, 1, 2, 3)) if whole else 0, milli, resources))
    kinds = 1 if f.style.alike_bins else f.rng.choice((1, 2))
    allowed = np.array([[f.rng.random() < 0.8 for _ in range(kinds)] for _ in demands], np.bool_)
    kind = np.array([f.rng.randrange(kinds) for _ in range(f.bins.count)], np.int64)
    unit = np.array([1 if f.style.alike_bins else f.rng.choice((0, 1, 3)) for _ in range(f.bins.count)], np.int64)
    usable, slots = (np.array([f.rng.choice((0, 1, 7)) for _ in demands], np.int64) for _ in range(2))
    scale = f.rng.choice((1, 1, 10, 1000))
    return [LeftValue("left", f.tier(), tuple(demands), usable, slots * 250, allowed, kind, unit, scale)]


def _vacant(f: Frame) -> list[Atom]:
    labels = f.partition_labels() if f.rng.random() < 0.5 else f.bin_groups()
    groups = len(set(labels.tolist()) - {-1})
    wanted = groups if f.rng.random() < 0.6 else f.rng.randint(0, groups)
    return [Vacant("vacant", f.tier(), labels, wanted, f.price())]


MAKERS: tuple[tuple[Callable[[Frame], list[Atom]], int], ...] = (
    (_allow, 3),
    (_within, 4),
    (_segments, 5),
    (_spread, 5),
    (_exclusive, 4),
    (_apart, 4),
    (_together, 4),
    (_caps, 4),
    (_share, 7),
    (_pool, 4),
    (_refuse, 1),
    (_unit, 4),
    (_span, 4),
    (_remainder, 4),
    (_left_value, 3),
    (_vacant, 4),
)


def draw(rng: Random) -> Problem:
    """One random problem; it may be too large for brute force, then draw again."""
    alike_bins = rng.random() < 0.4
    style = Style(rng.random() < (0.3 if alike_bins else 0.5), alike_bins, rng.random() < 0.25, rng.random() < 0.1)
    bins = _bins(rng, style)
    columns, width = bins.resources.shape[1], bins.devices.shape[1]
    count = rng.choices((1, 2, 3, 4), weights=(2, 4, 4, 3))[0]
    items = [_item(rng, 0, columns, width, style)]
    while len(items) < count:
        again = rng.random() < (0.8 if style.alike_items else 0.3)  # equal items: symmetry
        items.append(
            replace(items[-1], key=f"item-{len(items)}") if again else _item(rng, len(items), columns, width, style)
        )
    frame = Frame(rng, bins, _partitions(rng, bins.count, style), tuple(items), rng.choice((1, 2, 3)), style)
    makers, weights = zip(*MAKERS, strict=True)
    atoms: list[Atom] = [Capacity()]
    full: dict[PartKey, int] = {}
    for key in frame.keys:
        twin = frame.items[key[0] - 1] if key[0] else None
        same = twin is not None and twin.parts == frame.items[key[0]].parts and rng.random() < 0.8
        full[key] = full[key[0] - 1, key[1]] if same else 1 + frame.price()
    if rng.random() < 0.95:
        atoms.append(RefuseCharge("refuse", 0, full))
    most = 1 if style.shares else 3 if style.alike_items or style.alike_bins else 6
    for make in rng.choices(makers, weights, k=rng.randint(0, most)):
        atoms.extend(make(frame))
    rng.shuffle(atoms)
    return Problem(frame.bins, frame.partitions, frame.items, tuple(atoms), frame.tiers)
