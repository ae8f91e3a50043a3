"""One random problem, small enough for brute force, with its optimum."""

from dataclasses import dataclass
from random import Random

from solver.plan import Plan, Seat
from solver.problem import Problem
from tests.verify.brute import Best, Space, TooLargeError
from tests.verify.meaning import judge
from tests.verify.problems import draw
from tests.verify.variants import running

Parts = tuple[tuple[Seat, ...], ...]


@dataclass(frozen=True)
class Case:
    """A problem small enough for brute force, with its optimum."""

    problem: Problem
    space: Space
    best: Best
    rng: Random

    @property
    def exact(self) -> bool:
        """Whether the fine model says what every plan costs; else it is a relaxation, and optima need not be proven."""
        return all(atom.exact for atom in self.problem.atoms)


def make(seed: int, number: int, limit: int = 800, enough: int = 25) -> Case:
    """Case `number` of a seed: the first draw with at most `limit` plans (and seldom fewer than `enough`)."""
    rng = Random(f"{seed}:{number}")
    while True:
        problem = draw(rng)
        try:
            space = Space(problem, limit)
            plans = len(space.combinations())
            if rng.random() < 0.3:
                problem = _with_running(problem, space, rng)
                space = Space(problem, limit)
                plans = len(space.combinations())
        except TooLargeError:
            continue
        if plans >= enough or rng.random() < 0.1:
            return Case(problem, space, space.best(), rng)


def _with_running(problem: Problem, space: Space, rng: Random) -> Problem:
    """The problem with some items running at the seats of a random plan, the rest waiting; as it is if none can."""
    whole = space.plan(rng.choice(space.combinations()), rng)
    some = Plan({i: _shrunk(problem, i, seats, rng) for i, seats in whole.seats.items() if rng.random() < 0.7})
    return running(problem, some, rng) if some.seats and judge(problem, some)[0] else problem


def _shrunk(problem: Problem, item: int, seats: Parts, rng: Random) -> Parts:
    """The seats, or fewer of the parts that may have fewer: what runs so can grow."""
    found = []
    for part, held in zip(problem.items[item].parts, seats, strict=True):
        spare = max(0, len(held) - max(1, part.min_count)) if rng.random() < 0.5 else 0
        found.append(held[: len(held) - rng.randint(0, spare)])
    return tuple(found)


def of(problem: Problem, seed: str = "") -> Case:
    """A case of a given problem, for shrinking."""
    space = Space(problem)
    return Case(problem, space, space.best(), Random(seed))
