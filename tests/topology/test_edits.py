"""Edits give the fleet that they say, name their parts as a person would, and refuse what cannot be meant."""

import pytest
from pydantic import TypeAdapter, ValidationError

from topology import Fabric, Fleet, Health, Level, Link, Node, PowerCap, Site, TopologyError, synth_fleet
from topology.edits import Add, Derate, Drain, Edit, Fail, Relabel, Restore, apply
from topology.parts import Parts

LEVELS = (
    Level(name="block", latency_us=12, bandwidth_gbps=1600),
    Level(name="rack", latency_us=5, bandwidth_gbps=3200),
)


def node(node_id: str, block: str, rack: str, **more: object) -> Node:
    fields = {
        "gpu_model": "H100", "gpu_count": 8, "cpu_milli": 1000, "memory_mib": 1024,
        "idle_power_w": 1000, "gpu_power_w": 500, "feed": "row1", **more,
    }  # fmt: skip
    return Node(id=node_id, path={"block": block, "rack": rack}, **fields)  # type: ignore[arg-type]


FLEET = Fleet(
    name="lab",
    levels=LEVELS,
    nodes=(node("n1", "b1", "r1"), node("n2", "b1", "r1"), node("n3", "b1", "r2"), node("n4", "b2", "r1")),
    power_caps=(PowerCap(partition="rack", domain="b1/r1", cap_w=9_000),),
    links=(Link(a="rack:b1/r1", b="rack:b1/r2", bandwidth_gbps=800, latency_us=9),),
)


def health(fleet: Fleet) -> dict[str, str]:
    return {n.id: n.health.value for n in fleet.nodes if n.health is not Health.HEALTHY}


@pytest.mark.parametrize(
    ("name", "nodes"),
    [
        ("n3", {"n3"}),
        ("node:n3", {"n3"}),
        ("rack:b1/r1", {"n1", "n2"}),
        ("rack:r2", {"n3"}),
        ("b2/r1", {"n4"}),
        ("r2", {"n3"}),
        ("block:b1", {"n1", "n2", "n3"}),
        ("b2", {"n4"}),
        ("feed:row1", {"n1", "n2", "n3", "n4"}),
        ("row1", {"n1", "n2", "n3", "n4"}),
    ],
)
def test_a_part_is_found_by_any_name_that_only_it_has(name: str, nodes: set[str]) -> None:
    part = Parts(FLEET.level_names, FLEET.nodes).find(name)
    assert set(part.nodes) == nodes
    assert Parts(FLEET.level_names, FLEET.nodes).find(str(part)) == part
    assert set(health(apply(FLEET, [Drain(part=name)]))) == nodes


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("r1", "rack:b1/r1, rack:b2/r1"),
        ("rack:r1", "rack:b1/r1, rack:b2/r1"),
        ("n33", "n3"),
        ("rack:b1/r3", "rack:b1/r1"),
        ("rack:b1/rr2", "rack:b1/r2"),
        ("pod:b1", "block:b1"),
        ("zzzzzz", "block:NAME, rack:NAME, feed:NAME"),
    ],
)
def test_a_part_that_is_not_there_names_its_field_and_the_nearest(name: str, told: str) -> None:
    with pytest.raises(TopologyError) as caught:
        apply(FLEET, [Drain(part="n1"), Fail(part=name)])
    assert caught.value.field == "edits[1].part"
    assert repr(name) in caught.value.problem
    assert told in str(caught.value)


def test_drain_fail_and_restore_set_the_health() -> None:
    assert health(apply(FLEET, [Drain(part="n1"), Fail(part="n2")])) == {"n1": "cordoned", "n2": "failed"}
    assert health(apply(FLEET, [Fail(part="n2"), Drain(part="b1/r1")])) == {"n1": "cordoned", "n2": "failed"}
    assert health(apply(FLEET, [Fail(part="block:b1"), Restore(part="rack:b1/r1")])) == {"n3": "failed"}
    assert health(FLEET) == {}


