"""Defragmentation from end to end: what is freed, at which price, and that every prefix of the steps is safe."""

import time
from random import Random

import pytest

from placement.cases.synth import synth_case
from placement.defrag import Defragmentation, Goal, asking, plan, read_goal
from placement.engine import decide
from placement.errors import InputError
from placement.model import (
    Budget,
    Case,
    Decision,
    Device,
    Kind,
    Placement,
    Proximity,
    Replica,
    Role,
    RuleSpec,
    Running,
    Subgroup,
    Tenant,
    Workload,
)
from placement.verify import verify
from solver.workers import Inline
from tests.placement.defrag.simulator import simulate
from tests.placement.rules.small import case_of, gang, node, place, small_fleet

BASE = tuple(RuleSpec(name=name, mode="require") for name in ("health", "topology", "quota", "power_cap"))
REFUSED = RuleSpec(name="refused", mode="prefer", tier=1)
STABILITY = RuleSpec(name="stability", mode="prefer", tier=2)


def decided(case: Case, start: tuple[Placement, ...]) -> Decision:
    """Decide in this process, and have the decision checked."""
    made = decide(case, clock=time.monotonic, workers=Inline(), start=start)
    assert verify(case, made) == ()
    return made


def running(name: str, *seats: tuple[str, tuple[int, ...]], movable: bool = True, **more: object) -> Running:
    """Work of `gang` shape that runs on these seats."""
    given = {"kind": Kind.TRAINING} | {k: more.pop(k) for k in ("kind", "tenant") if k in more}
    work = gang(name, replicas=len(seats), gpus=len(seats[0][1]), workload=given)
    replicas = tuple(Replica(**dict(replica)) for replica in place(name, *seats).replicas)
    return Running(workload=work, replicas=replicas, movable=movable, **more)  # type: ignore[arg-type]


def lab(*work: Running, rules: tuple[RuleSpec, ...] = (*BASE, REFUSED, STABILITY), **fields: object) -> Case:
    """Eight nodes of 4 GPUs, two a rack, two racks a block, with a deterministic budget."""
    return case_of(small_fleet(), rules=rules, running=work, budget=Budget(work=400), now_s=3600, **fields)


def freed(case: Case, *texts: str, **options: object) -> Defragmentation:
    told = plan(case, read_goal(case, texts), decided, **options)  # type: ignore[arg-type]
    simulate(case, told)
    return told


def test_a_rack_is_freed_with_the_cheapest_moves() -> None:
    """Rack b0/r0 holds two singles; only node n4 and others have room, and moving them is the least."""
    case = lab(running("a", ("n0", (0,))), running("b", ("n1", (0, 1))), running("c", ("n2", (0,))))
    told = freed(case, "rack:b0/r0")
    assert {step.workload for step in told.steps} == {"a", "b"}
    assert told.free_after == ("b0/r0",)
    assert told.steps[-1].frees == ("b0/r0",)
    assert told.proven_most
    assert told.status == "OPTIMAL"
    assert not told.blocked


def test_any_rack_means_the_cheapest_one() -> None:
    seats = {f"w{k}": (f"n{k}", (0, 1)) for k in range(8)}
    work = [
        running(name, seat, restart_cost_micro_usd=10**6 * (1 + abs(5 - k)))
        for k, (name, seat) in enumerate(seats.items())
    ]
    told = freed(lab(*work), "rack=1")
    assert told.free_after == ("b1/r0",), "n4 and n5 cost least to move"
    assert [step.workload for step in told.steps] == ["w4", "w5"]


def test_a_number_behind_a_colon_is_a_count_unless_a_domain_has_that_name() -> None:
    assert read_goal(lab(), ["rack:2"]) == read_goal(lab(), ["rack=2"]) == Goal("rack", (), 2)
    rows = tuple(node(k, path={"block": "b0", "rack": str(k)}) for k in range(3))
    named = case_of(small_fleet(rows), rules=(*BASE, REFUSED, STABILITY), budget=Budget(work=400))
    assert read_goal(named, ["rack:2"]) == Goal("rack", ("b0/2",), 1)


def test_room_is_made_first_where_a_move_waits_for_it() -> None:
    """The pair of n0 needs both halves of a node; every free pair outside is broken up by a single."""
    fleet = small_fleet(tuple(node(k, gpu_count=2) for k in (0, 2, 4)))
    case = case_of(
        fleet,
        rules=(*BASE, REFUSED, STABILITY),
        running=(running("pair", ("n0", (0, 1))), running("s", ("n2", (0,))), running("t", ("n4", (0,)))),
        budget=Budget(work=400),
    )
    told = freed(case, "n0")
    assert [step.workload for step in told.steps][-1] == "pair"
    assert len(told.steps) == 2
    assert told.steps[-1].frees == ("n0",)


