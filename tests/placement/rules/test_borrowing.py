"""Borrowing and lending: figures by hand, all small trees against the oracle, and what is lent comes back."""

import time
from itertools import product
from random import Random

import pytest

from placement.compile import lower, lower_placements
from placement.engine import decide
from placement.model import Case, Device, Placement, Replica, RuleSpec, Running, Status, Tenant, Verdict, Workload
from placement.rules.borrowing import Borrowing
from placement.verify import verify
from solver.check import check
from solver.workers import Inline
from tests.placement.rules.small import case_of, gang, node, place, small_fleet
from topology.fabric import Fabric
from topology.model import Health

RULE = RuleSpec(name="borrowing", mode="require")
RULES = (RULE, RuleSpec(name="refused", mode="prefer", tier=1))
SEATS = [(f"n{n}", (d,)) for n in range(8) for d in range(4)]


def jobs(counts: dict[str, int]) -> tuple[Workload, ...]:
    """One workload of single-GPU replicas for each tenant that wants some."""
    return tuple(gang(f"w-{t}", n, min_replicas=1, workload={"tenant": t}) for t, n in counts.items() if n)


def admitted(tenants: tuple[Tenant, ...], counts: dict[str, int], **fields: object) -> dict[str, int]:
    """GPUs that each tenant gets on eight nodes of four."""
    case = case_of(small_fleet(), *jobs(counts), rules=RULES, tenants=tenants, **fields)
    decision = decide(case, clock=time.monotonic, workers=Inline())
    assert decision.status is Status.OPTIMAL
    assert verify(case, decision) == ()
    return {one.workload[2:]: len(one.replicas) for one in decision.placements}


def test_what_is_not_lent_stays_free() -> None:
    """a keeps 5 of its 8 idle GPUs: b gets 27 of 32. Without the limit it gets all."""
    b = Tenant(name="b")
    lender = Tenant(name="a", guaranteed_gpu_milli=8000, lending_limit_gpu_milli=3000)
    assert admitted((lender, b), {"b": 32}) == {"b": 27}
    assert admitted((lender.model_copy(update={"lending_limit_gpu_milli": None}), b), {"b": 32}) == {"b": 32}
    both = admitted((lender, b), {"a": 6, "b": 32})
    assert sum(both.values()) == 32, "work of its own fills what it keeps"
    assert both["a"] >= 5
    assert admitted((lender,), {"stranger": 32}) == {"stranger": 27}, "who is not listed borrows too"


def test_a_borrowing_limit_goes_beyond_the_guarantee() -> None:
    tenant = Tenant(name="a", guaranteed_gpu_milli=4000, borrowing_limit_gpu_milli=3000)
    assert admitted((tenant,), {"a": 20}) == {"a": 7}


def test_a_cohort_that_borrows_nothing_shares_what_is_its_own() -> None:
    """Kueue's picture: two queues of 8 in a cohort; b lends 2 of its 8, so a gets 10; b still has its 8."""
    tenants = (
        Tenant(name="cohort", borrowing_limit_gpu_milli=0),
        Tenant(name="a", parent="cohort", guaranteed_gpu_milli=8000),
        Tenant(name="b", parent="cohort", guaranteed_gpu_milli=8000, lending_limit_gpu_milli=2000),
    )
    assert admitted(tenants, {"a": 20}) == {"a": 10}
    both = admitted(tenants, {"a": 20, "b": 7})
    assert sum(both.values()) == 16
    assert both["b"] >= 6


def test_models_are_told_apart() -> None:
    fleet = small_fleet(tuple(node(n, gpu_model="H100" if n < 4 else "A100") for n in range(8)))
    a = Tenant(name="a", guaranteed_by_model={"H100": 8000}, lending_limit_by_model={"H100": 0})
    b = Tenant(name="b", borrowing_limit_by_model={"A100": 5000})
    case = case_of(fleet, *jobs({"b": 32}), rules=RULES, tenants=(a, b))
    decision = decide(case, clock=time.monotonic, workers=Inline())
    assert verify(case, decision) == ()
    (placed,) = decision.placements
    models = [next(n.gpu_model for n in fleet.nodes if n.id == one.node) for one in placed.replicas]
    assert (models.count("H100"), models.count("A100")) == (8, 5)