def test_no_edit_changes_nothing_and_the_rest_of_the_fleet_stays() -> None:
    assert apply(FLEET, []) == FLEET
    assert Fabric.from_fleet(apply(FLEET, [Drain(part="n1"), Restore(part="n1")])).version == (
        Fabric.from_fleet(FLEET).version
    )


def test_power_is_derated_from_the_cap_or_from_the_peak() -> None:
    caps = {c.domain: c.cap_w for c in apply(FLEET, [Derate(part="b1/r1", power_percent=50)]).power_caps}
    assert caps == {"b1/r1": 4_500}
    caps = {c.domain: c.cap_w for c in apply(FLEET, [Derate(part="block:b2", power_percent=80)]).power_caps}
    assert caps["b2"] == (1000 + 8 * 500) * 80 // 100
    fleet = apply(FLEET, [Derate(part="n4", power_w=3_000), Derate(part="feed:row1", power_w=10_000)])
    assert {(c.partition, c.domain, c.cap_w) for c in fleet.power_caps} >= {
        ("node", "n4", 3_000),
        ("feed", "row1", 10_000),
    }


def test_gpus_are_derated_from_the_highest_index_of_the_healthy() -> None:
    fleet = apply(FLEET, [Derate(part="n1", gpus=6), Derate(part="n1", gpus=5), Derate(part="n1", gpus=7)])
    assert fleet.nodes[0].unhealthy_gpus == (5, 6, 7)
    broken = Fleet(
        name="f", levels=(), nodes=(node("x", "b", "r", unhealthy_gpus=(0,)).model_copy(update={"path": {}}),)
    )
    assert apply(broken, [Derate(part="x", gpus=6)]).nodes[0].unhealthy_gpus == (0, 7)


def test_a_whole_domain_takes_its_cap_and_its_links_along() -> None:
    fleet = apply(FLEET, [Relabel(part="b1/r1", path={"block": "b9", "rack": "r7"})])
    assert [(c.domain, c.cap_w) for c in fleet.power_caps] == [("b9/r7", 9_000)]
    assert [(link.a, link.b) for link in fleet.links] == [("rack:b9/r7", "rack:b1/r2")]
    moved = apply(FLEET, [Relabel(part="n1", path={"rack": "r2"}, labels={"pool": "slow"})])
    assert moved.nodes[0].path == {"block": "b1", "rack": "r2"}
    assert moved.nodes[0].labels == {"pool": "slow"}
    assert [c.domain for c in moved.power_caps] == ["b1/r1"]
    assert apply(moved, [Relabel(part="n1", path={"rack": None}, labels={"pool": ""})]).nodes[0].labels == {}
    assert apply(moved, [Relabel(part="n1", path={"rack": ""})]).nodes[0].path == {"block": "b1"}


def test_relabel_sees_the_parts_of_the_edit_before() -> None:
    fleet = apply(FLEET, [Relabel(part="n1", path={"rack": "r9"}), Drain(part="r9")])
    assert health(fleet) == {"n1": "cordoned"}


@pytest.mark.parametrize(
    ("edit", "field", "told"),
    [
        (Relabel(part="n1", path={"row": "x"}), "edits[0].path.row", "block, rack"),
        (Add(kind="hgy", count=1), "edits[0].kind", "hgx, nvl72"),
        (Add(kind="n", count=1), "edits[0].kind", "did you mean n"),
        (Add(kind="hgx", count=1, at="feed:row1"), "edits[0].at", "block, rack"),
        (Derate(part="cpu", gpus=1), "edits[0].gpus", "no GPUs"),
        (Derate(part="cpu", power_percent=50), "edits[0].power_percent", "power_w"),
    ],
)
def test_what_cannot_be_done_names_its_field(edit: Edit, field: str, told: str) -> None:
    cpu = Node(id="cpu", path={"block": "b1", "rack": "r9"}, cpu_milli=1, memory_mib=1)
    fleet = Fleet(name="lab", levels=LEVELS, nodes=(*FLEET.nodes, cpu))
    with pytest.raises(TopologyError) as caught:
        apply(fleet, [edit])
    assert caught.value.field == field
    assert told in str(caught.value)


