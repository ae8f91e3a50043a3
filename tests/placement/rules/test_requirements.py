"""Each requirement on a pair of placements by hand: one that keeps it, one that breaks it."""

from typing import Any

import pytest

from placement.compile import lower
from placement.model import (
    Affinity,
    Case,
    Device,
    Kind,
    PlacementGroup,
    Proximity,
    Replica,
    Role,
    RuleSpec,
    Running,
    Segment,
    Spread,
    Subgroup,
    Tenant,
    Workload,
)
from placement.model.decision import Placement
from placement.rules import rule_named
from tests.placement.rules.small import agree, case_of, cpu_node, gang, node, place, small_fleet
from topology.fabric import Fabric
from topology.model import Fleet, Health, PowerCap, Taint, Window

FLEET = small_fleet()


def keeps(rule: str, case: Case, *placements: Placement) -> bool:
    """Whether the placements keep a rule, by oracle and by atoms."""
    policy = case.policy.model_copy(update={"rules": (RuleSpec(name=rule, mode="require"),)})
    _, broken, _ = agree(case.model_copy(update={"policy": policy}), placements)
    return not broken[rule]


def running(name: str, *seats: tuple[str, tuple[int, ...]], workload: Any = None, **role: Any) -> Running:
    """Running work of one role; one replica per seat."""
    return Running(
        workload=gang(name, len(seats), workload=workload, **role),
        replicas=tuple(
            Replica(subgroup="s", role="r", node=where, devices=tuple(Device(index=index) for index in devices))
            for where, devices in seats
        ),
    )


def test_capacity_counts_devices_running_work_and_unhealthy_gpus() -> None:
    fleet = small_fleet((node(0, unhealthy_gpus=(3,)), node(1)))
    case = case_of(fleet, gang("a"), gang("b"), running=(running("x", ("n0", (0,))),))
    assert keeps("capacity", case, place("a", ("n0", (1,))), place("b", ("n0", (2,))))
    assert not keeps("capacity", case, place("a", ("n0", (1,))), place("b", ("n0", (1,))))
    assert not keeps("capacity", case, place("a", ("n0", (0,))))
    assert not keeps("capacity", case, place("a", ("n0", (3,))))
    assert not keeps("capacity", case, place("a", ("n0", (1, 2))))
    assert not keeps("capacity", case, place("a", ("n0", (9,))))


def test_capacity_counts_resources_and_shares_of_one_device() -> None:
    case = case_of(FLEET, gang("a", gpu_milli=600, memory_mib=300_000), gang("b", gpu_milli=400, memory_mib=300_000))
    assert keeps("capacity", case, place("a", ("n0", (0,)), milli=600), place("b", ("n1", (0,)), milli=400))
    assert not keeps("capacity", case, place("a", ("n0", (0,)), milli=600), place("b", ("n0", (1,)), milli=400))
    half = case_of(FLEET, gang("a", gpu_milli=600), gang("b", gpu_milli=401))
    assert not keeps("capacity", half, place("a", ("n0", (0,)), milli=600), place("b", ("n0", (0,)), milli=401))


def test_capacity_reports_what_running_work_over_commits_and_takes_nothing_new_there() -> None:
    fleet = small_fleet((node(0, unhealthy_gpus=(0,), memory_mib=100), node(1)))
    case = case_of(fleet, gang("a"), running=(running("x", ("n0", (0,)), memory_mib=200),))
    lowered = lower(case, Fabric.from_fleet(fleet))
    assert [(hold.rule, hold.subject) for hold in lowered.holds] == [("capacity", "node n0")] * 2
    assert lowered.problem.bins.devices[0].tolist() == [0, 1000, 1000, 1000]
    assert lowered.problem.bins.resources[0].tolist() == [64_000, 0, 4]
    assert keeps("capacity", case, place("a", ("n0", (1,))))


