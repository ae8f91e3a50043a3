"""Can one item be placed at all, and if not, which rule is in the way? Answers with a witness or an exact proof.

A yes is a plan. A no is proven by counting (a part that is always needed finds too few seats even if nothing else were
placed) or by an exact certificate (`solver.certificate`); CP-SAT's own word for a no is not passed on.
"""

from __future__ import annotations

from dataclasses import dataclass

from solver.atoms.charge import RefuseCharge
from solver.cells import rooms
from solver.check import check
from solver.greedy import greedy
from solver.items import Item, PartKey
from solver.messages import BoundFound, PlanFound
from solver.plan import Plan
from solver.problem import Problem
from solver.workers import Job, Workers

__all__ = ["Answer", "ask", "fits", "seats_short", "solo", "without_rule"]


@dataclass(frozen=True)
class Answer:
    """`plan` is a witness that the item fits; `proof` names how it was proven that it does not; neither: unknown."""

    plan: Plan | None = None
    proof: str | None = None


def solo(problem: Problem, item: int) -> Problem:
    """The item alone under its hard atoms; the one tier counts missing replicas."""
    hard = (a for atom in problem.atoms if (a := atom.unpriced()) is not None)
    atoms = [a for atom in hard if (a := atom.remap({item: 0})) is not None]
    missing = {(0, p): 1 for p in range(len(problem.items[item].parts))}
    return Problem(
        problem.bins,
        problem.partitions,
        (problem.items[item],),
        (*atoms, RefuseCharge("refused", 0, missing)),
    )


def without_rule(problem: Problem, rule: str) -> Problem:
    """The problem less every atom of a rule."""
    atoms = tuple(atom for atom in problem.atoms if atom.rule != rule)
    return Problem(problem.bins, problem.partitions, problem.items, atoms, problem.tiers)


def seats_short(problem: Problem) -> tuple[PartKey, int] | None:
    """A part that its item always needs and the seats it finds if nothing else is placed, when they are too few."""
    found = rooms(problem)
    for key, part in problem.parts():
        seats = int(found[key].clip(max=part.count).sum())
        if seats < part.min_count and _always(problem.items[key[0]], part.bundle):
            return key, seats
    return None


def _most_missing(problem: Problem) -> int:
    """Replicas that can be missing at most while the single item is placed."""
    item = problem.items[0]
    return sum(part.count - (part.min_count if _always(item, part.bundle) else 0) for part in item.parts)


def _always(item: Item, bundle: int) -> bool:
    """True if the bundle is on whenever the item is placed."""
    while bundle:
        parent = item.bundles[bundle].parent
        if item.bundles[parent].need < len(item.children(parent)):
            return False
        bundle = parent
    return True


def fits(problem: Problem) -> Plan | None:
    """A valid plan that places the single item, found by greedy; None says nothing."""
    plan, _ = greedy(problem)
    if not plan.seats or check(problem, plan).violations:
        return None
    return plan


def ask(problem: Problem, workers: Workers | None, seconds: float | None, work: float | None = None) -> Answer:
    """Can the single item of `problem` (see `solo`) be placed? Searches only if greedy and counting do not tell."""
    if seats_short(problem) is not None:
        return Answer(proof="counting")
    plan = fits(problem)
    if plan is not None:
        return Answer(plan)
    if workers is None:
        return Answer()
    proof_from = 1 + _most_missing(problem)
    plans: list[Plan] = []
    proofs: list[str] = []

    def tell(message: object) -> None:
        if isinstance(message, PlanFound) and message.plan.seats:
            plans.append(message.plan)
        elif isinstance(message, BoundFound) and message.value >= proof_from and message.certificate is not None:
            proofs.append("certificate")

    workers.run(Job(problem, Plan(), seconds, work), tell)
    for plan in plans:
        if not check(problem, plan).violations:
            return Answer(plan)
    return Answer(proof=proofs[0]) if proofs else Answer()
