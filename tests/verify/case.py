"""One random problem, small enough for brute force, with its optimum."""

from dataclasses import dataclass
from random import Random

from solver.problem import Problem
from tests.verify.brute import Best, Space, TooLargeError
from tests.verify.problems import draw


@dataclass(frozen=True)
class Case:
    """A problem small enough for brute force, with its optimum."""

    problem: Problem
    space: Space
    best: Best
    rng: Random


def make(seed: int, number: int, limit: int = 800, enough: int = 25) -> Case:
    """Case `number` of a seed: the first draw with at most `limit` plans (and seldom fewer than `enough`)."""
    rng = Random(f"{seed}:{number}")
    while True:
        problem = draw(rng)
        try:
            space = Space(problem, limit)
            best = space.best()
        except TooLargeError:
            continue
        if best.plans >= enough or rng.random() < 0.1:
            return Case(problem, space, best, rng)


def of(problem: Problem, seed: str = "") -> Case:
    """A case of a given problem, for shrinking."""
    space = Space(problem)
    return Case(problem, space, space.best(), Random(seed))
