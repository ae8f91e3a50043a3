"""What running work breaks is repaired first, with the fewest moves; or held, where the policy says so."""

import time
from typing import Any

import pytest

from placement.engine import decide
from placement.model import (
    Case,
    Decision,
    Device,
    Kind,
    Policy,
    Replica,
    RuleSpec,
    Running,
    Spread,
    Status,
    Subgroup,
    Tenant,
    Workload,
    default_policy,
)
from placement.verify import verify
from solver.workers import Inline
from tests.placement.rules.small import gang, node, small_fleet
from topology.model import Health, PowerCap

MOVE = {"move_micro_usd_h": 1}


def runs(name: str, *seats: tuple[int, int], may: str = "movable", tenant: str = "t", **fields: Any) -> Running:
    """One GPU a replica at (node, device); `may` is movable or evictable."""
    work = gang(name, len(seats), workload={"tenant": tenant} | fields)
    replicas = tuple(Replica(subgroup="s", role="r", node=f"n{n}", devices=(Device(index=d),)) for n, d in seats)
    return Running(workload=work, replicas=replicas, movable=may == "movable", evictable=may == "evictable")


def answer(case: Case) -> Decision:
    decision = decide(case, clock=time.monotonic, workers=Inline())
    assert decision.status is Status.OPTIMAL
    assert verify(case, decision) == ()
    return decision


def held(name: str, tier: int = 0, weight: int = 1) -> Policy:
    """The default policy with one rule held, at no price unless one is given."""
    one = RuleSpec(name=name, mode="hold", tier=tier, weight=weight)
    rules = tuple(one if spec.name == name else spec for spec in default_policy().rules)
    return Policy(rules=rules)


def fleet_with(health: Health) -> Any:
    return small_fleet((node(0, health=health), node(1), node(2)))


@pytest.mark.parametrize("health", [Health.FAILED, Health.CORDONED, Health.DEGRADED])
def test_work_leaves_ill_nodes_with_the_fewest_moves_before_anything_new(health: Health) -> None:
    """Seven GPUs are free and the vip wants all of them; one is needed for the replica on n0."""
    work = runs("m", (0, 0), (1, 0))
    vip = gang("vip", 7, workload={"tier": 0, "priority": 1000})
    decision = answer(Case(fleet=fleet_with(health), workloads=(vip,), running=(work,)))
    assert [(one.workload, one.moved) for one in decision.moves] == [("m", 1)]
    assert decision.placements == ()
    term = next(term for term in decision.terms if term.name == "health")
    assert (term.tier, term.points, term.unit) == (1, 0, "GPUs where they may not be")


def test_a_held_rule_without_a_tier_pulls_nothing() -> None:
    work = runs("m", (0, 0), (1, 0))
    vip = gang("vip", 7, workload={"tier": 0, "priority": 1000})
    decision = answer(Case(fleet=fleet_with(Health.FAILED), workloads=(vip,), running=(work,), policy=held("health")))
    assert ([p.workload for p in decision.placements], decision.moves) == (["vip"], ())
    assert all(term.name != "health" for term in decision.terms)


def full(may: str, health: Health) -> Case:
    """n0 is ill, and there is no room elsewhere."""
    nodes = (node(0, health=health), node(1))
    rest = runs("rest", *((1, d) for d in range(4)), may="none")
    return Case(fleet=small_fleet(nodes), running=(runs("m", (0, 0), may=may), rest))


def test_what_finds_no_place_is_evicted_only_where_nothing_may_run() -> None:
    assert [one.workload for one in answer(full("evictable", Health.FAILED)).evictions] == ["m"]
    assert answer(full("evictable", Health.DEGRADED)).evictions == ()
    decision = answer(full("movable", Health.FAILED))
    assert (decision.moves, decision.evictions) == ((), ())
    assert [(one.rule, one.subject) for one in decision.holds] == [("health", "m")]
    term = next(term for term in decision.terms if term.name == "health")
    assert (term.points, term.natural) == (10**9, 1.0)