def test_gang_is_all_or_none() -> None:
    case = case_of(FLEET, gang("a", 2), gang("b", 3, min_replicas=2))
    assert keeps("gang", case, place("a", ("n0", (0,)), ("n0", (1,))))
    assert not keeps("gang", case, place("a", ("n0", (0,))))
    assert not keeps("gang", case, place("a"))
    assert keeps("gang", case, place("b", ("n0", (0,)), ("n0", (1,))))
    assert not keeps("gang", case, place("b", ("n0", (0,))))
    four = tuple(("n0", (index,)) for index in range(4))
    assert not keeps("gang", case, place("b", *four))


def test_gang_of_subgroups_needs_as_many_as_it_says() -> None:
    roles = (Role(name="r", gpus=1), Role(name="q", cpu_milli=1))
    workload = Workload(
        id="a",
        subgroups=tuple(Subgroup(name=name, roles=roles) for name in ("s", "t", "u")),
        min_subgroups=2,
    )
    case = case_of(FLEET, workload)

    def with_(*names: tuple[str, str]) -> Placement:
        rows = [
            {"subgroup": s, "role": r, "node": "n0", "devices": (Device(index=0),) if r == "r" else ()}
            for s, r in names
        ]
        return Placement.model_validate({"workload": "a", "replicas": tuple(rows)})

    both = (("s", "r"), ("s", "q"), ("u", "r"), ("u", "q"))
    assert keeps("gang", case, with_(*both))
    assert not keeps("gang", case, with_(*both[:2]))
    assert not keeps("gang", case, with_(*both, ("t", "r")))


def test_gang_of_a_placement_group_takes_all_members_into_one_domain() -> None:
    case = case_of(
        FLEET,
        gang("a", workload={"group": "g"}),
        gang("b", workload={"group": "g"}),
        groups=(PlacementGroup(name="g", level="rack"),),
    )
    assert len(lower(case, Fabric.from_fleet(FLEET)).problem.items) == 1
    assert keeps("gang", case, place("a", ("n0", (0,))), place("b", ("n1", (0,))))
    assert not keeps("gang", case, place("a", ("n0", (0,))))
    assert keeps("topology", case, place("a", ("n0", (0,))), place("b", ("n1", (0,))))
    assert not keeps("topology", case, place("a", ("n0", (0,))), place("b", ("n2", (0,))))


def test_members_of_a_group_join_those_that_run() -> None:
    case = case_of(
        FLEET,
        gang("a", workload={"group": "g"}),
        groups=(PlacementGroup(name="g", level="rack"),),
        running=(running("x", ("n2", (0,)), workload={"group": "g"}),),
    )
    assert keeps("topology", case, place("a", ("n3", (0,))))
    assert not keeps("topology", case, place("a", ("n0", (0,))))


def test_gpu_model_and_memory() -> None:
    fleet = small_fleet((node(0), node(1, gpu_model="A100", gpu_memory_mib=40_000), cpu_node(2)))
    case = case_of(
        fleet,
        gang("a", gpu_models=("H100",)),
        gang("b", gpu_memory_mib=60_000),
        gang("c", cpu_milli=1, gpu_models=("H100",)),
    )
    assert keeps("gpu_model", case, place("a", ("n0", (0,))), place("b", ("n0", (1,))), place("c", ("n2", ())))
    assert not keeps("gpu_model", case, place("a", ("n1", (0,))))
    assert not keeps("gpu_model", case, place("b", ("n1", (0,))))


def test_health_admits_kinds_by_state() -> None:
    fleet = small_fleet((node(0), node(1, health=Health.DEGRADED), node(2, health=Health.FAILED)))
    case = case_of(fleet, gang("a"), gang("b", workload={"kind": Kind.BATCH_INFERENCE}))
    assert keeps("health", case, place("a", ("n0", (0,))), place("b", ("n1", (0,))))
    assert not keeps("health", case, place("a", ("n1", (0,))))
    assert not keeps("health", case, place("b", ("n2", (0,))))
    rules = (RuleSpec(name="health", mode="require", params={"degraded": ["training"]}),)
    _, broken, _ = agree(case_of(fleet, gang("a"), rules=rules), (place("a", ("n1", (0,))),))
    assert not broken["health"]
    held = case_of(fleet, running=(running("x", ("n2", (0,))),), rules=rules)
    holds = lower(held, Fabric.from_fleet(fleet)).holds
    assert [(hold.subject, hold.detail) for hold in holds] == [("x", "runs on n2, which is failed")]


