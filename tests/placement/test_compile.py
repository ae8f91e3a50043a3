"""Lowering and lifting: structure of items, merging of arrays, the way back, foreign input, order, speed."""

from random import Random
from typing import Any

import pytest

from placement.compile import Lifted, Lowered, lift, lower, lower_placements, whole
from placement.errors import InputError
from placement.model import (
    Affinity,
    Budget,
    Device,
    PlacedReplica,
    Placement,
    PlacementGroup,
    Policy,
    Proximity,
    Role,
    RuleSpec,
    Spread,
    Subgroup,
    Workload,
    default_policy,
)
from placement.rules import LAWS, RULES, active_rules
from solver.atoms import Allow, Capacity, UnitCharge, Within
from solver.check import check
from solver.greedy import greedy
from tests.placement.rules.drawn import random_case, random_placements
from tests.placement.rules.small import case_of, gang, node, place, small_fleet
from tests.placement.rules.test_requirements import running
from topology.fabric import Fabric

FLEET = small_fleet()
FABRIC = Fabric.from_fleet(FLEET)


def lowered(*workloads: Workload, **fields: Any) -> Lowered:
    return lower(case_of(FLEET, *workloads, **fields), FABRIC)


def test_a_simple_gang_is_one_bundle() -> None:
    problem = lowered(gang("a", 4, min_replicas=2, gpus=2, nics=1)).problem
    (item,) = problem.items
    assert [(bundle.parent, bundle.need) for bundle in item.bundles] == [(-1, 0)]
    (part,) = item.parts
    assert (part.count, part.min_count, part.demand.devices, part.demand.resources) == (4, 2, 2, (0, 0, 1))
    assert problem.tiers == 1


def test_subgroups_and_roles_with_a_level_of_their_own_are_bundles() -> None:
    rack = Proximity(level="rack")
    roles = (Role(name="p", gpus=1, replicas=2, proximity=rack), Role(name="q", cpu_milli=1))
    workload = Workload(
        id="a",
        subgroups=(Subgroup(name="s", roles=roles), Subgroup(name="t", roles=roles[1:], proximity=rack)),
        min_subgroups=1,
    )
    problem = lowered(workload, rules=(RuleSpec(name="topology", mode="require"),)).problem
    (item,) = problem.items
    assert [(bundle.name, bundle.parent, bundle.need) for bundle in item.bundles] == [
        ("a", -1, 1),
        ("a/s", 0, 1),
        ("a/s/p", 1, 0),
        ("a/t", 0, 0),
    ]
    assert [part.bundle for part in item.parts] == [2, 1, 3]
    assert [(atom.bundle, atom.partition) for atom in problem.atoms if isinstance(atom, Within)] == [(2, 1)]


def test_a_group_is_one_item_in_one_domain() -> None:
    members = [gang(name, workload={"group": "g"}) for name in "ab"]
    done = lowered(
        *members,
        gang("c"),
        groups=(PlacementGroup(name="g", level="block"),),
        rules=(RuleSpec(name="topology", mode="require"),),
    )
    assert [item.key for item in done.problem.items] == ["c", "group:g"]
    assert [(b.parent, b.need) for b in done.problem.items[1].bundles] == [(-1, 2), (0, 0), (0, 0)]
    assert done.problem.atoms == (Capacity(), Within("topology", 1, 0, 0))


def test_bins_offer_healthy_gpus_less_running_work() -> None:
    fleet = small_fleet((node(0, unhealthy_gpus=(1,)), node(1, gpu_count=2)))
    case = case_of(fleet, gang("a"), running=(running("x", ("n0", (0,)), gpus=1, cpu_milli=1000),))
    fabric = Fabric.from_fleet(fleet)
    bins = lower(case, fabric).problem.bins
    assert bins.devices.tolist() == [[0, 0, 1000, 1000], [1000, 1000, 0, 0]]
    assert bins.resources[:, 0].tolist() == [63_000, 64_000]
    empty = lower(case, fabric, empty_fleet=True)
    assert empty.problem.bins.devices.tolist() == [[1000, 0, 1000, 1000], [1000, 1000, 0, 0]]
    assert empty.case.running == ()


def test_only_and_skip_rules_narrow_the_problem() -> None:
    case = case_of(FLEET, gang("a", gpu_models=("A100",)), gang("b"), rules=default_policy().rules)
    done = lower(case, FABRIC, only=frozenset({"b"}), skip_rules=frozenset({"price", "capacity"}))
    assert [ref.key for ref in done.refs] == ["b"]
    assert not {"price", "capacity"} & {atom.rule for atom in done.problem.atoms}
    assert done.tiers == (1, 2, 3)
    assert done.problem.tiers == 3


