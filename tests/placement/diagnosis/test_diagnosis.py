"""Scopes, minimal conflicts, repairs and prices, each on a case where the answer is known."""

import time
from typing import Any

import pytest

from placement.diagnosis import diagnose, sentences
from placement.engine import decide
from placement.errors import InputError
from placement.model import (
    Affinity,
    Case,
    Device,
    PlacementGroup,
    Policy,
    Proximity,
    Replica,
    RuleSpec,
    Running,
    Tenant,
    Workload,
)
from placement.model.diagnosis import Diagnosis, Repair, Scope
from placement.whatif.settings import set_one
from solver.workers import Inline
from tests.placement.rules.small import gang, node, small_fleet
from topology.model import Window

REQUIRED = tuple(
    RuleSpec(name=name, mode="require") for name in ("health", "topology", "quota", "borrowing", "guarantee")
)


def running(
    name: str, nodes: tuple[int, ...], gpus: tuple[int, ...] = (0, 1, 2, 3), tenant: str = "ops", **fields: Any
) -> Running:
    one = gang(name, len(nodes), gpus=len(gpus), workload={"tenant": tenant})
    devices = tuple(Device(index=index) for index in gpus)
    seats = tuple(Replica(subgroup="s", role="r", node=f"n{number}", devices=devices) for number in nodes)
    return Running(workload=one, replicas=seats, **fields)


def told(workload: Workload, *others: Workload, work: tuple[Running, ...] = (), **fields: Any) -> Diagnosis:
    case = Case(fleet=small_fleet(), workloads=(workload, *others), running=work, **fields)
    decision = decide(case, clock=time.monotonic, workers=Inline())
    return diagnose(case, decision, workload.id, clock=time.monotonic, workers=Inline(), seconds=20)


def test_running_work_in_the_way_is_named_and_each_is_necessary() -> None:
    far = running("far", (0, 1, 2, 3))
    near = running("near", (4, 5, 6, 7), (0, 1), expected_end_s=7200)
    found = told(gang("big", 4, gpus=4), work=(far, near))
    assert found.scope is Scope.PROTECTED
    assert found.minimal
    assert {(cause.kind, cause.name) for cause in found.conflict} == {("running", "far"), ("running", "near")}
    assert [(r.kind, r.verified) for r in found.repairs] == [("wait", True), ("end", True), ("end", True)]
    assert "2.0 h" in found.repairs[0].change


def test_a_rack_too_small_is_a_conflict_with_the_rule_alone() -> None:
    wide = gang("wide", 4, gpus=4, workload={"proximity": Proximity(level="rack")})
    found = told(wide, work=(running("other", (0,)),))
    assert found.scope is Scope.EMPTY_FLEET
    assert [(cause.kind, cause.name) for cause in found.conflict] == [("rule", "topology")]
    assert found.minimal
    changes = [repair.change for repair in found.repairs]
    assert "required level: rack -> block" in changes
    assert "shrink role r from 4 to 2 replicas" in changes


def test_a_quota_is_raised_by_as_little_as_helps() -> None:
    one = gang("one", 3, gpus=4, workload={"tenant": "a"})
    found = told(one, tenants=(Tenant(name="a", quota_gpu_milli=9500),))
    assert [(cause.kind, cause.name) for cause in found.conflict] == [("rule", "quota")]
    quota = next(repair for repair in found.repairs if repair.kind == "quota")
    assert quota.setting == "tenant.a.quota=12.5"
    assert quota.least


def test_an_amount_of_which_less_may_do_is_told_so() -> None:
    amount = Repair(kind="quota", change="raise it by 2 GPUs", setting="tenant.a.quota=2", verified=True, least=False)
    found = Diagnosis(workload="w", scope=Scope.EMPTY_FLEET, proof="counting", repairs=(amount,))
    assert sentences(found)[-1] == "  - raise it by 2 GPUs (less may do)  [moorage whatif --set tenant.a.quota=2]"


def test_two_rules_together() -> None:
    wide = gang("wide", 4, gpus=4, workload={"proximity": Proximity(level="rack"), "tenant": "a"})
    found = told(wide, tenants=(Tenant(name="a", quota_gpu_milli=9000),))
    assert len(found.conflict) == 1, "either rule alone keeps it out, so one of them is a minimal conflict"


def test_what_fits_and_is_refused_has_a_price() -> None:
    small = gang("small", 8, gpus=4, workload={"priority": 10})
    found = told(small, gang("large", 8, gpus=4))
    assert found.scope is Scope.KEPT
    assert [(cause.kind, cause.name) for cause in found.conflict] == [("placed", "large")]
    assert found.minimal
    assert found.price is not None
    assert found.price.losers == ("large",)
    assert dict(found.price.tiers)[1] == 32000 * (101 - 11)
    assert found.price.proven


