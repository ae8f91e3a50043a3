"""Pool: nested shares, of which each counts in the one above it with at least what is kept for it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from solver.items import BoolArray, IntArray, PartKey
from solver.plan import Plan
from solver.problem import Atom, Counts, Encoding, Joint, Ledger, Problem, Violation

__all__ = ["Pool", "PoolNode"]


@dataclass(frozen=True, eq=False)
class PoolNode:
    """One share of a pool: `above` is the index of the one that it lies in, which is listed before it (-1: none)."""

    name: str
    above: int
    use: Mapping[PartKey, int]
    base: int = 0
    kept: int = 0
    """It counts with at least so much in the one above it."""
    limit: int | None = None


@dataclass(frozen=True, eq=False)
class Pool(Atom):
    """For every node n with a limit: load(n) <= limit(n).

    load(n) = base + sum of use[(item, part)] per replica in `bins` (bool[N], None = all) + the sum of max(load(m),
    kept(m)) over the nodes m right below n. Nested and convex; uses are not negative, so refusing never breaks it.
    What the bases alone come to above a limit is allowed (hold), and not more.
    """

    rule: str
    nodes: tuple[PoolNode, ...]
    bins: BoolArray | None = None
    tier: int = field(default=-1, init=False)

    def items(self) -> Iterable[int]:
        """The users."""
        return sorted({i for node in self.nodes for i, _ in node.use})

    def remap(self, new: Mapping[int, int]) -> Atom | None:
        """The same for the renumbered items."""
        nodes = tuple(
            replace(node, use={(new[i], p): u for (i, p), u in node.use.items() if i in new}) for node in self.nodes
        )
        return replace(self, nodes=nodes) if any(node.use for node in nodes) else None

    def validate(self, problem: Problem) -> None:
        """Nodes lie in earlier ones, uses are not negative, and a part uses one node only."""
        keys = [key for node in self.nodes for key in node.use]
        if any(not -1 <= node.above < k for k, node in enumerate(self.nodes)):
            raise ValueError(f"{self.rule}: a node lies in one that is listed before it")
        if min((u for node in self.nodes for u in node.use.values()), default=0) < 0 or len(keys) != len(set(keys)):
            raise ValueError(f"{self.rule}: uses are not negative, and a part uses one node")

    def signature(self, problem: Problem) -> Iterable[IntArray]:
        """The bins that count."""
        if self.bins is not None:
            yield self.bins.astype(np.int64)

    def room(self, own: list[int]) -> list[int | None]:
        """How much more each node may take beside what the nodes hold themselves (None: no limit).

        What its own limit leaves; and where it counts above what is kept for it, what the node above may still take.
        """
        loads = self.nested(list(own))
        left: list[int | None] = []
        for node, load in zip(self.nodes, loads, strict=True):
            room = None if node.limit is None else max(0, node.limit - load)
            if node.above >= 0 and (above := left[node.above]) is not None:
                through = above + max(0, node.kept - load)
                room = through if room is None else min(room, through)
            left.append(room)
        return left

    def short(self, problem: Problem) -> str | None:
        """What the items need at least of the node where that is more than is left, in words."""
        for node, left in zip(self.nodes, self.room([node.base for node in self.nodes]), strict=True):
            need = sum(use * problem.part(key).min_count for key, use in node.use.items())
            if left is not None and need > left:
                return f"{node.name}: {need} needed, {left} left"
        return None

    def node_of(self, key: PartKey) -> tuple[int, int] | None:
        """(node, use) of a part."""
        return next(((k, node.use[key]) for k, node in enumerate(self.nodes) if key in node.use), None)

    def loads(self, plan: Plan) -> list[int]:
        """Load of every node under a plan."""
        return self.nested([node.base + self._own(node, plan) for node in self.nodes])

    def _own(self, node: PoolNode, plan: Plan) -> int:
        total = 0
        for key, use in node.use.items():
            if self.bins is None:
                total += use * plan.count(key)
            else:
                total += use * sum(n for b, n in plan.bins_of(key).items() if self.bins[b])
        return total

    def nested(self, own: list[int]) -> list[int]:
        """Loads from what each node holds itself."""
        for k in range(len(self.nodes) - 1, -1, -1):
            node = self.nodes[k]
            if node.above >= 0:
                own[node.above] += max(own[k], node.kept)
        return own

    def encode(self, into: Encoding) -> None:
        """A row per limit; a column for what a node counts above what is kept for it, where that is not certain."""
        size = len(self.nodes)
        terms: list[list[tuple[int, int, int]]] = [[] for _ in range(size)]
        const, most, known = ([node.base for node in self.nodes] for _ in range(3))
        for k, node in enumerate(self.nodes):
            for key, use in node.use.items():
                held, reach = into.known(key), 0
                for cell, col in into.counts(key).items() if use else ():
                    if self.bins is None or bool(self.bins[into.members[cell]].all()):
                        terms[k].append((col, use, into.most(key, cell)))
                        reach += into.most(key, cell)
                        known[k] += use * held.get(cell, 0)
                most[k] += use * min(reach, into.problem.part(key).count)
        for k in range(size - 1, -1, -1):
            node = self.nodes[k]
            if node.limit is not None and most[k] > node.limit:
                into.model.capped(terms[k], max(0, node.limit - const[k]))
            if node.above < 0:
                continue
            counted = terms[k]
            if most[k] <= node.kept:
                counted = []
            elif const[k] < node.kept:
                above = into.model.var(0, most[k] - node.kept, max(0, known[k] - node.kept))
                columns = [col for col, _, _ in terms[k]]
                into.model.row([*columns, above], [*(u for _, u, _ in terms[k]), -1], hi=node.kept - const[k])
                counted = [(above, 1, most[k] - node.kept)]
            terms[node.above] += counted
            for figures in (const, most, known):
                figures[node.above] += max(figures[k], node.kept)

    def given(self, problem: Problem, fixed: Plan) -> Iterable[Atom]:
        """The fixed items' use becomes base."""
        yield replace(self, nodes=tuple(replace(node, base=node.base + self._own(node, fixed)) for node in self.nodes))

    def violations(self, problem: Problem, plan: Plan) -> list[Violation]:
        """Loads above their limits that the bases do not explain."""
        floor = self.nested([node.base for node in self.nodes])
        found = []
        for k, load in enumerate(self.loads(plan)):
            node = self.nodes[k]
            if node.limit is not None and load > max(node.limit, floor[k]):
                users = tuple(sorted({i for i in self._inside(k) if plan.placed(i)}))
                found.append(Violation(self.rule, users, f"{node.name}: load {load} above the limit {node.limit}"))
        return found

    def _inside(self, k: int) -> set[int]:
        """Items that use a node or one below it."""
        inside = {k}
        for j in range(k + 1, len(self.nodes)):
            if self.nodes[j].above in inside:
                inside.add(j)
        return {i for j in inside for i, _ in self.nodes[j].use}

    def ledger(self, problem: Problem) -> Ledger | None:
        """What every part may still use."""
        return _PoolLedger(self, problem)