def test_the_fleet_is_what_work_may_start_on() -> None:
    nodes = (node(0), node(1, unhealthy_gpus=(0,)), node(2, health=Health.CORDONED), node(3, health=Health.FAILED))
    tenants = (Tenant(name="a", guaranteed_gpu_milli=5000, lending_limit_gpu_milli=0),)
    case = case_of(small_fleet(nodes), *jobs({"b": 7}), rules=RULES, tenants=tenants)
    assert len(decide(case, clock=time.monotonic, workers=Inline()).placements[0].replicas) == 2


def test_use_above_the_limit_is_held() -> None:
    tenants = (Tenant(name="a", guaranteed_gpu_milli=2000, borrowing_limit_gpu_milli=1000),)
    seats = tuple(Replica(subgroup="s", role="r", node="n0", devices=(Device(index=d),)) for d in range(4))
    old = Running(workload=gang("old", 4, workload={"tenant": "a"}), replicas=seats)
    case = case_of(small_fleet(), *jobs({"a": 2, "b": 1}), rules=RULES, tenants=tenants, running=(old,))
    decision = decide(case, clock=time.monotonic, workers=Inline())
    assert [one.workload for one in decision.placements] == ["w-b"]
    assert [(one.subject, one.detail) for one in decision.holds] == [
        ("tenant a", "4000 GPU milli are claimed, 3000 may be")
    ]
    assert verify(case, decision) == ()


def tree(random: Random) -> tuple[Tenant, ...]:
    """Up to five tenants in a forest, with all limits."""
    names = "abcde"[: random.randint(2, 5)]

    def amount(*others: int | None) -> int | None:
        return random.choice([*others, 0, 1000, 2000, 3000])

    return tuple(
        Tenant(
            name=name,
            parent=random.choice([None, *names[:k]]),
            guaranteed_gpu_milli=amount(None),
            borrowing_limit_gpu_milli=amount(None, None, None),
            lending_limit_gpu_milli=amount(None, None),
        )
        for k, name in enumerate(names)
    )


def seated(counts: dict[str, int]) -> tuple[Placement, ...]:
    free = iter(SEATS)
    return tuple(place(f"w-{name}", *(next(free) for _ in range(n))) for name, n in counts.items() if n)


@pytest.mark.parametrize("seed", range(25))
def test_all_uses_of_small_trees_agree_with_the_words_of_kueue(seed: int) -> None:
    """Every combination of uses: the pool and the oracle say the same; and the optimum is that of brute force."""
    random = Random(seed)
    tenants = tree(random)
    names = [*(tenant.name for tenant in tenants), "stranger"]
    fleet = small_fleet((node(0), node(1)))
    wants = dict.fromkeys(names, 2)
    case = case_of(fleet, *jobs(wants), rules=RULES, tenants=tenants)
    fabric = Fabric.from_fleet(fleet)
    lowered = lower(case, fabric)
    best = 0
    for uses in product(range(3), repeat=len(names)):
        if sum(uses) > 8:
            continue
        counts = dict(zip(names, uses, strict=True))
        found = Borrowing().audit(case, fabric, seated(counts))
        broken = check(lowered.problem, lower_placements(lowered, seated(counts))).violations
        assert bool(found) == any(one.rule == "borrowing" for one in broken), (counts, found, broken)
        best = best if found else max(best, sum(uses))
    decision = decide(case, clock=time.monotonic, workers=Inline())
    assert decision.status is Status.OPTIMAL
    assert sum(len(one.replicas) for one in decision.placements) == best