def test_all_that_is_kept_in_its_place_is_named_and_no_more() -> None:
    """The rack of n0 and n1 holds a; b and c fill another; the new gang needs a rack of four."""
    rack = {"proximity": Proximity(level="rack")}
    low = gang("low", 2, gpus=4, workload=rack | {"priority": 10})
    high = [gang(name, 2, gpus=4, workload=rack) for name in "abc"]
    work = (running("fixed", (0,), (0,)), running("loose", (2,), (0,), movable=True, evictable=True))
    small = gang("small", 1, gpus=1, workload={"priority": 200})
    found = told(low, *high, small, work=work)
    assert found.scope is Scope.KEPT
    assert found.minimal
    assert {cause.name for cause in found.conflict} == {"a", "b", "c"}, "small and loose have room beside any of them"
    assert "does not fit beside all that is placed and kept running" in sentences(found)[0]


def test_work_that_may_be_evicted_is_too_dear_to_end() -> None:
    found = told(gang("new", 8, gpus=4), work=(running("old", tuple(range(8)), evictable=True),))
    assert found.scope is Scope.AS_IT_RUNS
    assert [cause.name for cause in found.conflict] == ["old"]
    assert found.price is not None
    assert found.price.losers == ("old",)
    assert dict(found.price.tiers)[1] > 0


@pytest.mark.parametrize("movable", [False, True])
def test_a_budget_that_keeps_it_out_is_named_with_the_rule_that_makes_it_bind(movable: bool) -> None:
    """Nodes 0 and 4 are free, beside each are two to disturb; the other racks have one on either node. One may be."""
    seats = [(1, 0), (1, 1), (5, 0), (5, 1), (2, 0), (3, 0), (6, 0), (7, 0)]
    kind: dict[str, Any] = {"movable": True} if movable else {"evictable": True}
    work = tuple(running(f"w{n}-{g}", (n,), (g,), **kind) for n, g in seats)
    wide = gang("wide", 2, gpus=4, workload={"proximity": Proximity(level="rack"), "priority": 1000})
    found = told(wide, work=work, tenants=(Tenant(name="ops", disruption_budget=1),))
    assert found.scope is Scope.PERMITTED
    assert [(cause.kind, cause.name) for cause in found.conflict] == [
        ("limit", "preemption: tenant ops"),
        ("rule", "topology"),
    ]
    assert found.minimal
    assert "at most 1 may be disturbed" in found.conflict[0].detail
    assert "whatever is moved and evicted" in sentences(found)[0]
    two = told(wide, work=work, tenants=(Tenant(name="ops", disruption_budget=2),))
    assert two.placed
    free = told(
        wide.model_copy(update={"proximity": None}), work=work, tenants=(Tenant(name="ops", disruption_budget=1),)
    )
    assert free.placed


def budget_of(found: Diagnosis, kind: str) -> list[tuple[str, str]]:
    return [(repair.change, repair.setting) for repair in found.repairs if repair.kind == kind]


def test_a_budget_is_raised_by_as_little_as_helps() -> None:
    """Every rack has to lose two or three of the tenant's works, of which only one may be disturbed."""
    seats = [(1, 0), (1, 1), (5, 0), (5, 1), (5, 2), (2, 0), (3, 0), (3, 1), (6, 0), (6, 1), (7, 0)]
    work = tuple(running(f"w{n}-{g}", (n,), (g,), evictable=True) for n, g in seats)
    wide = gang("wide", 2, gpus=4, workload={"proximity": Proximity(level="rack"), "priority": 1000})
    tenants = (Tenant(name="ops", disruption_budget=1),)
    found = told(wide, work=work, tenants=tenants)
    assert found.scope is Scope.PERMITTED
    assert budget_of(found, "budget") == [
        ("raise the disruption budget of ops by 1, to 2", "tenant.ops.disruption_budget=2")
    ]
    assert "what runs giving way as far as is permitted" in " ".join(sentences(found))
    case = Case(fleet=small_fleet(), workloads=(wide,), running=work, tenants=tenants)
    raised = set_one(case, "tenant.ops.disruption_budget", 2)
    decision = decide(raised, clock=time.monotonic, workers=Inline())
    assert [placement.workload for placement in decision.placements] == ["wide"]


def test_the_limit_on_all_that_is_disturbed_is_raised_too() -> None:
    work = tuple(running(f"w{n}", (n,), (0,), evictable=True) for n in range(8))
    rules = (*REQUIRED, RuleSpec(name="preemption", mode="require", params={"max_disrupted": 1}))
    found = told(gang("wide", 3, gpus=4), work=work, policy=Policy(rules=rules))
    assert [(cause.kind, cause.name) for cause in found.conflict] == [("limit", "preemption: max_disrupted")]
    assert budget_of(found, "budget") == [
        ("let 2 more be disturbed in all, 3", "policy.preemption.params.max_disrupted=3")
    ]


