"""Exhaustive lexicographic optimum of a tiny problem, down to devices and independent of every encoding.

For each item all distributions of its replicas over the bins; for each bin all contents that a packing can leave.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, partial
from itertools import combinations, product
from random import Random

from solver.atoms import Capacity, Disruptions, LeftValue, Remainder, Share, Stay
from solver.items import Demand, PartKey
from solver.plan import Plan, Seat
from solver.problem import Atom, Problem
from tests.verify.meaning import OWN, bin_loss, bin_worth, broken, cost, disturbed_within, gang_holds, stay_cost

Row = tuple[int, ...]
Packing = tuple[tuple[tuple[int, int], ...], ...]
"""For each replica in a bin its (device, thousandths) pairs."""
Choice = dict[int, tuple[Row, ...]]
"""Item -> part -> replicas in each bin."""
Content = tuple[tuple[int, int, int], ...]
"""What is in a bin: (item, part, replicas)."""


class TooLargeError(Exception):
    """More plans than the caller allows."""


@dataclass(frozen=True)
class Best:
    """The optimum, one plan that has it, how many plans were compared, and every value vector that a plan has."""

    values: Row
    plan: Plan
    plans: int
    vectors: frozenset[Row]

    def least(self, tier: int, limits: Row) -> int:
        """The least value of a tier over all plans whose earlier tiers are at most `limits`."""
        return min(v[tier] for v in self.vectors if all(a <= b for a, b in zip(v, limits, strict=False)))


@cache
def packings(devices: Row, demands: tuple[Demand, ...]) -> dict[Row, Packing]:
    """Free thousandths per device -> one packing of all replicas that leaves them.

    Contents that are equal up to the order of the devices are kept once.
    """
    found: dict[Row, tuple[Row, Packing]] = {}
    seen: set[tuple[int, Row]] = set()

    def place(index: int, free: list[int], done: list[tuple[tuple[int, int], ...]]) -> None:
        state = (index, tuple(sorted(free)))
        if state in seen:
            return
        seen.add(state)
        if index == len(demands):
            found[state[1]] = (tuple(free), tuple(done))
            return
        demand = demands[index]
        if demand.devices:
            whole = [d for d, amount in enumerate(free) if amount == 1000][: demand.devices]
            if len(whole) < demand.devices:
                return
            after = [0 if d in whole else amount for d, amount in enumerate(free)]
            place(index + 1, after, [*done, tuple((d, 1000) for d in whole)])
            return
        if not demand.milli:
            place(index + 1, free, [*done, ()])
            return
        tried = set()
        for d, amount in enumerate(free):
            if amount >= demand.milli and amount not in tried:
                tried.add(amount)
                after = [*free]
                after[d] -= demand.milli
                place(index + 1, after, [*done, ((d, demand.milli),)])

    place(0, list(devices), [])
    return dict(found.values())


@cache
def arrangements(devices: Row, demands: tuple[Demand, ...]) -> dict[Packing, Row]:
    """Every packing of all replicas, told apart by device -> free thousandths per device after it."""
    found: dict[Packing, Row] = {(): devices}
    for demand in demands:
        grown: dict[Packing, Row] = {}
        for done, free in found.items():
            fits = [d for d, amount in enumerate(free) if amount >= (demand.milli or 1000)]
            taken = demand.milli or 1000
            for picks in combinations(fits, 1 if demand.milli else demand.devices):
                after = tuple(amount - taken if d in picks else amount for d, amount in enumerate(free))
                grown[*done, tuple((d, taken) for d in picks)] = after
        found = grown
    return found


def distributions(most: int, room: Row) -> Iterator[Row]:
    """All vectors of replicas per bin with at most `most` in all."""
    if not room:
        yield ()
        return
    for n in range(min(most, room[0]) + 1):
        for rest in distributions(most - n, room[1:]):
            yield (n, *rest)


class Space:
    """The plans of one problem."""

    def __init__(self, problem: Problem, limit: int = 4_000) -> None:
        self.problem = problem
        self.limit = limit
        self.devices: list[Row] = [tuple(row) for row in problem.bins.devices.tolist()]
        self.resources: list[Row] = [tuple(max(0, a) for a in row) for row in problem.bins.resources.tolist()]
        self._fits: dict[tuple[int, Content], bool] = {}
        self._asked: dict[Content, tuple[Demand, ...]] = {}
        self._packed: dict[tuple[tuple[Row, ...], ...], dict[Row, tuple[Packing, ...]]] = {}
        self._all: list[Choice] | None = None
        self.options = [self._options(i) for i in range(len(problem.items))]
        size = 1
        for options in self.options:
            size *= len(options)
        if size > limit * 10:
            raise TooLargeError(f"{size} combinations")
        own = set(map(id, self._own_atoms()))
        self.limits = [a for a in problem.atoms if isinstance(a, Disruptions)]
        self.stays = [a for a in problem.atoms if isinstance(a, Stay)]
        apart = (Remainder, LeftValue, Capacity, Stay, Disruptions)
        self.joint = [a for a in problem.atoms if id(a) not in own and not isinstance(a, apart)]
        self.hard = [a for a in self.joint if a.tier < 0 or isinstance(a, Share)]
        self.remainders = [a for a in problem.atoms if isinstance(a, Remainder)]
        self.worths = [a for a in problem.atoms if isinstance(a, LeftValue)]
        self._tables = self._own_costs()

    def _own_atoms(self) -> list[Atom]:
        return [a for a in self.problem.atoms if isinstance(a, OWN)]

    def fits(self, b: int, demands: tuple[Demand, ...]) -> bool:
        """The replicas fit the bin together."""
        for r, free in enumerate(self.resources[b]):
            if sum(d.resources[r] for d in demands if r < len(d.resources)) > free:
                return False
        if sum(d.volume for d in demands) > sum(self.devices[b]):
            return False
        return bool(packings(self.devices[b], demands))

    def _alone(self, key: PartKey) -> Row:
        part = self.problem.items[key[0]].parts[key[1]]
        room = []
        for b in range(self.problem.bins.count):
            n = 0
            while n < part.count and self.fits(b, (part.demand,) * (n + 1)):
                n += 1
            room.append(n)
        return tuple(room)

    def _options(self, i: int) -> list[tuple[Row, ...]]:
        """Every way to place the item alone; the first is the refusal (no replica anywhere)."""
        item = self.problem.items[i]
        atoms = [a for a in self._own_atoms() if i in set(a.items())]
        lists = [list(distributions(p.count, self._alone((i, k)))) for k, p in enumerate(item.parts)]
        size = 1
        for each in lists:
            size *= len(each)
        if size > self.limit * 10:
            raise TooLargeError(f"{size} distributions of item {i}")
        none = tuple((0,) * self.problem.bins.count for _ in item.parts)
        found = [none]
        gangs: dict[Row, bool] = {}
        for rows in map(tuple, product(*lists)):
            totals = tuple(map(sum, rows))
            if totals not in gangs:
                gangs[totals] = any(totals) and gang_holds(item, totals)
            if not gangs[totals]:
                continue
            held = {(i, k): row for k, row in enumerate(rows)}
            if any(broken(a, self.problem, held) for a in atoms):
                continue
            if all(self._fit_together(b, here) for b, here in self._contents(i, rows)):
                found.append(rows)
        return found

    def _contents(self, i: int, rows: tuple[Row, ...]) -> list[tuple[int, Content]]:
        """The bins that an item uses, each with what it has there."""
        used = [b for b, amounts in enumerate(zip(*rows, strict=True)) if any(amounts)]
        return [(b, tuple((i, p, row[b]) for p, row in enumerate(rows) if row[b])) for b in used]

    def _content(self, chosen: Choice, b: int) -> Content:
        return tuple((i, p, row[b]) for i, rows in chosen.items() for p, row in enumerate(rows) if row[b])

    def _demands(self, content: Content) -> tuple[Demand, ...]:
        if content not in self._asked:
            items = self.problem.items
            self._asked[content] = tuple(items[i].parts[p].demand for i, p, n in content for _ in range(n))
        return self._asked[content]

    def _fit_together(self, b: int, content: Content) -> bool:
        name = (b, content)
        if name not in self._fits:
            self._fits[name] = self.fits(b, self._demands(content))
        return self._fits[name]

    def combinations(self) -> list[Choice]:
        """Every choice for all items that fits the bins and breaks no hard atom."""
        if self._all is None:
            self._all = []
            contents = [{rows: self._contents(i, rows) for rows in options} for i, options in enumerate(self.options)]
            for chosen in self._extend(contents, {}, [()] * self.problem.bins.count):
                self._all.append(chosen)
                if len(self._all) > self.limit:
                    raise TooLargeError(f"more than {self.limit} plans")
        return self._all

    def _extend(
        self,
        contents: list[dict[tuple[Row, ...], list[tuple[int, Content]]]],
        chosen: Choice,
        held: list[Content],
    ) -> Iterator[Choice]:
        """All ways to choose for the other items beside those chosen, whose contents of the bins are `held`."""
        i = len(chosen)
        if i == len(contents):
            counts = {(k, p): row for k, rows in chosen.items() for p, row in enumerate(rows)}
            hard = any(broken(a, self.problem, counts) for a in self.hard)
            if not hard and (not self.problem.homes or self._arranged(chosen)):
                yield dict(chosen)
            return
        for rows, here in contents[i].items():
            then = held.copy()
            for b, more in here:
                then[b] += more
            if all(self._fit_together(b, then[b]) for b, _ in here):
                chosen[i] = rows
                yield from self._extend(contents, chosen, then)
                del chosen[i]

    def _own_costs(self) -> list[dict[tuple[Row, ...], Row]]:
        tables = []
        for i, options in enumerate(self.options):
            atoms = [a for a in self._own_atoms() if a.tier >= 0 and i in set(a.items())]
            table = {}
            for rows in options:
                held = {(i, k): row for k, row in enumerate(rows)}
                totals = [0] * self.problem.tiers
                for a in atoms:
                    totals[a.tier] += cost(a, self.problem, held)
                table[rows] = tuple(totals)
            tables.append(table)
        return tables

    def _content_cost(self, b: int, after: Row, demands: tuple[Demand, ...]) -> Row:
        totals = [0] * self.problem.tiers
        for atom in self.remainders:
            totals[atom.tier] += bin_loss(atom, b, self.devices[b], after)
        left = [free - sum(d.resources[r] for d in demands) for r, free in enumerate(self.resources[b])]
        for worth in self.worths:
            before = bin_worth(worth, b, self.devices[b], self.resources[b])
            totals[worth.tier] += before - bin_worth(worth, b, after, left)
        return tuple(totals)

    def _content_costs(self, chosen: Choice) -> set[Row]:
        """All cost vectors of the contents that the packings of these counts can leave."""
        sums = {(0,) * self.problem.tiers}
        for b in range(self.problem.bins.count) if self.remainders or self.worths else ():
            demands = self._demands(self._content(chosen, b))
            here = {self._content_cost(b, after, demands) for after in packings(self.devices[b], demands)}
            sums = {tuple(x + y for x, y in zip(s, c, strict=True)) for s in sums for c in here}
        return sums

    def _arranged(self, chosen: Choice) -> dict[Row, tuple[Packing, ...]]:
        """Cost vector of contents and stays -> packings of all bins that have it, where the seats matter."""
        name = tuple(chosen.values())
        if name not in self._packed:
            self._packed[name] = self._arrange(chosen)
        return self._packed[name]

    def _arrange(self, chosen: Choice) -> dict[Row, tuple[Packing, ...]]:
        keys = [(i, p) for i, seats in self.problem.homes.items() for p in range(len(seats))]
        none: tuple[Row, Row] = ((0,) * self.problem.tiers, (0,) * len(keys))
        known: dict[tuple[Row, Row], tuple[Packing, ...]] = {none: ()}
        for b in range(self.problem.bins.count):
            grown: dict[tuple[Row, Row], tuple[Packing, ...]] = {}
            here = {}
            content = self._content(chosen, b)
            demands = self._demands(content)
            for packing, after in arrangements(self.devices[b], demands).items():
                here[self._content_cost(b, after, demands), self._kept(content, b, packing, keys)] = packing
            for (loss, kept), done in known.items():
                for (more, stay), packing in here.items():
                    name = tuple(map(sum, zip(loss, more, strict=True))), tuple(map(sum, zip(kept, stay, strict=True)))
                    grown[name] = (*done, packing)
            known = grown
        found: dict[Row, tuple[Packing, ...]] = {}
        for (loss, kept), packed in known.items():
            totals, at = list(loss), dict(zip(keys, kept, strict=True))
            costs = [(a, stay_cost(a, [sum(r) for r in chosen[a.item]], at)) for a in self.stays]
            within = all(disturbed_within(a, self.problem, at) for a in self.limits)
            if within and all(amount is not None for _, amount in costs):
                for a, amount in costs:
                    if a.tier >= 0:
                        totals[a.tier] += amount or 0
                found[tuple(totals)] = packed
        return found

    def _kept(self, content: Content, b: int, packing: Packing, keys: list[PartKey]) -> Row:
        """Replicas of each of the parts that keep their very seat in a bin."""
        replicas = iter(packing)
        kept = dict.fromkeys(keys, 0)
        for i, p, n in content:
            mine = [next(replicas) for _ in range(n)]
            homes = [s.devices for s in self.problem.homes.get(i, ((),) * (p + 1))[p] if s.bin == b]
            for devices in mine:
                if (i, p) in kept and devices in homes:
                    homes.remove(devices)
                    kept[i, p] += 1
        return tuple(kept.values())

    def vectors(self, chosen: Choice) -> set[Row]:
        """All values that the packings of these counts have."""
        totals = [sum(self._tables[i][rows][t] for i, rows in chosen.items()) for t in range(self.problem.tiers)]
        held = {(k, p): row for k, rows in chosen.items() for p, row in enumerate(rows)}
        for atom in self.joint:
            if atom.tier >= 0:
                totals[atom.tier] += cost(atom, self.problem, held)
        contents = set(self._arranged(chosen)) if self.problem.homes else self._content_costs(chosen)
        return {tuple(x + y for x, y in zip(totals, c, strict=True)) for c in contents}

    def best(self) -> Best:
        """The optimum over all plans."""
        best: Row | None = None
        winner: Choice = {}
        vectors: set[Row] = set()
        for chosen in self.combinations():
            found = self.vectors(chosen)
            vectors |= found
            if best is None or min(found) < best:
                best, winner = min(found), chosen
        assert best is not None, "refusing everything is always a plan"
        return Best(best, self.plan(winner, None), len(self.combinations()), frozenset(vectors))

    def plan(self, chosen: Choice, rng: Random | None) -> Plan:
        """Seats for these counts: the cheapest content of each bin, or a random one."""
        seats: dict[int, list[list[Seat]]] = {
            i: [[] for _ in rows] for i, rows in chosen.items() if any(map(any, rows))
        }
        arranged = self._arranged(chosen) if self.problem.homes else {}
        picked = arranged[rng.choice(sorted(arranged)) if rng else min(arranged)] if arranged else ()
        for b in range(self.problem.bins.count):
            if picked:
                replicas = iter(picked[b])
            else:
                demands = self._demands(self._content(chosen, b))
                contents = packings(self.devices[b], demands)
                after = (
                    rng.choice(sorted(contents))
                    if rng
                    else min(contents, key=partial(self._content_cost, b, demands=demands))
                )
                replicas = iter(contents[after])
            for i, rows in chosen.items():
                for p, row in enumerate(rows):
                    seats.get(i, [[]] * len(rows))[p].extend(Seat(b, next(replicas)) for _ in range(row[b]))
        return Plan({i: tuple(tuple(sorted(s)) for s in parts) for i, parts in seats.items()})
