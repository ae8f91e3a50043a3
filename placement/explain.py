"""Why a workload is not placed: a verdict, the rule that decides, the rivals in its place, and a sentence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from placement.compile import Lowered
from placement.model import Unplaced, Verdict
from solver.alone import fits, must_stay, pinned, solo, without_rule
from solver.atoms import Caps, Disruptions, Floor, Pool, Share, Together, Within
from solver.cells import rooms
from solver.conflict import Answer, ask
from solver.items import PartKey
from solver.permitted import Refusal, refused_everywhere
from solver.plan import Plan
from solver.problem import Problem
from solver.workers import Workers

__all__ = ["Explainer", "Variant"]

_CHAIN = 4
"""How many leaders of leaders an explanation follows."""
_SEARCH_S = 0.2
"""Longest single question to a worker: seconds, or deterministic work where there is no deadline."""


@dataclass
class Variant:
    """The case lowered in another way, when first asked for; `takes_s` is what that will take, 0 once it is done."""

    make: Callable[[], Lowered]
    takes_s: float
    _made: Lowered | None = None

    def within(self, left: float | None) -> Lowered | None:
        """The lowered case, or None where too few seconds are left to make it (None: no limit)."""
        if self._made is None and (left is None or left > 2 * self.takes_s):
            self._made, self.takes_s = self.make(), 0.0
        return self._made


@dataclass
class Explainer:
    """Explains the refused items of one decision until its time is up.

    `lowered` is the case as it is, `empty` the same on the empty fleet, `said` the same with limits as they are said
    where running work is above them; `proven` says that the admitted value is proven optimal; `left` gives the seconds
    left (None: no limit).
    """

    lowered: Lowered
    empty: Variant
    said: Variant
    plan: Plan
    proven: bool
    left: Callable[[], float | None]
    workers: Workers | None
    longest_s: float = 0.0
    """What the longest verdict so far has taken: none is begun that would end too late."""

    def explain(self) -> list[Unplaced]:
        """One verdict per workload of every refused item, in order of workload ids."""
        owners = self._owners()
        found: list[Unplaced] = []
        known: dict[tuple[object, ...], Unplaced] = {}
        for item, ref in enumerate(self.lowered.refs):
            if self.plan.placed(item) or item in self.lowered.problem.homes:
                continue
            mark = self._mark(item)
            verdict = known.get(mark)
            if verdict is None:
                before = self.left()
                verdict = known[mark] = self._verdict(item, owners)
                after = self.left()
                if before is not None and after is not None:
                    self.longest_s = max(self.longest_s, before - after)
            found += [verdict.model_copy(update={"workload": member.id}) for member in ref.members]
        return sorted(found, key=lambda one: one.workload)

    def _mark(self, item: int) -> tuple[object, ...]:
        """Items with equal marks have equal verdicts: same structure, same masks, nothing that names them."""
        problem = self.lowered.problem
        whole = problem.items[item]
        if len(whole.parts) > 1:
            return (item,)
        part = whole.parts[0]
        masks = tuple(sorted(id(m) for a in problem.own_atoms[item] if (m := a.mask((item, 0))) is not None))
        shares = tuple(sorted((type(a).__name__, id(a)) for a in problem.atoms_of[item] if a.mask((item, 0)) is None))
        # One pool is for all tenants: it is the node in it that limits an item.
        nodes = tuple(a.node_of((item, 0)) for a in problem.atoms_of[item] if isinstance(a, Pool))
        return (part.demand, part.count, part.min_count, masks, shares, nodes)

    def _owners(self) -> dict[int, list[int]]:
        """Bin -> items in it; of what is pinned only the seats by which it grows, since no other is in the way."""
        problem = self.lowered.problem
        firm = pinned(problem)
        owners: dict[int, list[int]] = {}
        for item, parts in self.plan.seats.items():
            seats = Counter(seat for held in parts for seat in held)
            if item in firm:
                seats -= Counter(seat for held in problem.homes[item] for seat in held)
            for b in {seat.bin for seat in seats}:
                owners.setdefault(b, []).append(item)
        return owners

    def _ask(self, problem: Problem) -> Answer:
        left = self.left()
        if left is not None and left < 0.02:
            return ask(problem, None, None)
        seconds = None if left is None else min(_SEARCH_S, left / 2)
        return ask(problem, self.workers, seconds, work=None if left is not None else _SEARCH_S)

    def _verdict(self, item: int, owners: dict[int, list[int]], depth: int = 0) -> Unplaced:
        name = self.lowered.refs[item].members[0].id
        left = self.left()
        if left is not None and left <= self.longest_s:
            return _unplaced(name, Verdict.NOT_FOUND, None, "no time was left to say why")
        problem = self.lowered.problem
        leader = self._missing_leader(item)
        if leader is not None and depth < _CHAIN:
            first = self._verdict(leader, owners, depth + 1)
            reason = f"it must sit beside {first.workload}, which is not placed: {first.reason}"[:1000]
            return _unplaced(name, first.verdict, "affinity", reason)
        here = solo(problem, item)
        alone = self._ask(here)
        # What runs above a limit may be exchanged within what it takes: room that is not there once it has gone.
        exchanged = alone.plan is not None and bool(problem.homes and self.lowered.holds)
        above = refused_everywhere(problem, item, self.workers, self.left) if exchanged else None
        if alone.plan is not None and above is None:
            if exchanged and not self._fits_as_said(name):
                reason = "it may fit only in exchange for running work that is above a limit; no such plan was found"
                return _unplaced(name, Verdict.NOT_FOUND, None, reason)
            return self._barred(name, item) or self._beside(name, item, alone.plan, owners)
        bare = Answer()
        lowered = self.empty.within(left)
        if lowered is not None:
            # Items are counted without the running work there.
            empty = solo(lowered.problem, lowered.context.item_of[name])
            bare = self._ask(empty)
        if bare.proof is not None:
            rule, reason = self._blame(empty, "on the empty fleet")
            return _unplaced(name, Verdict.IMPOSSIBLE, rule, f"{reason} (proven by {bare.proof})")
        if above is not None:
            return _denied(name, above)
        if alone.proof is not None:
            yielding = problem.homes.keys() - pinned(problem)
            beside = "beside the running work" + (" that may not be evicted" if yielding else "")
            rule, reason = self._blame(here, beside)
            known = "" if bare.plan is not None else "; whether it fits the empty fleet is not proven"
            return _unplaced(name, Verdict.NO_ROOM, rule, f"{reason} (proven by {alone.proof}){known}")
        return _unplaced(name, Verdict.NOT_FOUND, None, "no placement was found, and none is proven impossible")

    def _fits_as_said(self, name: str) -> bool:
        """True if the workload fits alone under the limits as they are said, all that may be disturbed gone."""
        lowered = self.said.within(self.left())
        if lowered is None:
            return False
        return self._ask(solo(lowered.problem, lowered.context.item_of[name])).plan is not None

    def _beside(self, name: str, item: int, witness: Plan, owners: dict[int, list[int]]) -> Unplaced:
        """The verdict on an item that fits once what may be disturbed is gone; what may only move is not gone."""
        if must_stay(self.lowered.problem) and not self.proven:
            beside = self._ask(solo(self.lowered.problem, item, beside=True)).plan
            if beside is None:
                reason = "it fits only if running work moves that may not be evicted; no such plan was found"
                return _unplaced(name, Verdict.NOT_FOUND, None, reason)
            witness = beside
        return self._outcompeted(name, witness, owners)

    def _missing_leader(self, item: int) -> int | None:
        """An item that this one must follow and that is not placed."""
        for atom in self.lowered.problem.atoms_of[item]:
            if isinstance(atom, Together) and atom.tier < 0 and atom.follower == item:
                missing = None if self.plan.placed(atom.leader) else atom.leader
                if missing is not None:
                    return missing
        return None

    def _barred(self, name: str, item: int) -> Unplaced | None:
        """The verdict if limits on disturbance or guarantees keep it out wherever it could go, whatever it is worth.

        Of several items that are proven to be left out it is enough to know that.
        """
        problem = self.lowered.problem
        several = len(problem.items) > len(problem.homes) + 1
        if (self.proven and several) or not any(isinstance(atom, Disruptions | Floor) for atom in problem.atoms):
            return None
        refusal = refused_everywhere(problem, item, self.workers, self.left)
        return None if refusal is None else _denied(name, refusal)

    def _outcompeted(self, name: str, witness: Plan, owners: dict[int, list[int]]) -> Unplaced:
        weight: dict[int, int] = {}
        for parts in witness.seats.values():
            for b in {seat.bin for seats in parts for seat in seats}:
                for owner in owners.get(b, ()):
                    weight[owner] = weight.get(owner, 0) + 1
        top = sorted(weight, key=lambda owner: (-weight[owner], owner))[:5]
        rivals = tuple(member.id for owner in top for member in self.lowered.refs[owner].members)[:5]
        who = ", ".join(rivals) if rivals else "the other workloads, through limits they share"
        yielding = self.lowered.problem.homes.keys() - pinned(self.lowered.problem)
        if self.proven and any(owner in yielding for owner in weight):
            reason = f"it would fit if running work gave way; worth or protection (budget, guarantee) keeps: {who}"
            return _unplaced(name, Verdict.OUTCOMPETED, None, reason, rivals)
        if self.proven:
            return _unplaced(name, Verdict.OUTCOMPETED, None, f"it would fit alone; in its place: {who}", rivals)
        reason = f"it would fit alone ({who} hold the room); the search ended before leaving it out was proven right"
        return _unplaced(name, Verdict.NOT_FOUND, None, reason, rivals)

    def _blame(self, problem: Problem, where: str) -> tuple[str, str]:
        """The first rule whose absence lets the item in, else capacity; and its figures in words."""
        rules = dict.fromkeys(a.rule for a in problem.atoms if a.tier < 0 and a.rule not in ("capacity", "gang"))
        for rule in rules:
            if fits(without_rule(problem, rule)) is not None:
                figures = self._scarce(problem, rule) or self._seats(problem)
                return rule, f"{figures} {where}; without the rule {rule!r} it would fit"
        together = _joint_blame(problem, list(rules))
        if together:
            names = ", ".join(repr(rule) for rule in together)
            return together[0], f"{self._seats(problem)} {where}; only without the rules {names} together it would fit"
        return "capacity", f"{self._seats(problem)} {where}"

    def _scarce(self, problem: Problem, rule: str) -> str | None:
        """The limit of the rule that the item alone would break."""
        for atom in problem.atoms:
            if atom.rule == rule and isinstance(atom, Share) and atom.limit is not None:
                need = sum(use * problem.part(key).min_count for key, use in atom.use.items())
                if atom.base + need > atom.limit:
                    left = max(0, atom.limit - atom.base)
                    return f"{atom.name}: {need} needed, {left} left of {atom.limit}"
            if atom.rule == rule and isinstance(atom, Pool) and (short := atom.short(problem)):
                return short
            if atom.rule == rule and isinstance(atom, Caps):
                most = int(atom.left().argmax())
                return f"{self._seats(problem)}; the most that is left is {atom.left()[most]} at {atom.names[most]}"
        return None

    def _seats(self, problem: Problem) -> str:
        """The part with the fewest seats per replica, and what there is of them."""
        loose = rooms(_loose(problem))
        tight = rooms(problem)

        def ratio(key: PartKey) -> float:
            part = problem.part(key)
            return int(tight[key].clip(max=part.count).sum()) / max(1, part.min_count)

        key = min((key for key, _ in problem.parts()), key=ratio)
        part = problem.part(key)
        replicas = f"{part.min_count} replica{'s' if part.min_count > 1 else ''}"
        needs = _wants(part.demand.devices, part.demand.milli)
        total = int(loose[key].clip(max=2**31).sum())
        text = f"{replicas} {needs}needed, {total} would find a seat one by one"
        for atom in problem.atoms:
            if isinstance(atom, Within) and part.bundle in problem.items[0].subtree(atom.bundle):
                labels = problem.partitions[atom.partition]
                most = int(np.bincount(labels, loose[key].clip(max=part.count)).max(initial=0))
                level = self.lowered.fabric.partitions[atom.partition].name
                return f"{text}, at most {most} of them in one {level}"
        return text


def _joint_blame(problem: Problem, rules: list[str]) -> list[str]:
    """Rules whose joint absence lets the item in, none of them to spare; empty if no absence does."""

    def less(dropped: list[str]) -> Problem:
        found = problem
        for rule in dropped:
            found = without_rule(found, rule)
        return found

    if fits(less(rules)) is None:
        return []
    kept = list(rules)
    for rule in rules:
        fewer = [other for other in kept if other != rule]
        if fits(less(fewer)) is not None:
            kept = fewer
    return kept


def _loose(problem: Problem) -> Problem:
    """The problem without its single-domain requirements."""
    atoms = tuple(atom for atom in problem.atoms if not isinstance(atom, Within))
    return replace(problem, atoms=atoms)


def _denied(name: str, refusal: Refusal) -> Unplaced:
    limits = "disruption budgets, guarantees and quotas" if refusal.certified else "disruption budgets"
    reason = (
        f"it would fit if running work gave way; wherever that could be, it would take more than {limits} allow "
        f"(proven by {refusal.proof})"
    )
    return _unplaced(name, Verdict.NO_ROOM, "preemption", reason)


def _wants(devices: int, milli: int) -> str:
    if devices:
        return f"of {devices} GPU{'s' if devices > 1 else ''} "
    return f"of {milli} thousandths of a GPU " if milli else ""


def _unplaced(name: str, verdict: Verdict, rule: str | None, reason: str, rivals: tuple[str, ...] = ()) -> Unplaced:
    return Unplaced(workload=name, verdict=verdict, rule=rule, reason=reason, rivals=rivals)
