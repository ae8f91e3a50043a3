"""Running work that may get further replicas: which parts, and what it costs to lose those that they have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from placement.rules.context import Context
from placement.rules.disturbance import homes
from solver.atoms import Hinge, Share
from solver.items import PartKey
from solver.problem import Atom

__all__ = ["growing", "lost_charges"]


def growing(context: Context) -> Iterator[tuple[PartKey, int]]:
    """(part, replicas that run) for the parts of running work that may have more than run now."""
    for _, item, seats in homes(context):
        for p, held in enumerate(seats):
            if len(held) < context.part((item, p)).role.replicas:
                yield (item, p), len(held)


def lost_charges(rule: str, tier: int, context: Context, each: Mapping[PartKey, int]) -> list[Atom]:
    """Prices of the replicas that the parts of `growing` lose of those that run now; the part's price in `each`.

    A `RefuseCharge` would count what they lack as well.
    """
    found: list[Atom] = []
    for key, count in growing(context):
        if count and each.get(key):
            ref = context.part(key)
            name = f"{ref.workload.id}/{ref.subgroup.name}/{ref.role.name}"
            found.append(Share(rule, name, {key: 1}, hinges=(Hinge(count, each[key], below=True),), tier=tier))
    return found
