"""A changed case is what the change says: nodes drained or lost, work displaced, settings set, all checked."""

import pytest

from placement.errors import InputError
from placement.model import Budget, Case, Device, Replica, Role, Running, Subgroup, Tenant, Workload
from placement.whatif import Change, apply, displace, parse_add, parse_derate, parse_relabel, parse_setting
from tests.placement.rules.small import gang, small_fleet
from topology.edits import Add, Derate, Drain, Fail, Relabel


def runs(workload: Workload, *nodes: str, first: int = 0) -> Running:
    """The workload on these nodes, one GPU per replica, devices counted per node."""
    used: dict[str, int] = {}
    replicas = []
    for name in nodes:
        index = used.setdefault(name, first)
        used[name] += 1
        replicas.append(Replica(subgroup="s", role="r", node=name, devices=(Device(index=index),)))
    return Running(workload=workload, replicas=tuple(replicas))


def case(**more: object) -> Case:
    given: dict[str, object] = {
        "fleet": small_fleet(),
        "workloads": (gang("p", 2), gang("q", 1, workload={"tenant": "team.a"})),
        "running": (runs(gang("a", 2), "n0", "n1"), runs(gang("b", 3, min_replicas=2), "n0", "n2", "n3", first=2)),
        "tenants": (Tenant(name="team.a", weight=2),),
    }
    return Case(**(given | more))  # type: ignore[arg-type]


def test_drained_nodes_keep_their_work() -> None:
    after = apply(case(), Change(edits=(Drain(part="n0"),)))
    assert after.running == case().running
    assert after.workloads == case().workloads
    assert after.id != case().id


def test_what_ran_on_failed_nodes_waits_again_unless_enough_of_it_is_left() -> None:
    after = apply(case(), Change(edits=(Fail(part="n0"),)))
    assert [w.id for w in after.workloads] == ["p", "q", "a"]
    assert [(r.workload.id, [x.node for x in r.replicas]) for r in after.running] == [("b", ["n2", "n3"])]
    after = apply(case(), Change(edits=(Fail(part="n0"), Fail(part="n2"))))
    assert {w.id for w in after.workloads} == {"p", "q", "a", "b"}
    assert after.running == ()


def test_work_on_nodes_that_had_failed_before_is_held_not_displaced() -> None:
    once = apply(case(), Change(edits=(Fail(part="n0"),)))
    held = once.model_copy(update={"running": (runs(gang("z"), "n0"),)})
    assert apply(held, Change(edits=(Fail(part="n1"),))).running == held.running


def test_a_gang_survives_by_whole_subgroups() -> None:
    role = Role(name="r", replicas=2, gpus=1)
    twice = Workload(
        id="w", subgroups=(Subgroup(name="s", roles=(role,)), Subgroup(name="t", roles=(role,))), min_subgroups=1
    )
    seats = [("s", "n0", 0), ("s", "n1", 0), ("t", "n2", 0), ("t", "n3", 0)]
    one = Running(
        workload=twice,
        replicas=tuple(Replica(subgroup=s, role="r", node=n, devices=(Device(index=i),)) for s, n, i in seats),
    )
    kept, displaced = displace((one,), {"n1"})
    assert displaced == ()
    assert [replica.node for replica in kept[0].replicas] == ["n2", "n3"]
    assert displace((one,), {"n1", "n2"}) == ((), (twice,))
    assert displace((one,), {"n7"}) == ((one,), ())


def test_settings_reach_their_fields() -> None:
    after = apply(
        case(),
        Change(
            set={
                "policy.price.weight": 7,
                "policy.carbon.tier": 4,
                "policy.power_cap.mode": "off",
                "policy.quota.mode": "hold",
                "policy.refused.params.weight_by_tier": [9, 3, 2, 1],
                "tenant.team.a.quota": 6,
                "tenant.team.a.quota.H100": "0.5",
                "tenant.default.weight": 3,
                "budget.work": 50,
                "seed": 9,
                "workload.p.priority": 900,
                "workload.p.kind": "inference",
                "workload.p.replicas": 4,
                "running.*.movable": True,
                "running.a.evictable": True,
            }
        ),
    )
    rules = {spec.name: spec for spec in after.policy.rules}
    assert (rules["price"].weight, rules["carbon"].tier, rules["quota"].mode) == (7, 4, "hold")
    assert "power_cap" not in rules
    assert rules["refused"].params == {"weight_by_tier": [9, 3, 2, 1]}
    tenants = {tenant.name: tenant for tenant in after.tenants}
    assert tenants["team.a"] == Tenant(name="team.a", weight=2, quota_gpu_milli=6000, quota_by_model={"H100": 500})
    assert tenants["default"].weight == 3
    assert (after.budget, after.seed) == (Budget(work=50), 9)
    work = {workload.id: workload for workload in after.workloads}
    assert (work["p"].priority, work["p"].kind.value, work["p"].subgroups[0].roles[0].replicas) == (900, "inference", 4)
    assert work["q"] == case().workloads[1]
    assert [(one.movable, one.evictable) for one in after.running] == [(True, True), (True, False)]