def test_work_above_a_quota_is_no_longer_immune() -> None:
    """Four GPUs run, the quota is two: the least valuable two go if the quota is held at a price, or if others ask."""
    jobs = tuple(runs(f"j{d}", (0, d), may="evictable", priority=10 * d) for d in range(4))
    tenants = (Tenant(name="t", quota_gpu_milli=2000),)
    case = Case(fleet=small_fleet((node(0),)), running=jobs, tenants=tenants)
    assert answer(case).evictions == (), "nobody else asks"
    at_once = case.model_copy(update={"policy": held("quota", tier=1, weight=1_000_000)})
    assert [one.workload for one in answer(at_once).evictions] == ["j0", "j1"]
    other = gang("other", 2, workload={"tenant": "u", "tier": 0})
    decision = answer(case.model_copy(update={"workloads": (other,)}))
    assert [one.workload for one in decision.evictions] == ["j0", "j1"], "for work of others it gives way"
    more = gang("more", 2, workload={"tenant": "t", "tier": 0})
    exchanged = answer(case.model_copy(update={"workloads": (more,)}))
    assert [p.workload for p in exchanged.placements] == ["more"], "it may exchange, and gets no further above"
    assert len(exchanged.evictions) == 2


def test_what_may_not_be_evicted_stays_above_its_quota() -> None:
    tenants = (Tenant(name="t", quota_gpu_milli=1000),)
    work: tuple[Workload, ...] = (gang("new", 1, workload={"tenant": "t", "tier": 0}),)
    case = Case(fleet=small_fleet(), workloads=work, running=(runs("m", (0, 0), (0, 1)),), tenants=tenants)
    decision = answer(case)
    assert (decision.placements, decision.moves, decision.evictions) == ((), (), ())


@pytest.mark.parametrize("quota", [3000, 5000])
def test_what_guarantees_keep_out_is_told_so(quota: int) -> None:
    """Room of the quota comes only from guaranteed work, whether the tenant is above its quota or just at it."""
    tenants = (Tenant(name="t", quota_gpu_milli=quota, guaranteed_gpu_milli=7000),)
    work = (runs("firm", (0, 0), (0, 1), may="none"), runs("loose", (1, 0), (1, 1), (1, 2), may="evictable"))
    new: tuple[Workload, ...] = (gang("new", 2, workload={"tenant": "t"}),)
    [one] = answer(Case(fleet=small_fleet(), workloads=new, running=work, tenants=tenants)).unplaced
    assert (one.verdict, one.rule) == ("NO_ROOM", "preemption")
    assert "guarantees" in one.reason


def test_a_domain_above_its_cap_is_relieved() -> None:
    """Rack b0/r0 draws 1,000 W idle and 2,800 W by four GPUs; 2,500 W are allowed: two replicas move."""
    caps = (PowerCap(partition="rack", domain="b0/r0", cap_w=2500),)
    nodes = tuple(node(n) for n in range(4))
    work = tuple(runs(f"m{d}", (0, d), kind=Kind.INFERENCE) for d in range(4))
    case = Case(fleet=small_fleet(nodes, power_caps=caps), running=work)
    decision = answer(case)
    assert sum(one.moved for one in decision.moves) == 2
    assert {replica.node for one in decision.moves for replica in one.replicas} <= {"n2", "n3"}
    assert answer(case.model_copy(update={"policy": held("power_cap")})).moves == ()


def test_work_on_a_model_that_it_does_not_name_draws_power() -> None:
    """It may move and finds no other place; 1,000 W idle and 700 W of it leave 699 W of the cap."""
    caps = (PowerCap(partition="rack", domain="b0/r0", cap_w=2399),)
    strange = runs("m", (0, 0))
    role = strange.workload.subgroups[0].roles[0].model_copy(update={"gpu_models": ("A100",)})
    work = strange.workload.model_copy(update={"subgroups": (Subgroup(name="s", roles=(role,)),)})
    there = strange.model_copy(update={"workload": work})
    rest = runs("rest", *((4, d) for d in range(4)), may="none")
    fleet = small_fleet((node(0), node(1), node(4, gpu_model="A100")), power_caps=caps)
    assert answer(Case(fleet=fleet, workloads=(gang("new"),), running=(there, rest))).placements == ()


