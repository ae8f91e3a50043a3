"""Can one item be placed at all, and if not, which rule is in the way? Answers with a witness or an exact proof.

A yes is a plan. A no is proven by counting (a part that is always needed finds too few seats even if nothing else were
placed) or by an exact certificate (`solver.certificate`); CP-SAT's own word for a no is not passed on.
"""

from __future__ import annotations

from dataclasses import dataclass

from solver.alone import always_on, fits, seats_short
from solver.check import check
from solver.messages import BoundFound, PlanFound
from solver.plan import Plan
from solver.problem import Problem
from solver.workers import Job, Workers

__all__ = ["Answer", "ask"]


@dataclass(frozen=True)
class Answer:
    """`plan` is a witness that the item fits; `proof` names how it was proven that it does not; neither: unknown."""

    plan: Plan | None = None
    proof: str | None = None


def _most_missing(problem: Problem) -> int:
    """Replicas that can be missing at most while the single item is placed."""
    item = problem.items[0]
    return sum(part.count - (part.min_count if always_on(item, part.bundle) else 0) for part in item.parts)


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
