"""What the atoms mean, written a second time from their docstrings and on purpose without `solver.check`.

Everything is plain Python on replica counts per bin and free thousandths per device; slow and easy to read.
"""

from collections.abc import Iterable, Mapping, Sequence

from solver.atoms import (
    Allow,
    Apart,
    Capacity,
    Caps,
    Disruptions,
    Exclusive,
    Floor,
    LeftValue,
    Pool,
    RefuseCharge,
    Remainder,
    Segments,
    Share,
    SpanCharge,
    Spread,
    Stay,
    Together,
    UnitCharge,
    Vacant,
    Within,
)
from solver.items import Item, PartKey
from solver.plan import Plan
from solver.problem import Atom, Problem

Held = Mapping[PartKey, Sequence[int]]
"""(item, part) -> replicas in each bin; a part without an entry has none."""

OWN = (Allow, Within, Segments, Spread, UnitCharge, SpanCharge)
"""Atoms that speak of one item only."""


def gang_holds(item: Item, totals: Sequence[int]) -> bool:
    """The gang tree holds for these numbers of replicas per part (of an item that is placed)."""
    children: dict[int, list[int]] = {b: [] for b in range(len(item.bundles))}
    for b, bundle in enumerate(item.bundles):
        if b:
            children[bundle.parent].append(b)

    def replicas(bundle: int) -> int:
        own = sum(n for part, n in zip(item.parts, totals, strict=True) if part.bundle == bundle)
        return own + sum(replicas(c) for c in children[bundle])

    def whole(bundle: int) -> bool:
        for part, n in zip(item.parts, totals, strict=True):
            if part.bundle == bundle and not part.min_count <= n <= part.count:
                return False
        on = [c for c in children[bundle] if replicas(c) > 0]
        return len(on) >= item.bundles[bundle].need and all(whole(c) for c in on)

    return whole(0)


def per_domain(problem: Problem, held: Held, keys: Iterable[PartKey], partition: int) -> dict[int, int]:
    """Domain -> replicas of these parts, domains with at least one only."""
    labels = problem.partitions[partition].tolist()
    found: dict[int, int] = {}
    for key in keys:
        for b, n in enumerate(held.get(key, ())):
            if n:
                found[labels[b]] = found.get(labels[b], 0) + n
    return found


def all_parts(problem: Problem, item: int) -> list[PartKey]:
    return [(item, p) for p in range(len(problem.items[item].parts))]


def below(problem: Problem, item: int, bundle: int) -> list[PartKey]:
    """Parts of the bundle and of every bundle under it, found by walking up from each part."""
    bundles = problem.items[item].bundles
    found = []
    for p, part in enumerate(problem.items[item].parts):
        at = part.bundle
        while at not in (-1, bundle):
            at = bundles[at].parent
        if at == bundle:
            found.append((item, p))
    return found


def share_load(atom: Share, held: Held) -> int:
    load = atom.base
    for key, use in atom.use.items():
        for b, n in enumerate(held.get(key, ())):
            if atom.bins is None or atom.bins[b]:
                load += use * n
    return load


def pool_loads(atom: Pool, held: Held) -> list[int]:
    """Load of every node, from the top down: what it holds itself, and what those right below it count."""

    def load(k: int) -> int:
        own = Share(atom.rule, "", atom.nodes[k].use, atom.bins, atom.nodes[k].base)
        below = [j for j, node in enumerate(atom.nodes) if node.above == k]
        return share_load(own, held) + sum(max(load(j), atom.nodes[j].kept) for j in below)

    return [load(k) for k in range(len(atom.nodes))]


def members_per_domain(atom: Exclusive, problem: Problem, held: Held) -> dict[int, int]:
    found: dict[int, int] = {}
    for item in atom.members:
        for domain in per_domain(problem, held, all_parts(problem, item), atom.partition):
            found[domain] = found.get(domain, 0) + 1
    return found


def meetings(atom: Apart, problem: Problem, held: Held) -> int:
    """Pairs of the two sides in one domain, counted domain by domain."""
    touches = {
        item: per_domain(problem, held, all_parts(problem, item), atom.partition).keys()
        for item in (*atom.ones, *atom.others)
    }
    return sum(len(touches[one] & touches[other]) for one in atom.ones for other in atom.others)


def lonely(atom: Together, problem: Problem, held: Held) -> int:
    """Domains of the follower in which the leader has nothing."""
    mine = per_domain(problem, held, all_parts(problem, atom.follower), atom.partition)
    theirs = per_domain(problem, held, all_parts(problem, atom.leader), atom.partition)
    return sum(1 for domain in mine if domain not in theirs)