def test_a_tier_of_its_own_puts_repairs_strictly_first() -> None:
    rules = (
        RuleSpec(name="health", mode="hold", tier=1),
        RuleSpec(name="refused", mode="prefer", tier=2),
        RuleSpec(name="stability", mode="prefer", tier=3, params=MOVE),
    )
    vip = gang("vip", 7, workload={"tier": 0, "priority": 1000})
    case = Case(
        fleet=fleet_with(Health.FAILED),
        workloads=(vip,),
        running=(runs("m", (0, 0), (1, 0)),),
        policy=Policy(rules=rules),
    )
    decision = answer(case)
    assert [tier.tier for tier in decision.tiers] == [1, 2, 3]
    assert [(one.workload, one.moved) for one in decision.moves] == [("m", 1)]
    assert decision.unplaced[0].verdict == "OUTCOMPETED", "what is admitted is proven in the second tier"


REQUIRE = Policy(
    rules=tuple(
        spec.model_copy(update={"mode": "require", "tier": 0, "weight": 1}) if spec.mode == "hold" else spec
        for spec in default_policy().rules
    )
)
"""The default policy, with nothing repaired: what is broken is held row by row."""


def broken(row: str) -> Case:
    """A row that running work breaks, new work that could make it worse, and other rows that have room."""
    over = runs("over", (0, 0), (0, 1), (1, 0), may="evictable")
    two = small_fleet((node(0), node(1), node(2), node(4)))
    new = [gang(f"new{k}", workload={"tenant": "t", "priority": 300}) for k in range(6)]
    given: dict[str, Any] = {"running": (over,), "workloads": tuple(new), "policy": REQUIRE, "fleet": two}
    match row:
        case "quota":
            given["tenants"] = (Tenant(name="t", quota_gpu_milli=2000),)
        case "borrowing":
            given["tenants"] = (Tenant(name="t", guaranteed_gpu_milli=1000, borrowing_limit_gpu_milli=0),)
        case "power_cap":
            cap = PowerCap(partition="rack", domain="b0/r0", cap_w=2500)
            given["fleet"] = small_fleet((node(0), node(1), node(2), node(4)), power_caps=(cap,))
        case "capacity":
            twice = runs("twice", (0, 0), may="")
            given["running"] = (over.model_copy(update={"evictable": False}), twice)
        case _:
            role = over.workload.subgroups[0].roles[0].model_copy(update={"spread": Spread(level="node")})
            subgroup = over.workload.subgroups[0].model_copy(update={"roles": (role,)})
            work = over.workload.model_copy(update={"subgroups": (subgroup,)})
            given["running"] = (over.model_copy(update={"workload": work}),)
    return Case(**given)


def load(row: str, case: Case, decision: Decision) -> int:
    """What there is in the broken row: GPUs of the tenant, watts of the rack, replicas of the gang or GPU 0 on n0."""
    work = {one.workload.id: one.replicas for one in case.running}
    work |= {one.workload: () for one in decision.evictions}
    placed: dict[str, Any] = {one.workload: one.replicas for one in decision.placements}
    placed |= {one.workload: one.replicas for one in decision.moves}
    placed |= {one.workload: one.replicas for one in decision.shrinks}
    where = [(name, replica) for name, replicas in (work | placed).items() for replica in replicas]
    match row:
        case "quota" | "borrowing":
            return len(where)
        case "power_cap":
            return 1000 + sum(700 for _, replica in where if replica.node in ("n0", "n1"))
        case "capacity":
            return sum(replica.node == "n0" and replica.devices[0].index == 0 for _, replica in where)
        case _:
            return sum(name == "over" and replica.node == "n0" for name, replica in where)


@pytest.mark.parametrize(
    ("row", "before", "placed"),
    [("quota", 3, 3), ("borrowing", 3, 3), ("power_cap", 3100, 6), ("capacity", 2, 6), ("spread", 2, 6)],
)
def test_a_broken_row_is_never_worse_and_the_others_are_as_free_as_before(row: str, before: int, placed: int) -> None:
    case = broken(row)
    decision = answer(case)
    nothing = decision.model_copy(update={"placements": (), "moves": (), "shrinks": (), "evictions": ()})
    assert load(row, case, nothing) == before
    assert load(row, case, decision) <= before
    assert any(one.rule == row for one in decision.holds) or row == "spread"
    assert len(decision.placements) == placed