class _PoolLedger:
    def __init__(self, atom: Pool, problem: Problem) -> None:
        self._atom = atom
        self._everywhere = atom.bins is None
        inside = np.ones(problem.bins.count, np.bool_) if atom.bins is None else atom.bins
        self._labels = np.where(inside, 0, -1)
        self._own = [node.base for node in atom.nodes]
        self._uses = {key: (k, use) for k, node in enumerate(atom.nodes) for key, use in node.use.items()}
        self._left: list[int | None] | None = None

    def _added(self, item: int, counts: Counts, into: list[int], times: int = 1) -> list[int]:
        for p, held in counts.items():
            k, use = self._uses.get((item, p), (0, 0))
            if use:
                here = sum(n for b, n in held.items() if self._everywhere or self._labels[b] == 0)
                into[k] += times * use * here
        return into

    def joints(self, key: PartKey, local: Counts) -> list[Joint]:
        k, use = self._uses.get(key, (0, 0))
        if not use:
            return []
        if local:
            left = self._atom.room(self._added(key[0], local, list(self._own)))[k]
        else:
            if self._left is None:
                self._left = self._atom.room(self._own)
            left = self._left[k]
        return [] if left is None else [Joint(self._labels, np.array([left // use], np.int64), self._everywhere)]

    def add(self, item: int, counts: Counts, times: int = 1) -> None:
        self._added(item, counts, self._own, times)
        self._left = None