def test_a_quota_is_lifted_and_a_rule_is_added() -> None:
    limited = case(tenants=(Tenant(name="team.a", quota_gpu_milli=1, quota_by_model={"H100": 1}),))
    after = apply(limited, Change(set={"tenant.team.a.quota": "none", "tenant.team.a.quota.H100": "none"}))
    assert after.tenants == (Tenant(name="team.a"),)
    bare = apply(case(), Change(set={"policy.price.mode": "off"}))
    assert "price" not in {spec.name for spec in bare.policy.rules}
    back = apply(bare, Change(set={"policy.price.tier": 5}))
    assert next(spec for spec in back.policy.rules if spec.name == "price").tier == 5


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("policy.prise.weight", 2, "price"),
        ("policy.price.wait", 2, "policy.RULE.weight"),
        ("policy.price.weight", -1, "at least 0"),
        ("policy.price.weight", 10**12, "at most 1000000"),
        ("policy.price.weight", "heavy", "whole number"),
        ("policy.price.tier", 10, "at most 9"),
        ("policy.price.mode", "require", "prefer"),
        ("policy.price.params.x", 1, "no such parameter"),
        ("policy.quota.weight", 2, "no weight"),
        ("policy.gang.mode", "off", "always holds"),
        ("tenant.team.b.quota", 2, "team.a"),
        ("tenant.team.a.quota", "many", "64 or 0.5"),
        ("tenant.team.a.quota", -1, "0 or more"),
        ("tenant.team.a.quota", True, "no number"),
        ("tenant.team.a.quota", "1e300", "GPUs"),
        ("tenant.team.a.quota.H200", 2, "H100"),
        ("budget.wall_ms", 0, "at least 1"),
        ("budget.wall", 1, "budget.wall_ms"),
        ("seed", -1, "at least 0"),
        ("workload.nope.priority", 1, "pending workload"),
        ("workload.p.priority", 1001, "at most 1000"),
        ("workload.p.colour", "red", "cannot be set"),
        ("workload.p.kind", "party", "training"),
        ("running.a.movable", "yes", "true or false"),
        ("running.zz.movable", True, "running workload"),
        ("everything", 1, "use"),
    ],
)
def test_a_setting_that_cannot_be_meant_names_itself_and_the_mend(name: str, value: object, told: str) -> None:
    with pytest.raises(InputError) as caught:
        apply(case(), Change(set={name: value}))
    assert caught.value.field == f"set.{name}"
    assert told in str(caught.value)


def test_a_rule_that_the_policy_lacks_needs_its_tier_first() -> None:
    bare = apply(case(), Change(set={"policy.price.mode": "off"}))
    with pytest.raises(InputError, match=r"policy\.price\.tier=3 first"):
        apply(bare, Change(set={"policy.price.weight": 2}))


def test_a_part_that_is_not_there_is_told_by_its_place_in_the_change() -> None:
    with pytest.raises(InputError) as caught:
        apply(case(), Change(edits=(Drain(part="n0"), Drain(part="n99"))))
    assert caught.value.field == "edits[1].part"


def test_textual_forms() -> None:
    assert parse_add("hgx:4") == Add(kind="hgx", count=4)
    assert parse_add("n0:2@rack:b1/r0") == Add(kind="n0", count=2, at="rack:b1/r0")
    assert parse_derate("rack:b1/r0=80%") == Derate(part="rack:b1/r0", power_percent=80)
    assert parse_derate("n1=6gpus") == Derate(part="n1", gpus=6)
    assert parse_derate("feed:x=12000W") == Derate(part="feed:x", power_w=12_000)
    assert parse_relabel("n1=path.rack:r9,labels.pool:") == Relabel(part="n1", path={"rack": "r9"}, labels={"pool": ""})
    assert parse_setting("a.b=2") == ("a.b", 2)
    assert parse_setting("a.b=true") == ("a.b", True)
    assert parse_setting("a.b=[1,2]") == ("a.b", [1, 2])
    assert parse_setting("a.b=0.5") == ("a.b", "0.5")


@pytest.mark.parametrize("text", ["hgx", "hgx:", ":4", "hgx:4x", "hgx:-1", "hgx:4@", "hgx:0", "hgx:99999999"])
def test_a_bad_addition_is_refused(text: str) -> None:
    with pytest.raises(InputError, match=r"^--add: "):
        parse_add(text, "--add")


@pytest.mark.parametrize("text", ["n1", "n1=", "=80%", "n1=80", "n1=101%", "n1=-1W", "n1=65gpus", "n1=8kW"])
def test_a_bad_derating_is_refused(text: str) -> None:
    with pytest.raises(InputError, match=r"^--derate: "):
        parse_derate(text, "--derate")


@pytest.mark.parametrize("text", ["n1", "n1=", "n1=rack:r9", "n1=path.rack", "=path.rack:r9", "n1=path.rack:a/b"])
def test_a_bad_relabelling_is_refused(text: str) -> None:
    with pytest.raises(InputError, match=r"^--relabel: "):
        parse_relabel(text, "--relabel")


@pytest.mark.parametrize("text", ["", "=", "a", "a=", "=2", "a=[1", "a={"])
def test_a_bad_setting_is_refused(text: str) -> None:
    with pytest.raises(InputError, match=r"^--set: "):
        parse_setting(text, "--set")
