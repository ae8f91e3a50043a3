"""Blocks: knapsacks in integers, bounds, patterns and branching against brute force; the certificate of a search."""

from dataclasses import replace
from functools import partial
from itertools import product
from random import Random

import numpy as np
import pytest

from solver.atoms import Caps, RefuseCharge, UnitCharge
from solver.blocks import Blocks, Priced
from solver.branching import Branching, narrowed, passed_on
from solver.cells import fine_cells
from solver.certificate import evaluate, with_limits
from solver.check import check
from solver.cpsat import Effort, find
from solver.encode import encode
from solver.exact import Exact
from solver.greedy import greedy
from solver.items import Bins, Bundle, Demand, IntArray, Item, Part
from solver.knapsack import Knapsack
from solver.messages import BoundFound, Message, PlanFound
from solver.model import Arrays, LinearModel
from solver.patterns import with_patterns
from solver.plan import Plan
from solver.problem import Problem
from solver.progress import Progress
from solver.search import Limits, search


def assignment(seed: int, agents: int, jobs: int) -> Problem:
    """Jobs with a weight and a cost on every agent; loads are tight, and dear agents are those with room."""
    random = Random(seed)
    weight = np.array([[random.randint(5, 25) for _ in range(jobs)] for _ in range(agents)], np.int64)
    cost = 60 - weight + np.array([[random.randint(0, 15) for _ in range(jobs)] for _ in range(agents)], np.int64)
    capacity = (weight.sum(axis=1) * 9) // (8 * agents) + 10
    bins = Bins(np.zeros((agents, 1), np.int64), np.zeros((agents, 0), np.int64))
    items = tuple(Item(f"job-{j:03d}", (Bundle("main"),), (Part("main", Demand(), 1, 1),)) for j in range(jobs))
    use = {(j, 0): weight[:, j].copy() for j in range(jobs)}
    names, alone = tuple(f"agent {a}" for a in range(agents)), np.arange(agents, dtype=np.int64)
    atoms = (
        Caps("capacity", names, alone, use, np.zeros(agents, np.int64), capacity),
        RefuseCharge("refused", 0, {(j, 0): 1 for j in range(jobs)}),
        *(UnitCharge("cost", 1, j, 0, cost[:, j].copy()) for j in range(jobs)),
    )
    return Problem(bins, (), items, atoms, 2)


def search_told(problem: Problem) -> list[Message]:
    """What a search of 20 units of work says."""
    told: list[Message] = []
    search(problem, greedy(problem)[0], Limits(work=20.0), told.append)
    return told


def small_model(random: Random) -> Arrays:
    """Two knapsacks of three whole numbers each, and two rows across them."""
    model = LinearModel(1)
    for _ in range(6):
        model.cost(0, model.var(0, random.randint(1, 3), 0), random.randint(-9, 9))
    for block in range(2):
        columns = [3 * block + j for j in range(3)]
        model.row(columns, [random.choice((-3, -1, 1, 2, 4)) for _ in columns], hi=random.randint(1, 8))
    model.row(list(range(6)), [1] * 6, lo=random.randint(0, 2))
    model.row([0, 2, 4], [random.choice((-2, -1, 1, 3)) for _ in range(3)], hi=random.randint(1, 5))
    return model.arrays()


def solutions(arrays: Arrays) -> list[tuple[int, IntArray]]:
    """All solutions with their values."""
    ranges = (range(low, high + 1) for low, high in zip(arrays.lower.tolist(), arrays.upper.tolist(), strict=True))
    every = (np.array(x, np.int64) for x in product(*ranges))
    return [(arrays.value(0, x), x) for x in every if arrays.broken_row(x) is None]


def priced_small(random: Random, arrays: Arrays) -> Priced:
    """The two knapsacks kept, random multipliers of the right signs for the others."""
    y = np.array([0, 0, random.randint(0, 20), -random.randint(0, 20)], np.int64)
    priced = Blocks(arrays, (0, 1)).priced(0, 4, y)
    assert priced is not None
    return priced


@pytest.mark.parametrize("seed", range(40))
def test_knapsacks_have_the_optimum_of_brute_force_free_and_forced(seed: int) -> None:
    random = Random(seed)
    n = random.randint(1, 4)
    use, most, price = (
        np.array([random.randint(*ends) for _ in range(n)], np.int64) for ends in ((1, 6), (1, 5), (-6, 4))
    )
    room = random.randint(0, 15)
    every = [np.array(x) for x in product(*(range(m + 1) for m in most.tolist()))]
    every = [x for x in every if int((use * x).sum()) <= room]
    knapsack = Knapsack(use, most, room, price)
    assert knapsack.value == min(int((price * x).sum()) for x in every)
    x = knapsack.solution()
    assert int((price * x).sum()) == knapsack.value
    assert int((use * x).sum()) <= room
    assert bool((x <= most).all())
    for j, values in enumerate(knapsack.forced()):
        best = [[int((price * x).sum()) for x in every if x[j] == v] for v in range(int(most[j]) + 1)]
        assert values.tolist() == [min(each) for each in best if each]


