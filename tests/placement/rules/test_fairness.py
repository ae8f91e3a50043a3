"""Fair shares against brute force: levels in successive tiers give the lexicographic max-min of the shares."""

import time
from collections.abc import Iterator
from fractions import Fraction
from itertools import product
from random import Random

import pytest

from placement.engine import decide
from placement.model import Budget, RuleSpec, Status, Tenant, Workload
from placement.verify import verify
from solver.workers import Inline
from tests.placement.rules.small import case_of, gang, node, small_fleet

NODES, NODE_GPUS = 3, 4
LEVELS = (25, 50, 75, 100)


def _packs(pieces: list[int], free: tuple[int, ...] = (NODE_GPUS,) * NODES) -> bool:
    """Whether pieces, each of one node, fit on the nodes."""
    if not pieces:
        return True
    first, rest = pieces[0], pieces[1:]
    return any(
        _packs(rest, tuple(sorted((*free[:at], room - first, *free[at + 1 :]))))
        for at, room in enumerate(free)
        if room >= first
    )


def _shares(jobs: list[tuple[str, int, int]], fair: dict[str, int]) -> Iterator[tuple[Fraction, ...]]:
    """Share / fair share of the tenants in order of `fair`, at most 1, of every set of jobs that can be placed."""
    for chosen in product((False, True), repeat=len(jobs)):
        placed = [job for job, taken in zip(jobs, chosen, strict=True) if taken]
        if _packs(sorted((each for _, count, each in placed for _ in range(count)), reverse=True)):
            has = dict.fromkeys(fair, 0)
            for tenant, count, each in placed:
                has[tenant] += count * each
            yield tuple(Fraction(min(has[name], due), due) for name, due in fair.items())


def _kept(now: tuple[Fraction, ...], then: tuple[Fraction, ...]) -> bool:
    """Whoever gains, some tenant is left with less than it has now and no more than the gainer has now."""
    losers = [b for b, (had, has) in enumerate(zip(now, then, strict=True)) if has < had]
    gainers = [a for a, (had, has) in enumerate(zip(now, then, strict=True)) if has > had]
    return all(any(then[b] <= now[a] for b in losers) for a in gainers)


def _drawn(random: Random) -> tuple[list[tuple[str, int, int]], tuple[Tenant, ...], dict[str, int]]:
    """Jobs (tenant, replicas, GPUs of each) of which every tenant has more than its fair share, 12 GPUs in all.

    Fair shares are 4, 4 and 4, or by weight 8 and 4, the first with jobs of even size only (so that all lies on the
    grid of the levels).
    """
    tenants: tuple[Tenant, ...] = ()
    if random.random() < 0.5:
        fair, sizes = {"a": 4, "b": 4, "c": 4}, {"a": 1, "b": 1, "c": 1}
    else:
        fair, sizes, tenants = {"a": 8, "b": 4}, {"a": 2, "b": 1}, (Tenant(name="a", weight=2), Tenant(name="b"))
    jobs = []
    for tenant, due in fair.items():
        asked = 0
        while asked < due:
            each = sizes[tenant] * random.randint(1, 4 // sizes[tenant])
            count = random.choice((1, 1, 2))
            jobs.append((tenant, count, each))
            asked += count * each
    return jobs, tenants, fair


@pytest.mark.parametrize("seed", range(30))
def test_levels_in_tiers_are_the_lexicographic_max_min_of_brute_force(seed: int) -> None:
    jobs, tenants, fair = _drawn(Random(f"leximin/{seed}"))
    work: list[Workload] = []
    for number, (tenant, count, each) in enumerate(jobs):
        work.append(gang(f"w{number}", count, gpus=each, workload={"tenant": tenant}))
    rules = tuple(
        RuleSpec(name="fairness", mode="prefer", tier=tier, params={"level_percent": level})
        for tier, level in enumerate(LEVELS, 1)
    )
    fleet = small_fleet(tuple(node(row) for row in range(NODES)))
    case = case_of(fleet, *work, rules=rules, tenants=tenants, budget=Budget(work=20_000))
    decision = decide(case, clock=time.monotonic, workers=Inline())
    assert decision.status is Status.OPTIMAL
    assert verify(case, decision) == ()
    has = dict.fromkeys(fair, 0)
    for placement in decision.placements:
        tenant, count, each = jobs[int(placement.workload[1:])]
        has[tenant] += count * each
    found = tuple(Fraction(min(has[name], due), due) for name, due in fair.items())
    every = list(_shares(jobs, fair))
    assert tuple(sorted(found)) == max(tuple(sorted(shares)) for shares in every)
    assert all(_kept(found, shares) for shares in every)


def test_the_certificate_fails_on_plans_that_are_not_fair_and_says_no_more_than_is_true() -> None:
    """Of (1, 3) and (2, 0) thirds the first is fair; in the second the poorer gains, and no poorer one loses."""
    one, two, three = (Fraction(n, 3) for n in (1, 2, 3))
    fair, other = (one, three), (two, Fraction(0))
    assert _kept(fair, other), "the other is left with nothing"
    assert not _kept(other, fair), "the gainer takes from one who keeps more than it had"
    poorer = [b for b, had in enumerate(fair) if had < fair[0] and other[b] < had]
    assert not poorer, "so 'none gains unless a poorer one loses' is false of a fair plan"
    random = Random(0)
    unfair = 0
    for _ in range(10):
        jobs, _, due = _drawn(random)
        every = set(_shares(jobs, due))
        best = max(tuple(sorted(shares)) for shares in every)
        for shares in every:
            fails = any(not _kept(shares, then) for then in every)
            unfair += fails
            if tuple(sorted(shares)) == best:
                assert not fails
    assert unfair
