"""What must hold of a decision, a diagnosis and a defragmentation of a small contended case."""

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from placement.defrag import Defragmentation, Goal, plan
from placement.diagnosis import diagnose
from placement.engine import decide
from placement.model import Case, Decision, Placement, Status, Unplaced, Verdict
from placement.model.diagnosis import Diagnosis, Repair, Scope
from placement.verify import verify
from solver.workers import Inline
from tests.placement.defrag.simulator import simulate
from tests.scenarios.aftermath import after, frozen
from tests.verify.contended.draw import contended_case
from tests.verify.contended.truth import TooManyError, Truth
from tests.verify.contended.variants import beside, least_less, repaired
from topology.model import Health

__all__ = [
    "Examined",
    "conflict_is_irreducible",
    "decided",
    "examine",
    "price_is_right",
    "repair_works",
    "second_call_changes_nothing",
    "sequence_is_safe",
    "the_optimum_is_the_best",
    "verdict_is_true",
]

_PLENTY_S = 60.0


@dataclass(frozen=True)
class Examined:
    """What was checked, by name, and what did not hold."""

    counts: Counter[str]
    failed: tuple[str, ...]


def decided(case: Case, warm: tuple[Placement, ...] | None = None) -> Decision:
    """Decide in this process."""
    return decide(case, clock=time.monotonic, workers=Inline(), start=warm)


def the_optimum_is_the_best(truth: Truth, decision: Decision) -> Iterator[str]:
    """The decision is valid by all readings, its first tier costs what it says, and no end state is better."""
    for text in verify(truth.case, decision):
        yield f"optimum: {text}"
    state, tier = truth.state_of(decision), decision.tiers[0]
    if (rule := truth.broken(state)) is not None:
        yield f"optimum: {state} breaks {rule}"
    for name, seats in state.items():
        if seats not in truth.options(name):
            yield f"optimum: {name} may not be at {seats}"
    if truth.first_tier(state) != tier.value:
        yield f"optimum: it says {tier.value}, the end state has {truth.first_tier(state)}"
    least = truth.least()
    if tier.value < least or (tier.bound is not None and tier.bound > least):
        yield f"optimum: {tier.value} with bound {tier.bound}, the best end state has {least}"
    if decision.status is Status.OPTIMAL and tier.value != least:
        yield f"optimum: OPTIMAL at {tier.value}, the best end state has {least}"


def verdict_is_true(case: Case, one: Unplaced) -> Iterator[str]:
    """What is called impossible or without room has no end state; what is outcompeted would fit alone."""
    name = one.workload
    permitted = Truth(case, name).fits(name)
    if one.verdict is Verdict.IMPOSSIBLE and Truth(_emptied(case), name).fits(name):
        yield f"unschedulable: {name} is called IMPOSSIBLE and fits the empty fleet"
    if one.verdict in (Verdict.IMPOSSIBLE, Verdict.NO_ROOM) and permitted:
        yield f"unschedulable: {name} is called {one.verdict} and fits: {next(Truth(case, name).states(name))}"
    if one.verdict is Verdict.OUTCOMPETED and not permitted and not Truth(_untouchable(case), name).fits(name):
        yield f"unschedulable: {name} is called OUTCOMPETED and never fits"
    if one.verdict is Verdict.REJECTED:
        yield f"unschedulable: {name} is REJECTED"


def _emptied(case: Case) -> Case:
    return case.model_copy(update={"running": ()})


def _untouchable(case: Case) -> Case:
    """Only what may not be disturbed runs."""
    truth = Truth(case)
    left = tuple(r for r in case.running if len(truth.options(r.workload.id)) == 1)
    return case.model_copy(update={"running": left})


def conflict_is_irreducible(case: Case, found: Diagnosis) -> Iterator[str]:
    """The conflict alone keeps the workload out, and without any one member it does not."""
    if found.scope is None:
        return
    name = found.workload
    if found.scope is Scope.KEPT:
        yield from _kept_is_irreducible(case, found)
        return
    if found.scope is not Scope.AS_IT_RUNS and Truth(case, name).fits(name):
        yield f"conflict: {name} is said not to fit ({found.scope}), and does"
    if beside(case, found, found.conflict).fits(name):
        yield f"conflict: {name} fits beside {_named(found)} ({found.scope})"
    for cause in found.conflict if found.minimal else ():
        if not beside(case, found, [other for other in found.conflict if other != cause]).fits(name):
            yield f"conflict: {cause.name} is not needed in {_named(found)} ({found.scope})"


def _kept_is_irreducible(case: Case, found: Diagnosis) -> Iterator[str]:
    """No end state has the workload and all members, one has all but any one of them."""
    names = [cause.name for cause in found.conflict]
    missing = [{n for n in names if not state[n]} for state in Truth(case).states(found.workload)]
    if set() in missing:
        yield f"conflict: {found.workload} runs beside all of {names}"
    for name in names if found.minimal else ():
        if {name} not in missing:
            yield f"conflict: {name} is not needed in {names} (KEPT)"


def _named(found: Diagnosis) -> list[str]:
    return [f"{cause.kind} {cause.name}" for cause in found.conflict]


def repair_works(case: Case, found: Diagnosis, repair: Repair) -> Iterator[str]:
    """With the repair the workload fits, and where less was proven not to do, by one step less it does not."""
    if not repair.verified or not repaired(case, found, repair).fits(found.workload):
        yield f"repair: after {repair.change!r} {found.workload} does not fit"
    less = least_less(case, found, repair) if repair.least else None
    if less is not None and less.fits(found.workload):
        yield f"repair: less than {repair.change!r} lets {found.workload} in"