def test_on_the_empty_fleet_nothing_wants_to_be_near_running_work() -> None:
    near = Affinity(level="rack", workloads=("x",))
    case = case_of(
        FLEET,
        gang("a", workload={"affinity": (near,)}),
        running=(running("x", ("n0", (0,))),),
        rules=(RuleSpec(name="affinity", mode="require"),),
    )
    assert [atom.rule for atom in lower(case, FABRIC).problem.atoms] == ["capacity", "affinity"]
    assert [atom.rule for atom in lower(case, FABRIC, empty_fleet=True).problem.atoms] == ["capacity"]


@pytest.mark.badinput
@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("price", {}),
        ("carbon", {"price_micro_usd_per_kg": 2**53}),
        ("refused", {"weight_by_tier": [2**53]}),
        ("latency", {"gpu_hour_micro_usd": 2**53}),
        ("state_fetch", {"gpu_hour_micro_usd": 2**53}),
        ("stranded", {"gpu_hour_micro_usd": 2**53}),
        ("topology_preference", {"gpu_micro_usd_h": 2**53}),
        ("spread_preference", {"excess_micro_usd_h": 2**53}),
        ("affinity_preference", {"miss_micro_usd_h": 2**53}),
    ],
)
def test_a_tier_beyond_what_the_solver_counts_in_is_refused(name: str, params: dict[str, Any]) -> None:
    rack: dict[str, Any] = {"level": "rack", "mode": "prefer"}
    fields = {
        "message_mib": 2**20,
        "state_mib": 2**30,
        "proximity": Proximity(**rack),
        "affinity": (Affinity(**rack, workloads=("a",)),),
    }
    role = {"gpus": 4, "spread": Spread(**rack)}
    fleet = small_fleet(tuple(node(i, price_micro_usd_h=10**11) for i in range(8)))
    rules = (RuleSpec(name=name, mode="prefer", tier=1, weight=1_000_000, params=params),)
    case = case_of(fleet, gang("a", 60_000), gang("b", 2, workload=fields, **role), rules=rules)
    with pytest.raises(InputError, match="points"):
        lower(case, Fabric.from_fleet(fleet))


def test_alike_parts_share_their_arrays() -> None:
    work = [gang(f"w{i}", gpu_milli=300, gpu_models=("H100",)) for i in range(5)]
    nodes = (node(0), node(1, gpu_model="A100"))
    case = case_of(small_fleet(nodes), *work, rules=default_policy().rules)
    atoms = lower(case, Fabric.from_fleet(case.fleet)).problem.atoms
    masks = [atom.bins for atom in atoms if isinstance(atom, Allow) and atom.rule == "gpu_model"]
    costs = [atom.each for atom in atoms if isinstance(atom, UnitCharge) and atom.rule == "price"]
    assert len(masks) == len(costs) == 5
    assert len({id(mask) for mask in masks}) == len({id(cost) for cost in costs}) == 1


def test_a_weight_of_zero_leaves_no_atom() -> None:
    rules = (RuleSpec(name="price", mode="prefer", tier=1, weight=0),)
    done = lowered(gang("a"), rules=rules)
    assert done.problem.atoms == (Capacity(),)


def test_refusing_everything_is_feasible_and_lifting_is_the_inverse() -> None:
    random = Random(7)
    for _ in range(60):
        case = random_case(random)
        done = lower(case, Fabric.from_fleet(case.fleet))
        assert not check(done.problem, done.problem.anchor).violations
        assert lower_placements(done, whole(done, Lifted(()))) == done.problem.anchor
        placements = random_placements(random, case)
        plan = lower_placements(done, placements)
        lifted = lift(done, plan)
        assert lower_placements(done, whole(done, lifted)) == plan
        wanted = {p.workload: sorted(r.model_dump_json() for r in p.replicas) for p in placements}
        again = whole(done, lifted)
        given = {p.workload: sorted(r.model_dump_json() for r in p.replicas) for p in again if p.replicas}
        assert given == wanted


def test_greedy_plans_lift_to_placements_that_every_oracle_accepts() -> None:
    random = Random(11)
    placed = 0
    for _ in range(60):
        case = random_case(random)
        hard = [spec for spec in case.policy.rules if spec.mode != "prefer"]
        policy = Policy(rules=(*hard, RuleSpec(name="refused", mode="prefer", tier=1)))
        case = case.model_copy(update={"policy": policy})
        skipped = random.sample([spec.name for spec in hard if spec.name not in LAWS], random.randint(0, 7))
        done = lower(case, Fabric.from_fleet(case.fleet), skip_rules=skipped)
        plan, _ = greedy(done.problem)
        lifted = lift(done, plan)
        placements, before = whole(done, lifted), whole(done, Lifted(()))
        placed += len(lifted.placements)
        for active in done.rules:
            if active.hard is not None:
                held = active.hard.audit(done.case, done.fabric, before)
                found = active.hard.audit(done.case, done.fabric, placements)
                assert set(found) <= set(held), active.rule.name
    assert placed > 20