def broken(atom: Atom, problem: Problem, held: Held) -> bool:
    """True if a hard atom is broken by these counts (capacity is judged on devices, see `content`)."""
    match atom:
        case Allow():
            counts = held.get((atom.item, atom.part), ())
            return any(n and not atom.bins[b] for b, n in enumerate(counts))
        case Within():
            keys = below(problem, atom.item, atom.bundle)
            return len(per_domain(problem, held, keys, atom.partition)) > 1
        case Segments():
            segments = per_domain(problem, held, [(atom.item, atom.part)], atom.partition)
            return sum(1 for n in segments.values() if n % atom.size) > 1
        case Spread(tier=-1):
            keys = [(atom.item, p) for p in atom.parts]
            return any(n > atom.limit for n in per_domain(problem, held, keys, atom.partition).values())
        case Share():
            return atom.limit is not None and share_load(atom, held) > max(atom.limit, atom.base)
        case Caps():
            added: dict[int, int] = {}
            for key, counts in held.items():
                for b, n in enumerate(counts):
                    group = int(atom.labels[b])
                    if n and group >= 0 and key in atom.use:
                        added[group] = added.get(group, 0) + n * int(atom.use[key][group])
            return any(more and more + int(atom.base[g]) > int(atom.limit[g]) for g, more in added.items())
        case Pool():
            loads, alone = pool_loads(atom, held), pool_loads(atom, {})
            limits = [node.limit for node in atom.nodes]
            return any(m is not None and a > max(m, b) for a, b, m in zip(loads, alone, limits, strict=True))
        case Floor():
            return share_load(Share(atom.rule, atom.name, atom.use, atom.bins, atom.base), held) < atom.least
        case Exclusive(tier=-1):
            return any(n > 1 for n in members_per_domain(atom, problem, held).values())
        case Apart(tier=-1):
            return meetings(atom, problem, held) > 0
        case Together(tier=-1):
            return lonely(atom, problem, held) > 0
    return False


def cost(atom: Atom, problem: Problem, held: Held) -> int:
    """Cost of a priced atom at these counts (without `Remainder` and `LeftValue`, which see devices)."""
    if atom.tier < 0:
        return 0
    match atom:
        case RefuseCharge():
            missing = {key: problem.items[key[0]].parts[key[1]].count - sum(held.get(key, ())) for key in atom.each}
            return sum(missing[key] * each for key, each in atom.each.items())
        case UnitCharge():
            return sum(int(atom.each[b]) * n for b, n in enumerate(held.get((atom.item, atom.part), ())))
        case SpanCharge():
            keys = below(problem, atom.item, atom.bundle)
            return atom.price_once if len(per_domain(problem, held, keys, atom.partition)) > 1 else 0
        case Spread():
            keys = [(atom.item, p) for p in atom.parts]
            counts = per_domain(problem, held, keys, atom.partition).values()
            return sum(atom.price_each * (n - atom.limit) for n in counts if n > atom.limit)
        case Share():
            load, total = share_load(atom, held), 0
            for hinge in atom.hinges:
                if hinge.below and load < hinge.at:
                    total += hinge.rate * (hinge.at - load)
                elif not hinge.below and load > hinge.at:
                    total += hinge.rate * (load - hinge.at)
            return total
        case Exclusive():
            return sum(atom.price_each * (n - 1) for n in members_per_domain(atom, problem, held).values())
        case Apart():
            return atom.price_each * meetings(atom, problem, held)
        case Together():
            return atom.price_each * lonely(atom, problem, held)
        case Vacant():
            groups = {label for label in atom.labels.tolist() if label >= 0}
            used = {int(atom.labels[b]) for counts in held.values() for b, n in enumerate(counts) if n}
            return max(0, atom.wanted - len(groups - used)) * atom.price_each
        case Remainder() | LeftValue() | Capacity() | Stay() | Floor() | Disruptions():
            return 0
    raise TypeError(f"tests.verify.meaning does not know {type(atom).__name__}; teach it")


def stay_cost(atom: Stay, placed: Sequence[int], kept: Mapping[PartKey, int]) -> int | None:
    """Cost of an item that runs, from its placed replicas per part and those that keep their seat; None: forbidden."""
    if not any(placed):
        return atom.leave_once if atom.may_leave and not atom.pinned else None
    elsewhere, moved = 0, False
    for p, (count, home) in enumerate(zip(placed, atom.home, strict=True)):
        stays = kept.get((atom.item, p), 0)
        if atom.pinned and stays < len(home):
            return None
        elsewhere += count - stays
        moved = moved or stays < min(count, len(home))
    return elsewhere * atom.move_each + (atom.move_once if moved else 0)


def stayed(problem: Problem, plan: Plan) -> dict[PartKey, int]:
    """Replicas of each part that keep their very seat."""
    found: dict[PartKey, int] = {}
    for item, home in problem.homes.items():
        for p, seats in enumerate(plan.seats.get(item, ())):
            homes = list(home[p])
            for seat in seats:
                if seat in homes:
                    homes.remove(seat)
                    found[item, p] = found.get((item, p), 0) + 1
    return found