def test_a_limit_of_moves_is_kept_and_what_it_would_take_is_told() -> None:
    case = lab(running("a", ("n0", (0,))), running("b", ("n1", (0, 1))), running("c", ("n2", (0,))))
    told = freed(case, "b0/r0", max_moves=1)
    assert not told.steps
    assert not told.reached
    assert told.proven_most
    assert told.blocked[0].reason.startswith("proven")
    assert told.blocked[0].workloads == ("a", "b")
    assert told.notes == ("without limits on moves, 2 moves would leave 1 of 1 domains free",)


def test_budgets_of_tenants_are_kept() -> None:
    work = [running(f"w{k}", (f"n{k}", (0,)), tenant="ab"[k // 2 % 2]) for k in range(8)]
    told = freed(lab(*work, tenants=(Tenant(name="a", weight=2),)), "rack=2", budgets={"a": 1})
    assert told.steps
    assert {step.tenant for step in told.steps} == {"b"}
    assert len(told.free_after) == 2
    with pytest.raises(InputError, match="no tenant 'nobody'"):
        freed(lab(*work), "rack=1", budgets={"nobody": 1})


def test_work_that_may_not_move_is_named() -> None:
    case = lab(running("a", ("n0", (0,))), running("held", ("n1", (0,)), movable=False))
    told = freed(case, "b0/r0")
    assert not told.steps
    assert (told.blocked[0].workloads, told.reached) == (("held",), False)
    assert "held is not movable" in told.blocked[0].reason
    young = (RuleSpec(name="preemption", mode="require", params={"min_runtime_s": 4000}),)
    case = lab(running("a", ("n0", (0,))), rules=(*BASE, REFUSED, STABILITY, *young))
    assert "has only begun" in freed(case, "b0/r0").blocked[0].reason


def test_a_value_is_weighed_against_the_moves() -> None:
    """Moving it costs 3 USD over one hour: worth it for a rack of 4 USD per hour, not for one of 2."""
    case = lab(running("a", ("n0", (0,)), start_s=3600, restart_cost_micro_usd=3_000_000))
    assert not freed(case, "b0/r0", value_micro_usd_h=2_000_000).steps
    assert freed(case, "b0/r0", value_micro_usd_h=4_000_000).free_after == ("b0/r0",)


def test_evictable_work_is_not_evicted() -> None:
    case = lab(running("a", ("n0", (0,)), movable=False, evictable=True))
    told = freed(case, "b0/r0")
    assert not told.steps
    assert "a is not movable" in told.blocked[0].reason


def crossed(*, room: bool) -> Case:
    """Two gangs of two nodes, each across both racks, though each had rather one; n4 has room for one node or none."""
    close = RuleSpec(name="topology_preference", mode="prefer", tier=2)
    held = [running("full", ("n4", (0, 1, 2, 3)), movable=False)] if not room else []
    pairs = [
        running("c", ("n0", (0, 1, 2, 3)), ("n2", (0, 1, 2, 3)), last_checkpoint_s=3600),
        running("d", ("n1", (0, 1, 2, 3)), ("n3", (0, 1, 2, 3)), last_checkpoint_s=3600),
    ]
    near = Proximity(level="rack", mode="prefer")
    pairs = [one.model_copy(update={"workload": one.workload.model_copy(update={"proximity": near})}) for one in pairs]
    rows = (*(node(k) for k in range(5)), node(6, gpu_count=1))
    kept = running("kept", ("n6", (0,)), movable=False)
    work = (*pairs, *held, kept)
    return case_of(
        small_fleet(rows), rules=(*BASE, REFUSED, STABILITY, close), running=work, budget=Budget(work=400), now_s=3600
    )


def test_a_circle_is_opened_by_a_detour() -> None:
    """The two gangs swap a node each; one of them waits on n4 meanwhile."""
    told = freed(crossed(room=True), "n6", value_micro_usd_h=1)
    assert [step.detour for step in told.steps] == [True, False, False]
    assert sorted({step.workload for step in told.steps}) == ["c", "d"]
    assert told.terms[-1].points == 0


def test_a_circle_without_room_is_told_and_something_is_held() -> None:
    told = freed(crossed(room=False), "n6", value_micro_usd_h=1)
    assert not told.steps
    assert told.notes[0] == "the moves of the first plan have no safe order; tried again with c held in place"
    assert "bounds" in told.notes[1]


def crossing(name: str, nodes: tuple[str, str], gpu: int) -> Running:
    """A pair of full nodes that had rather be in one rack, and a single on n6."""
    near = Proximity(level="rack", mode="prefer")
    roles = (Role(name="r", replicas=2, gpus=4, proximity=near), Role(name="q", gpus=1))
    full = tuple(Device(index=index) for index in range(4))
    pair = tuple(Replica(subgroup="s", role="r", node=one, devices=full) for one in nodes)
    single = Replica(subgroup="s", role="q", node="n6", devices=(Device(index=gpu),))
    work = Workload(id=name, kind=Kind.TRAINING, subgroups=(Subgroup(name="s", roles=roles),))
    return Running(workload=work, replicas=(*pair, single), movable=True, last_checkpoint_s=3600)


def test_what_was_held_for_want_of_an_order_proves_nothing() -> None:
    """The pairs had rather swap a node, and cannot; n6 is not freed with one of them held, but the singles could go."""
    rows = (*(node(k) for k in range(4)), node(5, gpu_count=2), node(6, gpu_count=2))
    close = RuleSpec(name="topology_preference", mode="prefer", tier=1)
    work = (crossing("c", ("n0", "n2"), 0), crossing("d", ("n1", "n3"), 1))
    rules = (*BASE, close, STABILITY)
    case = case_of(small_fleet(rows), rules=rules, running=work, budget=Budget(work=400), now_s=3600)
    told = freed(case, "n6")
    assert not told.reached
    assert "c held in place" in told.notes[0]
    assert not told.proven_most
    assert told.blocked[0].reason == "held by work that stays: c was held, as its moves had no safe order"


@pytest.mark.parametrize("seed", range(6))
def test_every_prefix_of_random_plans_is_safe(seed: int) -> None:
    random = Random(seed)
    fleet = random.choice(["hgx", "mixed"])
    case = synth_case(fleet, 16, random.choice([0.5, 0.7, 0.8]), 0, seed, budget=Budget(work=300))  # type: ignore[arg-type]
    loose = tuple(r.model_copy(update={"movable": random.random() < 0.9}) for r in case.running)
    case = case.model_copy(update={"running": loose})
    told = plan(case, Goal("rack", (), random.choice([2, 3])), decided, max_moves=random.choice([None, 12]))
    simulate(case, told)
    assert told.steps or told.reached or told.proven_most or told.status != "OPTIMAL"


@pytest.mark.badinput
@pytest.mark.parametrize(
    ("texts", "problem"),
    [
        (("rack:nowhere",), "no domain 'rack:nowhere'"),
        (("r0",), "can be any of"),
        (("rack=9",), "9 of level 'rack' cannot be free"),
        (("rack=0",), "cannot be free"),
        (("shelf=1",), "'shelf' is not a level"),
        (("rack=1", "b0/r0"), "stands beside other parts"),
        (("b0", "b0/r0"), "several levels"),
        ((), "nothing is named"),
    ],
)
def test_a_goal_that_cannot_be_meant_is_refused(texts: tuple[str, ...], problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        read_goal(lab(), texts)


def test_a_policy_without_room_for_two_tiers_is_refused() -> None:
    full = tuple(RuleSpec(name="price", mode="prefer", tier=tier) for tier in range(1, 9))
    with pytest.raises(InputError, match="8 tiers"):
        asking(lab(rules=full), Goal("rack", (), 1))


def test_work_with_fewer_replicas_than_it_wants_is_moved_as_it_is() -> None:
    """Nothing grows while a rack is freed, whether it may move or not; what it wants is not in the way either."""
    few = running("few", ("n0", (0,)), ("n0", (1,)))
    firm = running("firm", ("n2", (0,)), movable=False)
    more = {"subgroups": gang("few", replicas=5, gpus=1, min_replicas=1).subgroups}
    case = lab(*(one.model_copy(update={"workload": one.workload.model_copy(update=more)}) for one in (few, firm)))
    assert [one.workload.id for one in case.running if one.lacking] == ["few", "firm"]
    told = freed(case, "rack:b0/r0")
    assert [(step.workload, step.moved) for step in told.steps] == [("few", 2)]
    assert told.free_after == ("b0/r0",)
    assert told.status == "OPTIMAL"