def test_selectors_labels_taints_and_maintenance() -> None:
    window = (Window(start_s=2000, end_s=3000),)
    fleet = small_fleet(
        (node(0, labels={"pool": "x"}), node(1, taints=(Taint(key="odd"),)), node(2, maintenance=window))
    )
    case = case_of(
        fleet,
        gang("label", workload={"node_selector": {"pool": ("x", "y")}}),
        gang("brave", workload={"tolerations": ("odd",)}),
        gang("plain", workload={"expected_duration_s": 1001}),
        gang("short", workload={"expected_duration_s": 1000}),
        now_s=1000,
    )
    good = [("label", "n0"), ("brave", "n1"), ("plain", "n0"), ("short", "n2")]
    bad = [("label", "n1"), ("plain", "n1"), ("plain", "n2"), ("label", "n2")]
    for name, where in good:
        assert keeps("selectors", case, place(name, (where, (0,)))), (name, where)
    for name, where in bad:
        assert not keeps("selectors", case, place(name, (where, (0,)))), (name, where)


def test_gpu_work_tolerates_the_gpu_taint_and_cpu_work_does_not() -> None:
    fleet = small_fleet((node(0, taints=(Taint(key="gpu"),)),))
    case = case_of(fleet, gang("a"), gang("b", cpu_milli=1))
    assert keeps("selectors", case, place("a", ("n0", (0,))))
    assert not keeps("selectors", case, place("b", ("n0", ())))


@pytest.mark.parametrize("scope", ["workload", "subgroup", "role"])
def test_topology_at_every_scope(scope: str) -> None:
    rack = Proximity(level="rack")
    near = Role(name="r", replicas=2, gpus=1, proximity=rack if scope == "role" else None)
    far = Role(name="q", cpu_milli=1)
    sub = Subgroup(name="s", roles=(near, far), proximity=rack if scope == "subgroup" else None)
    case = case_of(FLEET, Workload(id="a", subgroups=(sub,), proximity=rack if scope == "workload" else None))

    def at(first: str, second: str, third: str) -> Placement:
        rows = [("r", first), ("r", second), ("q", third)]
        return Placement.model_validate(
            {"workload": "a", "replicas": tuple({"subgroup": "s", "role": r, "node": n} for r, n in rows)}
        )

    assert keeps("topology", case, at("n0", "n1", "n1"))
    assert not keeps("topology", case, at("n0", "n2", "n0"))
    assert keeps("topology", case, at("n0", "n1", "n2")) == (scope == "role")


def test_segments_fill_racks() -> None:
    case = case_of(FLEET, gang("a", 5, segment=Segment(size=2, level="rack")))

    def on(*nodes: int) -> Placement:
        return place("a", *((f"n{number}", (slot % 4,)) for slot, number in enumerate(nodes)))

    assert keeps("segments", case, on(0, 1, 2, 3, 4))
    assert keeps("segments", case, on(0, 0, 0, 1, 5))
    assert not keeps("segments", case, on(0, 0, 0, 2, 4))


def test_spread_limits_each_rack() -> None:
    case = case_of(FLEET, gang("a", 3, spread=Spread(level="rack", max_per_domain=2)))
    assert keeps("spread", case, place("a", ("n0", (0,)), ("n1", (0,)), ("n2", (0,))))
    assert not keeps("spread", case, place("a", ("n0", (0,)), ("n1", (0,)), ("n1", (1,))))


def test_quota_in_all_and_per_model() -> None:
    fleet = small_fleet((node(0), node(1, gpu_model="A100")))
    case = case_of(
        fleet,
        *(gang(name, workload={"tenant": "t"}) for name in "abc"),
        running=(running("x", ("n0", (0,)), workload={"tenant": "t"}),),
        tenants=(Tenant(name="t", quota_gpu_milli=3000, quota_by_model={"A100": 1000}),),
    )
    assert keeps("quota", case, place("a", ("n0", (1,))), place("b", ("n1", (1,))))
    assert not keeps("quota", case, place("a", ("n0", (1,))), place("b", ("n0", (2,))), place("c", ("n0", (3,))))
    assert not keeps("quota", case, place("a", ("n1", (1,))), place("b", ("n1", (2,))))


