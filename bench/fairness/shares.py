"""How evenly GPUs are shared: max-min fair shares by water filling, and Jain's index."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

__all__ = ["jain", "max_min"]


def max_min(demand: Mapping[str, int], capacity: int) -> dict[str, float]:
    """The max-min fair division of `capacity` among equal tenants: none gets more than it asks for.

    With one resource that is what dominant resource fairness (Ghodsi et al., NSDI 2011) comes to.
    """
    due: dict[str, float] = {}
    left, waiting = float(capacity), sorted(demand, key=lambda name: (demand[name], name))
    while waiting:
        level = left / len(waiting)
        name = waiting.pop(0)
        due[name] = min(float(demand[name]), level)
        left -= due[name]
    return due


def jain(shares: Iterable[float]) -> float:
    """(sum x)^2 / (n sum x^2): 1 if all are equal, 1 / n if one has all (Jain, Chiu, Hawe 1984); 1 of none."""
    found = list(shares)
    squares = sum(x * x for x in found)
    return 1.0 if not squares else sum(found) ** 2 / (len(found) * squares)