@pytest.mark.badinput
@pytest.mark.parametrize(
    ("placements", "field"),
    [
        ((place("x"),), "placements[0].workload"),
        ((place("a"), place("a")), "placements[1].workload"),
        ((place("a", ("gone", ())),), "placements[0].replicas[0].node"),
        (
            (Placement(workload="a", replicas=(PlacedReplica(subgroup="s", role="no", node="n0"),)),),
            "placements[0].replicas[0].role",
        ),
    ],
)
def test_foreign_placements_are_refused_by_name(placements: tuple[Placement, ...], field: str) -> None:
    with pytest.raises(InputError) as caught:
        lower_placements(lowered(gang("a")), placements)
    assert caught.value.field == field


@pytest.mark.badinput
def test_foreign_devices_are_a_violation_not_a_crash() -> None:
    done = lowered(gang("a"), gang("b", gpu_milli=5))
    far = Device(index=63)
    odd = Placement(workload="a", replicas=(PlacedReplica(subgroup="s", role="r", node="n0", devices=(far,)),))
    for placements in ((odd,), (place("a", ("n0", (0, 0))),), (place("b", ("n0", (0,)), milli=6),)):
        assert check(done.problem, lower_placements(done, placements)).violations


@pytest.mark.badinput
@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({"name": "prise", "mode": "prefer", "tier": 1}, "policy.rules[0].name"),
        ({"name": "price", "mode": "require"}, "policy.rules[0].mode"),
        ({"name": "quota", "mode": "prefer", "tier": 1}, "policy.rules[0].mode"),
        ({"name": "topology", "mode": "hold", "tier": 1}, "policy.rules[0].tier"),
        ({"name": "price", "mode": "prefer", "tier": 1, "params": {"x": 1}}, "policy.rules[0].params.x"),
        (
            {"name": "refused", "mode": "prefer", "tier": 1, "params": {"weight_by_tier": [0]}},
            "policy.rules[0].params.weight_by_tier[0]",
        ),
        (
            {"name": "health", "mode": "require", "params": {"failed": ["magic"]}},
            "policy.rules[0].params.failed[0]",
        ),
        (
            {"name": "latency", "mode": "prefer", "tier": 1, "params": {"steps_per_hour": True}},
            "policy.rules[0].params.steps_per_hour",
        ),
    ],
)
def test_faults_of_a_policy_name_the_entry(spec: dict[str, Any], field: str) -> None:
    with pytest.raises(InputError) as caught:
        lowered(gang("a"), rules=(RuleSpec(**spec),))
    assert caught.value.field == field


@pytest.mark.badinput
def test_a_requirement_in_two_modes_is_refused() -> None:
    rules = (RuleSpec(name="quota", mode="require"), RuleSpec(name="quota", mode="hold"))
    with pytest.raises(InputError, match="two modes"):
        active_rules(Policy(rules=rules))


@pytest.mark.badinput
def test_an_unknown_level_is_named() -> None:
    rules = (RuleSpec(name="topology", mode="require"),)
    with pytest.raises(InputError, match="no partition 'moon'"):
        lowered(gang("a", 2, workload={"proximity": Proximity(level="moon")}), rules=rules)


def test_the_default_policy_uses_known_rules_and_the_laws_hold_without_it() -> None:
    used = {active.rule.name for active in active_rules(default_policy())}
    assert used <= {rule.name for rule in RULES}
    assert {"capacity", "gang", "refused", "fairness", "price"} <= used
    assert [active.rule.name for active in active_rules(Policy(rules=()))] == [
        *("capacity", "gang", "preemption"),
    ]


def test_the_order_of_lists_changes_nothing() -> None:
    random = Random(5)
    for _ in range(10):
        case = random_case(random)
        fields = {name: list(getattr(case, name)) for name in ("workloads", "running", "tenants", "groups")}
        for rows in fields.values():
            random.shuffle(rows)
        rules = random.sample(case.policy.rules, len(case.policy.rules))
        other = case.model_copy(
            update={name: tuple(rows) for name, rows in fields.items()}
            | {"policy": Policy(rules=tuple(rules)), "budget": Budget(work=5)}
        )
        fabric = Fabric.from_fleet(case.fleet)
        one, two = (lower(each.canonical(), fabric) for each in (case, other))
        assert repr(one.problem) == repr(two.problem)