@pytest.mark.parametrize("seed", range(30))
def test_larger_knapsacks_have_the_optimum_of_the_whole_table(seed: int) -> None:
    """The best solution is looked for among few columns: ties, wide numbers and prices of any size included."""
    numbers = np.random.default_rng(seed)
    n, room = int(numbers.integers(30, 120)), int(numbers.integers(0, 400))
    use, most = numbers.integers(1, 30, n), numbers.integers(1, 4, n)
    price = numbers.integers(-100, 20, n) * (1, 10**9, 2**50)[seed % 3] if seed % 5 else -7 * use
    knapsack = Knapsack(use, most, room, price)
    assert knapsack.value == int(knapsack.tables()[-1][-1])
    x = knapsack.solution()
    assert int((price * x).sum()) == knapsack.value
    assert int((use * x).sum()) <= room
    assert bool((x <= most).all())
    assert bool((x >= 0).all())


@pytest.mark.parametrize("seed", range(40))
def test_ranges_and_patterns_hold_all_solutions_up_to_a_value(seed: int) -> None:
    random = Random(seed)
    arrays = small_model(random)
    every = solutions(arrays)
    if not every:
        return
    priced = priced_small(random, arrays)
    least = min(value for value, _ in every)
    assert priced.bound <= least
    value = least + random.randint(0, 3)
    low, high = priced.ranges(value * priced.scale - priced.total)
    model = with_patterns(priced, value, 10_000)
    assert model is not None
    close = [x for found, x in every if found <= value]
    assert all(bool((x >= low).all()) and bool((x <= high).all()) for x in close)
    for x in random.sample(close, min(3, len(close))):
        fixed = replace(
            model, lower=np.append(x, np.zeros(model.variables - 6, np.int64)), upper=np.append(x, model.upper[6:])
        )
        assert find(fixed, Effort(None, 1.0))[0] is not None


@pytest.mark.parametrize("seed", range(40))
def test_branching_finds_the_optimum_or_refutes_a_value(seed: int) -> None:
    random = Random(seed)
    arrays = small_model(random)
    every = solutions(arrays)
    priced = priced_small(random, arrays)
    least = min((value for value, _ in every), default=10**6)
    for value in (least - 1, least, least + 2) if every else (50,):
        told: list[int] = []

        def tell(told: list[int], x: IntArray) -> None:
            told.append(arrays.value(0, x))

        branching = Branching(
            priced,
            0,
            lambda _: None,
            partial(tell, told),
            lambda _, work: Effort(None, work),
            lambda: False,
        )
        assert branching.least_above(value) == min(least, value + 1)
        assert (min(told, default=None) == least) == (value >= least)


@pytest.mark.parametrize("seed", range(20))
def test_a_narrowed_model_has_the_solutions_of_the_ranges(seed: int) -> None:
    random = Random(seed)
    arrays = small_model(random)
    lower, upper = arrays.lower.copy(), arrays.upper.copy()
    lower[1] = upper[1] = random.randint(0, int(arrays.upper[1]))
    upper[4] = random.randint(0, int(arrays.upper[4]))
    inside = [one for one in solutions(arrays) if bool((one[1] >= lower).all()) and bool((one[1] <= upper).all())]
    ends = passed_on(arrays, lower, upper)
    if ends is None:
        assert not inside
        return
    small, free = narrowed(arrays, *ends)
    whole = sorted((value, tuple(x[free].tolist())) for value, x in inside)
    assert sorted((value, tuple(x.tolist())) for value, x in solutions(small)) == whole


def test_rows_that_are_no_blocks_are_refused() -> None:
    model = LinearModel(1)
    columns = [model.var(0, 3, 0) for _ in range(3)]
    model.row(columns[:2], [1, 2], lo=1, hi=3)
    model.row(columns[1:], [2, 3], hi=4)
    model.row(columns, [1, 1, 1], hi=5)
    arrays = model.arrays()
    with pytest.raises(ValueError, match="both sides"):
        Blocks(arrays, (0,))
    with pytest.raises(ValueError, match="share a column"):
        Blocks(arrays, (1, 2))
    assert evaluate(arrays, 0, 1, np.zeros(3, np.int64), (1, 2)) is None


def test_blocks_bound_an_assignment_better_than_the_lp() -> None:
    problem = assignment(3, 4, 24)
    start = [message for message in search_told(problem) if isinstance(message, PlanFound)][-1].plan
    told: list[Message] = []
    progress = Progress(problem, start, Limits(work=20.0), told.append)
    exact = Exact(progress, lambda _tier, _seconds, _work: None, fine_cells(problem))
    exact.bound(1)
    exact.enclose(1, 60.0, 20.0)
    values = progress.values
    proofs = [message for message in told if isinstance(message, BoundFound) and message.tier == 1]
    assert values[0] == 0
    assert max(message.value for message in proofs) <= values[1]
    arrays = encode(problem, fine_cells(problem), Plan()).arrays
    lp = max(m.value for m in proofs if m.certificate is not None and not m.certificate.kept)
    kept = [message for message in proofs if message.certificate is not None and message.certificate.kept]
    assert kept
    assert max(message.value for message in kept) > lp
    for message in kept:
        proof = message.certificate
        assert proof is not None
        assert len(proof.kept_names) == len(proof.kept) == 4
        limited = with_limits(arrays, proof.limits)
        y = np.zeros(limited.rows, np.int64)
        y[list(proof.rows)] = proof.multipliers
        assert evaluate(limited, 1, proof.scale, y, proof.kept) == message.value
        without = evaluate(limited, 1, proof.scale, y)
        assert without is not None
        assert without < message.value


def test_the_plan_of_the_search_is_valid() -> None:
    problem = assignment(4, 5, 20)
    plans = [message for message in search_told(problem) if isinstance(message, PlanFound)]
    report = check(problem, plans[-1].plan)
    assert not report.violations
    assert report.values == plans[-1].values