def borrowed(policy: dict[str, object] | None = None) -> Case:
    """b runs on all 8 GPUs, 4 of them lent by a, whose work of the same worth waits."""
    fleet = small_fleet((node(0), node(1)))
    tenants = (Tenant(name="a", guaranteed_gpu_milli=4000), Tenant(name="b", guaranteed_gpu_milli=4000))
    running = tuple(
        Running(
            workload=gang(f"old{n}", 4, workload={"tenant": "b"}),
            replicas=tuple(Replica(subgroup="s", role="r", node=f"n{n}", devices=(Device(index=d),)) for d in range(4)),
            evictable=True,
        )
        for n in range(2)
    )
    given: dict[str, object] = {"fleet": fleet, "workloads": jobs({"a": 4}), "tenants": tenants, "running": running}
    return Case.model_validate(given | (policy or {}))


def test_what_is_lent_comes_back_by_the_default_policy() -> None:
    case = borrowed()
    decision = decide(case, clock=time.monotonic, workers=Inline())
    assert decision.status is Status.OPTIMAL
    assert verify(case, decision) == ()
    assert [one.workload for one in decision.placements] == ["w-a"]
    assert len(decision.evictions) == 1, "b keeps the four GPUs that it is guaranteed"
    reclaim = next(term for term in decision.terms if term.name == "reclaim")
    assert (reclaim.points, reclaim.natural, reclaim.unit) == (0, 0.0, "guaranteed GPUs missing")


def test_without_a_guarantee_equal_work_does_not_displace() -> None:
    tenants = tuple(one.model_copy(update={"guaranteed_gpu_milli": None}) for one in borrowed().tenants)
    decision = decide(borrowed({"tenants": tenants}), clock=time.monotonic, workers=Inline())
    assert (decision.placements, decision.evictions) == ((), ())


def test_what_a_guarantee_lacks_is_charged() -> None:
    """a asks for 6, is guaranteed 4 and has none: 4 GPUs missing at 20 points each, weight 2."""
    rule = RuleSpec(name="reclaim", mode="prefer", tier=1, weight=2, params={"points_per_gpu_milli": 20})
    tenants = (Tenant(name="a", guaranteed_gpu_milli=4000, guaranteed_by_model={"H100": 1000}),)
    case = case_of(small_fleet(), *jobs({"a": 6}), rules=(rule,), tenants=tenants)
    fabric = Fabric.from_fleet(case.fleet)
    lowered = lower(case, fabric)
    for held, points in ((0, 160_000), (3, 40_000), (5, 0)):
        placements = seated({"a": held}) if held else ()
        assert check(lowered.problem, lower_placements(lowered, placements)).values == (points,)
        (active,) = (one for one in lowered.rules if one.objective is not None)
        assert active.objective is not None
        assert active.objective.points(case, fabric, placements, active.spec) == points
        assert active.objective.natural(points // 2, rule) == points / 2 / 20_000


def test_what_one_tenant_may_not_borrow_is_no_verdict_on_another() -> None:
    """Both want two of four GPUs and get none: a may not borrow, b stands back behind more valuable work."""
    tenants = (Tenant(name="a", guaranteed_gpu_milli=0, borrowing_limit_gpu_milli=0), Tenant(name="b"))
    vip = gang("vip", 4, workload={"tenant": "b", "priority": 900})
    twins = (gang(f"w-{name}", 2, workload={"tenant": name}) for name in "ab")
    case = case_of(small_fleet((node(0),)), vip, *twins, rules=RULES, tenants=tenants)
    decision = decide(case, clock=time.monotonic, workers=Inline())
    found = {one.workload: (one.verdict, one.rule) for one in decision.unplaced}
    assert found == {"w-a": (Verdict.IMPOSSIBLE, "borrowing"), "w-b": (Verdict.OUTCOMPETED, None)}
    assert verify(case, decision) == ()