def price_is_right(truth: Truth, decision: Decision, found: Diagnosis) -> Iterator[str]:
    """Putting the workload in, at its least size, costs the first tier what the diagnosis says."""
    if found.price is None:
        return
    work = truth.works[found.workload]
    least = sum(role.min_count for sub in work.subgroups for role in sub.roles)
    states = [truth.first_tier(s) for s in truth.states(found.workload) if len(s[found.workload]) == least]
    if not states:
        yield f"price: {found.workload} has a price and no place"
        return
    told, known = dict(found.price.tiers)[1], min(states) - decision.tiers[0].value
    if told < known or (found.price.proven and told != known):
        yield f"price: {found.workload} costs {told}, the best end state with it {known}"


def second_call_changes_nothing(case: Case, decision: Decision, again: Decision | None = None) -> Iterator[str]:
    """Decided again on where it leads, nothing is moved, shrunk, evicted or placed; and nothing could be put back.

    What budgets have left is what the first call did not use of them: with new budgets a next round may go on.
    """
    if decision.status is not Status.OPTIMAL:
        return
    then = _charged(after(case, decision), Truth(case), decision)
    again = decided(then) if again is None else again
    if again.status is Status.OPTIMAL and (again.moves or again.shrinks or again.evictions or again.placements):
        yield f"second call: {again.moves} {again.shrinks} {again.evictions} {again.placements}"
    for one in frozen(then).workloads:
        if Truth(frozen(then), one.id).fits(one.id):
            yield f"lean: {one.id} has a place beside all the rest"


def _charged(case: Case, truth: Truth, decision: Decision) -> Case:
    """The case with the budgets less what the decision disturbs."""
    touched = Counter(truth.works[name].tenant for name in truth.disturbed(truth.state_of(decision)))
    tenants = tuple(
        tenant.model_copy(
            update={
                "disruption_budget": None
                if tenant.disruption_budget is None
                else tenant.disruption_budget - sum(touched[one] for one in truth.family[tenant.name])
            }
        )
        for tenant in case.tenants
    )
    rules = tuple(
        spec.model_copy(
            update={"params": spec.params | {"max_disrupted": spec.params["max_disrupted"] - touched.total()}}
        )
        if spec.name == "preemption" and isinstance(spec.params.get("max_disrupted"), int)
        else spec
        for spec in case.policy.rules
    )
    return case.model_copy(update={"tenants": tenants, "policy": case.policy.model_copy(update={"rules": rules})})


def sequence_is_safe(case: Case, told: Defragmentation, max_moves: int | None = None) -> Iterator[str]:
    """Every step is carried out by an independent simulator; what is proven to be most is most."""
    try:
        simulate(case, told)
    except AssertionError as error:
        yield f"sequence: {error}"
        return
    if not told.proven_most or told.reached:
        return
    level = list(case.fleet.level_names).index(told.level) + 1
    names = case.fleet.level_names[:level]
    domain = {n.id: "/".join(n.path[k] for k in names) for n in case.fleet.nodes}
    alone = case.model_copy(update={"workloads": ()})
    kept = tuple(r.model_copy(update={"evictable": False}) for r in case.running)
    truth = Truth(alone.model_copy(update={"running": kept}))
    states = (s for s in truth.states() if max_moves is None or len(truth.disturbed(s)) <= max_moves)
    able = {domain[node.id] for node in case.fleet.nodes if node.health is Health.HEALTHY}
    most = max(len(able - {domain[n] for s in state.values() for n in s}) for state in states)
    if most > len(told.free_after):
        yield f"sequence: {len(told.free_after)} domains are called the most that can be free, {most} can"


def examine(seed: int, number: int) -> Examined:
    """All checks on one random case, until one has too many end states; any other exception is a failure."""
    random = Random(f"contended:{seed}:{number}")
    while True:
        case = contended_case(random)
        truth = Truth(case)
        try:
            counts = Counter({"contended cases": 1, "end states": sum(1 for _ in truth.states())})
        except TooManyError:
            continue
        break
    failed: list[str] = []
    try:
        for name, found in _examined(case, truth, random):
            counts[name] += 1
            failed += found
    except TooManyError:
        # A variant of the case (an empty fleet, a repair) may have more end states than the case itself.
        counts["given up: too many end states"] += 1
    except Exception as error:  # noqa: BLE001 - the case is reported with its seed, the run goes on
        failed.append(f"contended: {type(error).__name__}: {error}")
    return Examined(counts, tuple(f"contended: {text}" for text in failed))


def _examined(case: Case, truth: Truth, random: Random) -> Iterator[tuple[str, list[str]]]:
    """(what was checked, what did not hold)."""
    decision = decided(case)
    yield "optima", list(the_optimum_is_the_best(truth, decision))
    for one in decision.unplaced:
        yield "verdicts", list(verdict_is_true(case, one))
        found = diagnose(case, decision, one.workload, clock=time.monotonic, workers=Inline(), seconds=_PLENTY_S)
        if found.scope is not None:
            yield "conflicts", list(conflict_is_irreducible(case, found))
            yield f"in scope {found.scope}", []
        for repair in found.repairs:
            yield "repairs", list(repair_works(case, found, repair))
            if not repair.least:
                yield "repairs not proven least", []
        if found.price is not None:
            yield "prices", list(price_is_right(truth, decision, found))
    yield "second calls", list(second_call_changes_nothing(case, decision))
    goal, max_moves = Goal("rack", (), random.choice((1, 2))), random.choice((None, 1))
    told = plan(case, goal, decided, max_moves=max_moves)
    yield "sequences", list(sequence_is_safe(case, told, max_moves))
    for _ in told.steps:
        yield "steps", []