def test_a_tenant_above_its_quota_is_held_and_starts_nothing() -> None:
    case = case_of(
        FLEET,
        gang("a", workload={"tenant": "t"}),
        running=(running("x", ("n0", (0,)), workload={"tenant": "t"}),),
        tenants=(Tenant(name="t", quota_gpu_milli=500),),
        rules=(RuleSpec(name="quota", mode="hold"),),
    )
    lowered, broken, _ = agree(case, ())
    assert not broken["quota"]
    assert [hold.subject for hold in lowered.holds] == ["tenant t"]
    assert not keeps("quota", case, place("a", ("n0", (1,))))


def capped(cap_w: int) -> Fleet:
    return small_fleet(power_caps=(PowerCap(partition="rack", domain="b0/r0", cap_w=cap_w),))


def test_power_cap_counts_idle_running_and_new_draw() -> None:
    # Rack b0/r0: 2 x 500 W idle, 700 W running, 700 W for each new GPU; half a GPU draws 350 W.
    def case(cap_w: int) -> Case:
        work = (gang("a"), gang("b"), gang("c", gpu_milli=500))
        return case_of(capped(cap_w), *work, running=(running("x", ("n0", (0,))),))

    two = (place("a", ("n0", (1,))), place("b", ("n1", (0,))))
    assert keeps("power_cap", case(3100), *two)
    assert not keeps("power_cap", case(3099), *two)
    assert keeps("power_cap", case(3099), two[0], place("b", ("n2", (0,))))
    half = place("c", ("n1", (1,)), milli=500)
    assert keeps("power_cap", case(2750), two[0], half)
    assert not keeps("power_cap", case(2749), two[0], half)


def test_a_model_that_no_rule_asks_for_says_nothing_about_the_draw() -> None:
    for cap_w, kept in ((1700, True), (1699, False)):
        case = case_of(capped(cap_w), gang("a", gpu_models=("A100",)))
        assert keeps("power_cap", case, place("a", ("n0", (0,)))) == kept, cap_w


def test_a_cap_that_cannot_be_reached_has_no_atom_and_a_broken_one_is_held() -> None:
    fleet = capped(1000 + 8 * 700)
    case = case_of(fleet, gang("a", 8), rules=(RuleSpec(name="power_cap", mode="require"),))
    assert [atom.rule for atom in lower(case, Fabric.from_fleet(fleet)).problem.atoms] == ["capacity"]
    broken = case.model_copy(update={"fleet": capped(999)})
    lowered = lower(broken, Fabric.from_fleet(broken.fleet))
    assert [hold.subject for hold in lowered.holds] == ["rack b0/r0"]
    assert not keeps("power_cap", broken, place("a", ("n0", (0,))))


def related(term: Affinity, *, apart: bool = False) -> dict[str, Any]:
    return {"anti_affinity" if apart else "affinity": (term,)}


def test_affinity_to_running_work_and_anti_affinity_in_both_directions() -> None:
    to_x, to_y = Affinity(level="rack", workloads=("x",)), Affinity(level="rack", workloads=("a",))
    case = case_of(
        FLEET,
        gang("a"),
        gang("near", workload=related(to_x)),
        gang("away", workload=related(to_x, apart=True)),
        running=(running("x", ("n0", (0,))), running("y", ("n6", (0,)), workload=related(to_y, apart=True))),
    )
    for name, where, kept in [
        ("near", "n1", True),
        ("near", "n2", False),
        ("away", "n2", True),
        ("away", "n1", False),
        ("a", "n0", True),
        ("a", "n7", False),
    ]:
        assert keeps("affinity", case, place(name, (where, (1,)))) == kept, (name, where)


