"""Scopes, minimal conflicts, repairs and prices, each on a case where the answer is known."""

import time
from typing import Any

import pytest

from placement.diagnosis import diagnose, sentences
from placement.engine import decide
from placement.errors import InputError
from placement.model import Affinity, Case, Device, PlacementGroup, Proximity, Replica, Running, Tenant, Workload
from placement.model.diagnosis import Diagnosis, Scope
from solver.workers import Inline
from tests.placement.rules.small import gang, small_fleet


def running(name: str, nodes: tuple[int, ...], gpus: tuple[int, ...] = (0, 1, 2, 3), **fields: Any) -> Running:
    one = gang(name, len(nodes), gpus=len(gpus), workload={"tenant": "ops"})
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


def test_two_rules_together() -> None:
    wide = gang("wide", 4, gpus=4, workload={"proximity": Proximity(level="rack"), "tenant": "a"})
    found = told(wide, tenants=(Tenant(name="a", quota_gpu_milli=9000),))
    assert len(found.conflict) == 1, "either rule alone keeps it out, so one of them is a minimal conflict"


def test_what_fits_and_is_refused_has_a_price() -> None:
    small = gang("small", 8, gpus=4, workload={"priority": 10})
    found = told(small, gang("large", 8, gpus=4))
    assert found.scope is None
    assert found.price is not None
    assert found.price.losers == ("large",)
    assert dict(found.price.tiers)[1] == 32000 * (101 - 11)
    assert found.price.proven


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
    kind = {"movable": True} if movable else {"evictable": True}
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
