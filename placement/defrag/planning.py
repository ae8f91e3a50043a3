"""plan: decide which work moves, then in which order, and say what could not be freed and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

from placement.compile import Lowered, lift, lower, lower_placements, terms, whole
from placement.defrag.evacuation import evacuated
from placement.defrag.goal import Goal, asking
from placement.defrag.reasons import obstacles
from placement.defrag.sequence import Hop, Order, order
from placement.model import Case, Decision, PlacedReplica, Placement, Term, TierReport
from placement.model.fields import Document, Name, Text
from placement.rules.vacancy import asked_domains
from placement.snapshot import Snapshot
from solver.check import check, values
from solver.plan import Plan

__all__ = ["Blocked", "Decide", "Defragmentation", "Step", "plan"]

Decide = Callable[[Case, tuple[Placement, ...]], Decision]
"""Decides a case, starting from these placements."""
_ROUNDS = 3
"""Decisions tried where the moves of one cannot be put in order."""


class Step(Document):
    """One workload goes from where it is to `replicas`; it holds both places meanwhile.

    `moved` of its replicas change their seats; a `detour` is not its last place; `frees` are the domains that are free
    once it is done.
    """

    workload: Name
    tenant: Name
    moved: int
    nodes_before: tuple[Name, ...]
    nodes_after: tuple[Name, ...]
    replicas: tuple[PlacedReplica, ...]
    detour: bool
    frees: tuple[Name, ...]


class Blocked(Document):
    """A domain that was asked for by name and holds work in the end: why, and the work that is in it."""

    domain: Name
    reason: Text
    workloads: tuple[Name, ...]


class Defragmentation(Document):
    """An ordered plan. `free_before` and `free_after` name domains of `level` among those asked for (all, if none is).

    `steps` may be stopped after any one: nothing hard is broken, and the first tier of the policy is never worse than
    before. `status`, `gap`, `gap_tier` and `tiers` are those of the decision on the target; `proven_most` says that no
    permitted set of moves frees more domains (never where work was held because its moves had no safe order). `terms`
    are those once all steps are done.
    """

    case_id: Name
    level: Name
    wanted: int
    free_before: tuple[Name, ...]
    free_after: tuple[Name, ...]
    proven_most: bool
    steps: tuple[Step, ...]
    blocked: tuple[Blocked, ...]
    status: Text
    gap: float | None
    gap_tier: int | None
    tiers: tuple[TierReport, ...]
    terms_before: tuple[Term, ...]
    terms: tuple[Term, ...]
    notes: tuple[Text, ...]

    @property
    def reached(self) -> bool:
        """Whether as many domains are free as were wanted."""
        return len(self.free_after) >= self.wanted


@dataclass(frozen=True, eq=False)
class _Round:
    """One decision with the order of its moves; states[k] is the plan after k steps."""

    case: Case
    goal: Goal
    lowered: Lowered
    decision: Decision
    order: Order
    states: tuple[Plan, ...]

    @cached_property
    def free(self) -> tuple[frozenset[str], ...]:
        """Domains of the goal without any work, state by state."""
        return tuple(_free(self.lowered, self.goal, state) for state in self.states)

    @property
    def rank(self) -> tuple[int, bool, int]:
        """Few missing domains first, then a target that is reached, then few steps."""
        return (-min(self.goal.wanted, len(self.free[-1])), bool(self.order.stuck), len(self.order.hops))


def plan(
    case: Case,
    goal: Goal,
    decide: Decide,
    *,
    max_moves: int | None = None,
    budgets: Mapping[str, int] | None = None,
    value_micro_usd_h: int | None = None,
    expired: Callable[[], bool] = lambda: False,
) -> Defragmentation:
    """Free the domains of the goal by moving running work that is `movable`; see `goal.asking` for what is weighed.

    `decide` is the core (`placement.engine.decide`) with its clock, workers and limits; it is called once, and again
    where the moves it found cannot be put in order (with one of them held), or where limits stood in the way (without
    these, to say what it would take). `expired` ends the search for an order. InputError as `asking` raises it.
    """
    notes: list[str] = []
    asked = asking(case, goal, max_moves=max_moves, budgets=budgets, value_micro_usd_h=value_micro_usd_h)
    best = _round(asked, goal, decide, max_moves, expired)
    tried, searched = best, best.order.searched
    held: list[str] = []
    for _ in range(_ROUNDS - 1):
        if not tried.order.stuck or expired():
            break
        held.append(_to_hold(tried))
        tried = _round(_holding(asked, held), goal, decide, max_moves, expired)
        if tried.rank < best.rank:
            best = tried
    if held:
        notes.append(
            f"the moves of the first plan have no safe order{'' if searched else ' that was found'}; "
            f"tried again with {', '.join(held)} held in place"
        )
    best = _trimmed(best)
    if best.order.stuck:
        notes.append("status, bounds and gaps are those of a target that the steps do not reach")
    if best.decision.case_id != Snapshot.of(asked).case_id:
        notes.append("status, bounds and gaps are those with the held work in place")
    missing = len(best.free[-1]) < goal.wanted
    if missing and (max_moves is not None or budgets):
        freer = asking(case, goal, value_micro_usd_h=value_micro_usd_h)
        loose = _round(freer, goal, decide, None, expired)
        reached = min(goal.wanted, len(loose.free[-1]))
        if reached > min(goal.wanted, len(best.free[-1])):
            notes.append(
                f"without limits on moves, {len(loose.order.hops)} moves would leave {reached} of {goal.wanted} "
                "domains free"
            )
    kept = [r.workload.id for r, was in zip(best.case.running, asked.running, strict=True) if r.movable != was.movable]
    return _told(best, goal, notes, frozenset(kept))


def _round(case: Case, goal: Goal, decide: Decide, max_moves: int | None, expired: Callable[[], bool]) -> _Round:
    snapshot = Snapshot.of(case)
    lowered = lower(snapshot.case, snapshot.fabric, usage=snapshot.usage)
    warm = evacuated(lowered)
    known = () if warm is None else _placements(lowered, warm)
    decision = decide(case, known)
    target = lower_placements(lowered, whole(lowered, decision))
    problem = lowered.problem
    movers = [i for i, seats in target.seats.items() if seats != problem.homes[i]]
    guarded = values(problem, problem.anchor)[:1] if lowered.tiers else ()
    found = order(
        problem,
        target,
        _wished(lowered, goal, target, movers),
        guarded=guarded,
        most=max_moves,
        expired=expired,
    )
    return _Round(case, goal, lowered, decision, found, _states(problem.anchor, found.hops))


def _placements(lowered: Lowered, target: Plan) -> tuple[Placement, ...]:
    lifted = lift(lowered, target)
    return tuple(Placement(workload=move.workload, replicas=move.replicas) for move in lifted.moves)


def _states(anchor: Plan, hops: tuple[Hop, ...]) -> tuple[Plan, ...]:
    states = [anchor]
    for hop in hops:
        states.append(Plan({**states[-1].seats, hop.item: hop.seats}))
    return tuple(states)


def _wished(lowered: Lowered, goal: Goal, target: Plan, movers: list[int]) -> list[int]:
    """Movers out of the domain that is free soonest first, then those that only make room."""
    coming_free = _free(lowered, goal, target)
    label, names = _labels(lowered, goal)
    inside: dict[int, set[str]] = {}
    for item in movers:
        here = {names[label[seat.bin]] for seats in lowered.problem.homes[item] for seat in seats}
        inside[item] = here & coming_free
    size = Counter(domain for here in inside.values() for domain in here)
    far = len(movers) + 1

    def key(item: int) -> tuple[int, str, str]:
        nearest = min(((size[domain], domain) for domain in inside[item]), default=(far, ""))
        return (*nearest, lowered.refs[item].key)

    return sorted(movers, key=key)


def _labels(lowered: Lowered, goal: Goal) -> tuple[list[int], tuple[str, ...]]:
    partition = lowered.fabric.partition(goal.level)
    return partition.domain_of.tolist(), partition.domain_names


def _asked(lowered: Lowered, goal: Goal) -> frozenset[str]:
    names = lowered.fabric.partition(goal.level).domain_names
    return frozenset(names[number] for number in asked_domains(lowered.fabric, goal.level, goal.domains))


def _free(lowered: Lowered, goal: Goal, state: Plan) -> frozenset[str]:
    label, names = _labels(lowered, goal)
    used = {names[label[seat.bin]] for parts in state.seats.values() for seats in parts for seat in seats}
    index = lowered.fabric.index
    used |= {names[label[index[replica.node]]] for one in lowered.case.running for replica in one.replicas}
    return _asked(lowered, goal) - used


def _to_hold(found: _Round) -> str:
    """The work to hold in the next round: blocked, and if possible not in a domain that shall be free."""
    label, names = _labels(found.lowered, found.goal)
    wanted = _asked(found.lowered, found.goal) if found.goal.domains else frozenset()

    def inside(item: int) -> bool:
        homes = found.lowered.problem.homes[item]
        return any(names[label[seat.bin]] in wanted for seats in homes for seat in seats)

    item = min(found.order.stuck, key=lambda i: (inside(i), found.lowered.refs[i].key))
    return found.lowered.refs[item].members[0].id


def _holding(case: Case, held: list[str]) -> Case:
    running = tuple(
        one.model_copy(update={"movable": False}) if one.workload.id in held else one for one in case.running
    )
    return case.model_copy(update={"running": running})


def _trimmed(found: _Round) -> _Round:
    """Without the steps at the end that lead nowhere: where some are missing, what follows the last freed domain."""
    if not found.order.stuck:
        return found
    counts = [len(free) for free in found.free]
    keep = counts.index(max(counts))
    cut = Order(found.order.hops[:keep], found.order.stuck, found.order.searched)
    return _Round(found.case, found.goal, found.lowered, found.decision, cut, found.states[: keep + 1])


def _told(found: _Round, goal: Goal, notes: list[str], kept: frozenset[str]) -> Defragmentation:
    """`kept` is work that was held because its moves had no safe order: it could still move in another way."""
    lowered, decision = found.lowered, found.decision
    reports = [check(lowered.problem, state) for state in (found.states[0], found.states[-1])]
    tier = next(t for t in decision.tiers if "vacancy" in t.terms)
    # The vacancy tier may hold other terms where freeing has a price: then nothing follows about domains alone.
    alone = [t.name for t in decision.terms if t.tier == tier.tier] == ["vacancy"]
    first = [t for t in decision.tiers if t.tier <= tier.tier]
    proven = alone and not kept and not found.order.stuck and all(t.value == t.bound for t in first)
    blocked: tuple[Blocked, ...] = ()
    if goal.domains:
        blocked = tuple(
            Blocked(domain=domain, reason=reason, workloads=who)
            for domain, reason, who in obstacles(
                lowered,
                goal.level,
                sorted(_asked(lowered, goal) - found.free[-1]),
                found.states[-1],
                found.order.stuck,
                kept=kept,
                proven=proven,
            )
        )
    if not goal.domains and len(found.free[-1]) < goal.wanted:
        notes = [*notes, *_counted(lowered, goal, kept)]
    return Defragmentation(
        case_id=decision.case_id,
        level=goal.level,
        wanted=goal.wanted,
        free_before=tuple(sorted(found.free[0])),
        free_after=tuple(sorted(found.free[-1])),
        proven_most=proven,
        steps=tuple(_steps(found)),
        blocked=blocked,
        status=decision.status.value,
        gap=decision.gap,
        gap_tier=decision.gap_tier,
        tiers=decision.tiers,
        terms_before=terms(lowered, reports[0]),
        terms=terms(lowered, reports[1]),
        notes=tuple(notes),
    )


def _counted(lowered: Lowered, goal: Goal, kept: frozenset[str]) -> list[str]:
    """How many domains could not be chosen at all, if any."""
    label, names = _labels(lowered, goal)
    asked = _asked(lowered, goal)
    index = lowered.fabric.index
    firm = (one for one in lowered.case.running if one.workload.id not in kept)
    held = {names[label[index[r.node]]] for one in firm for r in one.replicas} & asked
    if not held:
        return []
    return [f"{len(held)} of {len(asked)} domains of level {goal.level} are held by work that cannot move"]


def _steps(found: _Round) -> list[Step]:
    lowered = found.lowered
    nodes = lowered.fabric.nodes
    steps = []
    for number, hop in enumerate(found.order.hops):
        before, after = found.states[number], found.states[number + 1]
        work = lowered.refs[hop.item].members[0]
        here = lift(lowered, after)
        replicas = next(move.replicas for move in here.moves if move.workload == work.id)
        old = Counter(seat for seats in before.seats[hop.item] for seat in seats)
        new = Counter(seat for seats in hop.seats for seat in seats)
        steps.append(
            Step(
                workload=work.id,
                tenant=work.tenant,
                moved=(new - old).total(),
                nodes_before=tuple(sorted({nodes[seat.bin].id for seat in old})),
                nodes_after=tuple(sorted({nodes[seat.bin].id for seat in new})),
                replicas=replicas,
                detour=hop.detour,
                frees=tuple(sorted(found.free[number + 1] - found.free[number])),
            )
        )
    return steps