def test_a_guarantee_and_a_quota_may_be_changed() -> None:
    work = tuple(running(f"w{n}", (n,), evictable=True) for n in range(8))
    tenants = (Tenant(name="ops", guaranteed_gpu_milli=28_000), Tenant(name="new", quota_gpu_milli=32_000))
    two = gang("two", 3, gpus=4, workload={"tenant": "new", "priority": 1000})
    found = told(two, work=work, tenants=tenants)
    assert [(cause.kind, cause.name) for cause in found.conflict] == [("limit", "guarantee: ops")]
    assert budget_of(found, "guarantee") == [
        ("lower the guarantee of ops by 8 GPUs, to 20", "tenant.ops.guaranteed=20")
    ]
    own = tuple(running(f"o{n}", (n,), evictable=True, tenant="new") for n in range(4))
    short = (Tenant(name="new", quota_gpu_milli=16_000, disruption_budget=1),)
    found = told(two, work=own, tenants=short)
    assert found.minimal
    assert {cause.name for cause in found.conflict} == {"quota: new", "preemption: tenant new"}
    assert budget_of(found, "quota") == [("raise the quota of new by 8 GPUs, to 24", "tenant.new.quota=24")]
    assert budget_of(found, "budget") == [
        ("raise the disruption budget of new by 2, to 3", "tenant.new.disruption_budget=3")
    ]


def test_a_limit_on_borrowing_is_part_of_a_conflict_and_may_be_raised() -> None:
    """Nobody else's work would help: what it may borrow is what keeps it out."""
    tenants = (Tenant(name="a", guaranteed_gpu_milli=4000, borrowing_limit_gpu_milli=0), Tenant(name="ops"))
    work = (running("other", (0,), evictable=True),)
    found = told(gang("w", 2, gpus=4, workload={"tenant": "a"}), work=work, tenants=tenants)
    assert [(cause.kind, cause.name) for cause in found.conflict] == [("rule", "borrowing")]
    assert budget_of(found, "quota") == [
        ("raise the borrowing limit of a by 4 GPUs, to 4", "tenant.a.borrowing_limit=4")
    ]
    own = (running("own", (0,), evictable=True, tenant="a"), running("kept", (1,), tenant="a"))
    found = told(gang("w", 2, gpus=4, workload={"tenant": "a"}), work=own, tenants=tenants)
    assert ("rule", "borrowing") in {(cause.kind, cause.name) for cause in found.conflict}


def test_a_quota_of_one_model_is_raised() -> None:
    one = gang("one", 3, gpus=4, workload={"tenant": "a"})
    found = told(one, tenants=(Tenant(name="a", quota_by_model={"H100": 8000}),))
    assert budget_of(found, "quota") == [("raise the quota of a on H100 by 4 GPUs, to 12", "tenant.a.quota.H100=12")]


def test_work_in_the_way_that_could_move_is_said() -> None:
    """The wide gang needs a rack; one small work stands in the last one, and has room beside the others."""
    full = tuple(running(f"f{n}", (n,), (0, 1, 2)) for n in range(6))
    small = running("small", (6,), (0,))
    wide = gang("wide", 2, gpus=4, workload={"proximity": Proximity(level="rack")})
    found = told(wide, work=(*full, small))
    assert {r.change for r in found.repairs if r.kind in ("move", "end")} == {"move small elsewhere", "end small"}
    assert budget_of(found, "move")[0][1] == "running.small.movable=true"
    packed = tuple(running(f"f{n}", (n,)) for n in range(6))
    found = told(wide, work=(*packed, running("small", (6,), (0, 1, 2)), running("last", (7,), (0, 1))))
    assert not budget_of(found, "move"), "there is nowhere to go"


def test_every_diagnosis_has_sentences() -> None:
    found = told(gang("big", 9, gpus=4))
    lines = sentences(found)
    assert lines[0].startswith("big does not fit, even alone on the empty fleet")
    assert any("shrink role r from 9 to 8" in line for line in lines)
    assert sentences(told(gang("fine"))) == ["fine is placed."]


def test_a_follower_of_pending_work_is_not_impossible() -> None:
    near = Affinity(level="rack", workloads=("lead",))
    found = told(
        gang("follows", 2, gpus=4, workload={"affinity": (near,), "priority": 1}),
        gang("lead", 2, gpus=4),
        gang("large", 6, gpus=4),
    )
    assert found.scope is not Scope.EMPTY_FLEET