def test_a_capped_domain_is_not_torn_apart() -> None:
    with pytest.raises(TopologyError, match="power cap"):
        apply(FLEET, [Relabel(part="b1/r1", path={"rack": None})])


@pytest.mark.parametrize(
    "bad",
    [
        {"op": "explode", "part": "n1"},
        {"op": "drain"},
        {"op": "drain", "part": ""},
        {"op": "drain", "part": "n1", "extra": 1},
        {"op": "add", "kind": "hgx", "count": 0},
        {"op": "add", "kind": "hgx", "count": "4"},
        {"op": "derate", "part": "n1"},
        {"op": "derate", "part": "n1", "gpus": 1, "power_w": 2},
        {"op": "derate", "part": "n1", "power_percent": 101},
        {"op": "relabel", "part": "n1"},
        {"op": "relabel", "part": "n1", "path": {"rack": "a/b"}},
        {"part": "n1"},
    ],
)
def test_a_malformed_edit_is_refused(bad: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Edit).validate_python(bad)


def test_reference_nodes_are_added_in_racks_of_their_own() -> None:
    before = synth_fleet("hgx", 64, 1)
    after = apply(before, [Add(kind="hgx", count=6), Add(kind="nvl72", count=20), Add(kind="hgx", count=1)])
    new = {n.id: n for n in after.nodes[len(before.nodes) :]}
    assert list(new)[:2] == ["h100-add1-0000", "h100-add1-0001"]
    assert "h100-add3-0000" in new
    fabric = Fabric.from_fleet(after)
    racks = fabric.partition("rack")
    sizes = {
        racks.domain_names[d]: int((racks.domain_of == d).sum())
        for d in {int(racks.domain_of[fabric.index[i]]) for i in new}
    }
    assert sizes == {
        "site-a/add1-b0/add1-l0/add1-r0": 4,
        "site-a/add1-b0/add1-l0/add1-r1": 2,
        "site-a/add2-b0/add2-l0/add2-r0": 18,
        "site-a/add2-b0/add2-l0/add2-r1": 2,
        "site-a/add3-b0/add3-l0/add3-r0": 1,
    }
    assert new["gb200-add2-0000"].path["nvlink"] == "add2-nv0"
    assert "nvlink" not in new["h100-add1-0000"].path
    assert new["h100-add1-0000"].gpu_count == 8
    assert after.power_caps == before.power_caps


def test_nodes_are_added_to_a_domain_or_copied_from_a_node() -> None:
    fleet = apply(
        FLEET, [Drain(part="n4"), Add(kind="n4", count=2, at="block:b2"), Add(kind="hgx", count=1, at="b1/r2")]
    )
    copy = next(n for n in fleet.nodes if n.id == "n4-add1-0001")
    assert copy.path == {"block": "b2", "rack": "add1"}
    assert (copy.health, copy.feed, copy.gpu_power_w) == (Health.HEALTHY, None, 500)
    placed = next(n for n in fleet.nodes if n.id == "h100-add2-0000")
    assert placed.path == {"block": "b1", "rack": "r2"}


def test_added_nodes_stand_where_the_energy_figures_reach() -> None:
    fleet = Fleet(
        name="one",
        levels=(Level(name="site", latency_us=1, bandwidth_gbps=1),),
        nodes=(node("n1", "b", "r").model_copy(update={"path": {"site": "s"}}),),
        sites=(Site(name="s", tariff_micro_usd_kwh=1, carbon_g_kwh=1),),
    )
    assert apply(fleet, [Add(kind="cpu", count=1)]).nodes[-1].path == {"site": "s"}
    bare = Fleet(name="bare", levels=(), nodes=())
    assert [n.id for n in apply(bare, [Add(kind="cpu", count=2)]).nodes] == ["cpu-add1-0000", "cpu-add1-0001"]