def test_affinity_to_pending_work_follows_it() -> None:
    term = Affinity(level="rack", match={"app": "p"})
    case = case_of(FLEET, gang("lead", workload={"labels": {"app": "p"}}), gang("f", workload=related(term)))
    assert keeps("affinity", case, place("lead", ("n0", (0,))), place("f", ("n1", (0,))))
    assert not keeps("affinity", case, place("lead", ("n0", (0,))), place("f", ("n2", (0,))))
    assert keeps("affinity", case, place("lead", ("n0", (0,))))
    assert not keeps("affinity", case, place("f", ("n0", (0,))))


def test_affinity_without_any_target_cannot_be_met() -> None:
    case = case_of(FLEET, gang("a", workload=related(Affinity(level="rack", workloads=("gone",)))))
    assert not keeps("affinity", case, place("a", ("n0", (0,))))


def test_a_family_follows_its_first_member() -> None:
    fields = related(Affinity(level="rack", match={"app": "p"})) | {"labels": {"app": "p"}}
    case = case_of(FLEET, *(gang(name, workload=fields) for name in "abc"))
    assert keeps("affinity", case, place("a", ("n0", (0,))))
    assert keeps("affinity", case, *(place(name, ("n0", (slot,))) for slot, name in enumerate("abc")))
    assert not keeps("affinity", case, place("a", ("n0", (0,))), place("c", ("n2", (0,))))
    assert not keeps("affinity", case, place("b", ("n0", (0,))))


def test_a_family_that_keeps_apart_is_one_atom_and_all_others_another() -> None:
    fields = related(Affinity(level="node", match={"app": "p"}), apart=True)
    family = [gang(name, workload=fields | {"labels": {"app": "p"}}) for name in "abc"]
    case = case_of(FLEET, *family, gang("d", workload=fields))
    lowered = lower(
        case.model_copy(
            update={"policy": case.policy.model_copy(update={"rules": (RuleSpec(name="affinity", mode="require"),)})}
        ),
        Fabric.from_fleet(FLEET),
    )
    assert len(lowered.problem.atoms) == 1 + 1 + 1
    seats = [place(name, (f"n{slot}", (0,))) for slot, name in enumerate("abcd")]
    assert keeps("affinity", case, *seats)
    assert not keeps("affinity", case, *seats[:2], place("c", ("n0", (1,))))
    assert not keeps("affinity", case, *seats[:3], place("d", ("n0", (1,))))


def test_a_group_acts_as_one_block() -> None:
    term = Affinity(level="rack", workloads=("solo",))
    grouped = {"group": "g"}
    case = case_of(
        FLEET,
        gang("solo"),
        gang("a", workload=grouped | related(term, apart=True)),
        gang("b", workload=grouped),
        groups=(PlacementGroup(name="g", level="block"),),
    )
    away = (place("a", ("n2", (0,))), place("b", ("n3", (0,))))
    assert keeps("affinity", case, place("solo", ("n0", (0,))), *away)
    assert not keeps("affinity", case, place("solo", ("n0", (0,))), away[0], place("b", ("n1", (0,))))


def test_terms_inside_a_group_are_met_by_its_level_or_lost() -> None:
    def case(level: str, *, apart: bool) -> Case:
        term = related(Affinity(level=level, workloads=("b",)), apart=apart)
        members = (gang("a", workload={"group": "g"} | term), gang("b", workload={"group": "g"}))
        return case_of(FLEET, *members, groups=(PlacementGroup(name="g", level="rack"),))

    both = (place("a", ("n0", (0,))), place("b", ("n0", (1,))))
    assert keeps("affinity", case("block", apart=False), *both)
    assert not keeps("affinity", case("node", apart=False), *both)
    assert not keeps("affinity", case("rack", apart=True), *both)


def test_every_requirement_words_its_complaint_with_the_workload() -> None:
    audit = rule_named("gpu_model")
    case = case_of(FLEET, gang("a", gpu_models=("A100",)))
    fabric = Fabric.from_fleet(FLEET)
    assert audit is not None
    assert audit.kind == "hard"
    words = audit.audit(case, fabric, (place("a", ("n0", (0,))),))  # type: ignore[attr-defined]
    assert words == ["a role r needs A100; n0 has H100"]