def disturbed_within(atom: Disruptions, problem: Problem, kept: Mapping[PartKey, int]) -> bool:
    """Not more members than the limit have lost a seat."""
    lost = 0
    for item in atom.members:
        lost += any(kept.get((item, p), 0) < len(seats) for p, seats in enumerate(problem.homes[item]))
    return lost + atom.base <= atom.limit


def bin_loss(atom: Remainder, b: int, before: Sequence[int], after: Sequence[int]) -> int:
    """Cost of what one bin lost, from its free thousandths before and after."""
    whole_before = sum(1 for free in before if free == 1000)
    whole_after = sum(1 for free in after if free == 1000)
    return sum(
        int(atom.values[b, k]) * (whole_before // size - whole_after // size) for k, size in enumerate(atom.sizes)
    )


def bin_worth(atom: LeftValue, b: int, free: Sequence[int], left: Sequence[int]) -> int:
    """V of one bin, from its free thousandths and resources, counted by putting replicas in one by one."""
    total = 0
    for c, demand in enumerate(atom.demands):
        if not atom.allowed[c, atom.kind[b]]:
            continue
        devices, resources, fitting = list(free), list(left), 0
        while all(amount >= asked for amount, asked in zip(resources, demand.resources, strict=True)):
            need = demand.milli or 1000
            picks = [d for d, milli in enumerate(devices) if milli >= need][: demand.devices or 1]
            if len(picks) < (demand.devices or 1):
                break
            for d in picks:
                devices[d] -= need
            resources = [amount - asked for amount, asked in zip(resources, demand.resources, strict=True)]
            fitting += 1
        roomy = sum(milli for milli in free if milli >= (demand.milli or 1000))
        total += int(atom.slots[c]) * fitting + (int(atom.usable[c]) * roomy if fitting else 0)
    return int(atom.unit[b]) * total // atom.scale


def tally(problem: Problem, plan: Plan) -> dict[PartKey, list[int]]:
    """Replicas per bin of every placed part."""
    held: dict[PartKey, list[int]] = {}
    for i, parts in plan.seats.items():
        for p, seats in enumerate(parts):
            row = held.setdefault((i, p), [0] * problem.bins.count)
            for seat in seats:
                row[seat.bin] += 1
    return held


def content(problem: Problem, plan: Plan) -> tuple[list[list[int]], list[list[int]]] | None:
    """Free thousandths of every device and free resources after the plan; None if either or a demand is violated."""
    free: list[list[int]] = problem.bins.devices.tolist()
    left = [[max(0, amount) for amount in row] for row in problem.bins.resources.tolist()]
    for i, parts in plan.seats.items():
        for part, seats in zip(problem.items[i].parts, parts, strict=True):
            for seat in seats:
                takes = sorted(milli for _, milli in seat.devices)
                wants = [part.demand.milli] if part.demand.milli else [1000] * part.demand.devices
                if takes != wants or len({d for d, _ in seat.devices}) != len(seat.devices):
                    return None
                for device, milli in seat.devices:
                    free[seat.bin][device] -= milli
                for r, amount in enumerate(part.demand.resources):
                    left[seat.bin][r] -= amount
    if any(amount < 0 for row in [*free, *left] for amount in row):
        return None
    return free, left


def judge(problem: Problem, plan: Plan) -> tuple[bool, tuple[int, ...], list[int]]:
    """(valid, value of every tier, cost of every priced atom in order), measured by this module alone."""
    held = tally(problem, plan)
    after = content(problem, plan)
    valid = after is not None and not any(broken(a, problem, held) for a in problem.atoms)
    for i, parts in plan.seats.items():
        valid = valid and gang_holds(problem.items[i], [len(s) for s in parts])
    totals = [0] * problem.tiers
    costs = []
    for atom in problem.atoms:
        if isinstance(atom, Disruptions):
            valid = valid and disturbed_within(atom, problem, stayed(problem, plan))
        if isinstance(atom, Stay):
            placed = [len(seats) for seats in plan.seats.get(atom.item, ())]
            said = stay_cost(atom, placed, stayed(problem, plan))
            valid = valid and said is not None
        if atom.tier < 0:
            continue
        amount = cost(atom, problem, held)
        if isinstance(atom, Stay):
            amount = said or 0
        if isinstance(atom, Remainder) and after is not None:
            before = problem.bins.devices.tolist()
            amount = sum(bin_loss(atom, b, before[b], after[0][b]) for b in range(problem.bins.count))
        if isinstance(atom, LeftValue) and after is not None:
            free, left = problem.bins.devices.tolist(), problem.bins.resources.tolist()
            amount = sum(
                bin_worth(atom, b, free[b], left[b]) - bin_worth(atom, b, after[0][b], after[1][b])
                for b in range(problem.bins.count)
            )
        costs.append(amount)
        totals[atom.tier] += amount
    return valid, tuple(totals), costs