def test_a_follower_of_pending_work_may_have_room_that_others_make() -> None:
    """No limit keeps it out, whatever runs: its leader is only not placed yet."""
    near = Affinity(level="rack", workloads=("lead",))
    work = tuple(running(f"w{n}", (n,), (0,), evictable=True, movable=True) for n in range(8))
    found = told(
        gang("follows", 1, gpus=4, workload={"affinity": (near,), "priority": 1}),
        gang("lead", 1, gpus=4),
        work=work,
        tenants=(Tenant(name="ops", disruption_budget=1),),
    )
    assert not found.placed
    assert found.scope is not Scope.PERMITTED


def test_work_that_stays_for_its_youth_is_named() -> None:
    """What has only begun may not be disturbed yet, but it is in the way as what runs for long is."""
    work = (running("young", tuple(range(8)), evictable=True, start_s=90),)
    rules = (*REQUIRED, RuleSpec(name="preemption", mode="require", params={"min_runtime_s": 60}))
    found = told(gang("new"), work=work, policy=Policy(rules=rules), now_s=100)
    assert found.scope is Scope.PROTECTED
    assert [cause.name for cause in found.conflict] == ["young"]
    assert found.background == ()


def test_what_may_move_out_of_the_way_is_not_what_keeps_it_out() -> None:
    """The mover has room elsewhere; what is placed in its stead is the reason."""
    rack = {"proximity": Proximity(level="rack")}
    held = tuple(running(f"h{n}", (n,)) for n in range(6))
    work = (*held[:5], running("mover", (6,), (0,), movable=True))
    found = told(
        gang("low", 2, gpus=4, workload=rack | {"priority": 1}), gang("high", 2, gpus=4, workload=rack), work=work
    )
    assert found.scope in (Scope.KEPT, Scope.AS_IT_RUNS)
    assert "mover" not in {r.change.split()[1] for r in found.repairs if r.kind == "move"}


def test_running_work_that_stays_for_good_is_said() -> None:
    held = running("held", tuple(range(8)), evictable=True)
    member = held.model_copy(update={"workload": held.workload.model_copy(update={"group": "g"})})
    found = told(gang("new"), work=(member,), groups=(PlacementGroup(name="g", level="block"),))
    assert found.background == ("held",)
    assert any("Taken as given: held" in line for line in sentences(found))


def test_the_price_is_that_of_the_least_size() -> None:
    elastic = gang("elastic", 8, gpus=4, min_replicas=1, workload={"priority": 10})
    found = told(elastic, gang("other", 8, gpus=4))
    assert found.placed or found.price is not None


@pytest.mark.badinput
def test_questions_about_nothing_are_refused() -> None:
    case = Case(fleet=small_fleet(), workloads=(gang("w"),))
    decision = decide(case, clock=time.monotonic, workers=Inline())
    with pytest.raises(InputError, match="neither pending nor running"):
        diagnose(case, decision, "nobody", clock=time.monotonic, workers=Inline())
    other = decision.model_copy(update={"case_id": "else"})
    with pytest.raises(InputError, match="another case"):
        diagnose(case, other, "w", clock=time.monotonic, workers=Inline())


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("yields", [False, True])
def test_the_end_of_what_it_must_be_near_to_is_nothing_to_wait_for(yields: bool, late: bool) -> None:
    """Once `lead` has ended there is nothing that the affinity could mean, and admission rejects the workload."""
    near = Affinity(level="rack", workloads=("lead",))
    lead = running("lead", (0,), expected_end_s=7200)
    other = running("other", (1,), (0,), expected_end_s=9000 if late else 3600)
    loose = running("loose", (2,), (0,), evictable=yields)
    found = told(gang("follows", 1, gpus=4, workload={"affinity": (near,)}), work=(lead, other, loose))
    assert [cause.name for cause in found.conflict if cause.kind == "running"] == ["other"]
    assert [repair.kind for repair in found.repairs] == [*([] if late else ["wait"]), "move", "end"]


@pytest.mark.parametrize("yields", [False, True])
def test_the_earliest_end_is_told_though_maintenance_closes_the_nodes_for_a_while(yields: bool) -> None:
    window = (Window(start_s=1900, end_s=2500),)
    rows = tuple(node(k, maintenance=window if k < 2 else ()) for k in range(8))
    ends = {"x": 1000, "y": 2000, "z": 3000}
    due = [running(name, (k,), expected_end_s=end, evictable=yields) for k, (name, end) in enumerate(ends.items())]
    case = Case(
        fleet=small_fleet(rows),
        workloads=(gang("one", gpus=4, workload={"expected_duration_s": 100}),),
        running=(*due, running("rest", (3, 4, 5, 6, 7))),
        tenants=(Tenant(name="ops", disruption_budget=0),),
    )
    decision = decide(case, clock=time.monotonic, workers=Inline())
    found = diagnose(case, decision, "one", clock=time.monotonic, workers=Inline(), seconds=20)
    wait = next(repair for repair in found.repairs if repair.kind == "wait")
    assert (wait.change, wait.least) == ("wait 0.3 h, until x is due to end", True)
