"""A smaller problem that still fails: items and atoms are dropped one by one as long as the failure stays."""

from collections.abc import Callable, Iterator
from contextlib import suppress

from solver.atoms import Capacity
from solver.problem import Problem
from tests.verify.variants import without


def _smaller(problem: Problem) -> Iterator[Problem]:
    for number, atom in enumerate(problem.atoms):
        with suppress(ValueError):
            if isinstance(atom, Capacity):  # without it the judge sees no capacity at all
                continue
            yield without(problem, atom=number)
    for item in range(len(problem.items) if len(problem.items) > 1 else 0):
        with suppress(ValueError):
            yield without(problem, item=item)


def shrink(problem: Problem, fails: Callable[[Problem], bool]) -> Problem:
    """A problem from which nothing more can be dropped without losing the failure."""
    again = True
    while again:
        again = False
        for smaller in _smaller(problem):
            if fails(smaller):
                problem, again = smaller, True
                break
    return problem


def picture(problem: Problem) -> str:
    """The problem in a few lines, for a report."""
    lines = [f"devices {problem.bins.devices.tolist()} resources {problem.bins.resources.tolist()}"]
    lines.append(f"partitions {[labels.tolist() for labels in problem.partitions]} tiers {problem.tiers}")
    for i, item in enumerate(problem.items):
        lines.append(f"item {i}: bundles {[(b.parent, b.need) for b in item.bundles]}")
        for p in item.parts:
            wants = f"{p.demand.devices} devices {p.demand.milli} milli {p.demand.resources}"
            lines.append(f"    bundle {p.bundle}: {p.min_count}..{p.count} x ({wants})")
    lines.extend(str(atom).replace("\n", "") for atom in problem.atoms)
    return "\n".join(lines)
