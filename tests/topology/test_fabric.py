"""The fabric is immutable, versioned by content, and blind to the order of its input."""

import dataclasses
import pickle
from typing import Any

import networkx as nx
import numpy as np
import pytest

from topology import Fabric, Fleet, Level, Link, Node, Site, Taint, TopologyError, synth_fleet

RACK = Level(name="rack", latency_us=5, bandwidth_gbps=3200)
BLOCK = Level(name="block", latency_us=12, bandwidth_gbps=1600)


def node(node_id: str, block: str, rack: str | None, **rest: Any) -> Node:
    path = {"block": block} if rack is None else {"block": block, "rack": rack}
    return Node(**{"id": node_id, "path": path, "cpu_milli": 1000, "memory_mib": 1024, **rest})


def small() -> Fleet:
    return Fleet(
        name="lab",
        levels=(BLOCK, RACK),
        nodes=(
            node("n3", "b2", "r1", gpu_model="L40S", gpu_count=4, price_micro_usd_h=9),
            node("n1", "b1", "r1", gpu_model="H100", gpu_count=8, unhealthy_gpus=(5, 2), feed="f"),
            node("n4", "b2", None, labels={"z": "1", "a": "2"}, taints=(Taint(key="z"), Taint(key="a"))),
            node("n2", "b1", "r1", gpu_model="H100", gpu_count=8),
        ),
        links=(
            Link(a="rack:b2/r1", b="n4", bandwidth_gbps=10, latency_us=3),
            Link(a="n1", b="n2", bandwidth_gbps=20, latency_us=1),
        ),
        sites=(
            Site(name="b2", tariff_micro_usd_kwh=7, carbon_g_kwh=70),
            Site(name="b1", tariff_micro_usd_kwh=5, carbon_g_kwh=50),
        ),
    )


def shuffled() -> Fleet:
    fleet = small()
    nodes = [
        n.model_copy(
            update={
                "path": dict(reversed(n.path.items())),
                "labels": dict(reversed(n.labels.items())),
                "taints": n.taints[::-1],
                "unhealthy_gpus": n.unhealthy_gpus[::-1],
            }
        )
        for n in reversed(fleet.nodes)
    ]
    links = [link.model_copy(update={"a": link.b, "b": link.a}) for link in reversed(fleet.links)]
    return fleet.model_copy(update={"nodes": tuple(nodes), "links": tuple(links), "sites": fleet.sites[::-1]})


def arrays(fabric: Fabric) -> dict[str, np.ndarray[Any, Any]]:
    values = {field.name: getattr(fabric, field.name) for field in dataclasses.fields(fabric)}
    return {name: value for name, value in values.items() if isinstance(value, np.ndarray)}


def test_rows_follow_the_sorted_ids() -> None:
    fabric = Fabric.from_fleet(small())
    assert [n.id for n in fabric.nodes] == ["n1", "n2", "n3", "n4"]
    assert fabric.index == {"n1": 0, "n2": 1, "n3": 2, "n4": 3}
    assert fabric.gpu_count.tolist() == [8, 8, 4, 0]
    assert fabric.gpu_models == ("H100", "L40S")
    assert fabric.gpu_model.tolist() == [0, 0, 1, -1]
    assert fabric.price_micro_usd_h.tolist() == [0, 0, 9, 0]
    assert fabric.tariff_micro_usd_kwh.tolist() == [5, 5, 7, 7]
    assert fabric.carbon_g_kwh.tolist() == [50, 50, 70, 70]
    assert [p.name for p in fabric.partitions] == ["block", "rack", "node", "feed"]


def test_the_version_ignores_order() -> None:
    assert Fabric.from_fleet(shuffled()).version == Fabric.from_fleet(small()).version
    assert Fabric.from_fleet(shuffled()).fleet.model_dump_json() == small().canonical().model_dump_json()


@pytest.mark.parametrize(
    "change", [{"cpu_milli": 1001}, {"labels": {"z": "2"}}, {"feed": "g"}, {"path": {"block": "b1"}}]
)
def test_the_version_sees_content(change: dict[str, Any]) -> None:
    fleet = small()
    nodes = (*fleet.nodes[:3], fleet.nodes[3].model_copy(update=change))
    other = Fleet(**{**dict(fleet), "nodes": nodes})
    assert Fabric.from_fleet(other).version != Fabric.from_fleet(fleet).version


@pytest.mark.parametrize("copy", [False, True], ids=["built", "unpickled"])
def test_nothing_can_be_changed(copy: bool) -> None:
    fabric = Fabric.from_fleet(small())
    if copy:
        fabric = pickle.loads(pickle.dumps(fabric))  # noqa: S301 - our own bytes
        assert fabric.version == Fabric.from_fleet(small()).version
    found = arrays(fabric)
    assert len(found) == 11
    for name, array in found.items():
        assert array.dtype == np.int64, name
        assert not array.flags.writeable, name
    with pytest.raises(dataclasses.FrozenInstanceError):
        fabric.version = "x"  # type: ignore[misc]
    with pytest.raises(TypeError):
        fabric.index["n9"] = 9  # type: ignore[index]
    with pytest.raises(nx.NetworkXError, match=r"[Ff]rozen"):
        fabric.graph.add_node("x")


def test_an_unknown_partition_names_the_known_ones() -> None:
    with pytest.raises(TopologyError, match="use one of: block, rack, node, feed"):
        Fabric.from_fleet(small()).partition("row")


def test_the_graph_is_a_tree_with_measured_links_across() -> None:
    fabric = Fabric.from_fleet(small())
    assert "graph" not in vars(fabric)
    graph = fabric.graph
    assert graph is fabric.graph
    # fleet, 2 blocks, 3 racks (one is n4 alone), 4 nodes: a tree of 10 vertices, and two links.
    assert graph.number_of_nodes() == 10
    assert graph.number_of_edges() == 9 + 2
    assert graph.nodes["rack:b1/r1"] == {"kind": "domain", "level": "rack", "nodes": 2}
    assert graph.edges["rack:b1/r1", "block:b1"] == {
        "kind": "uplink",
        "latency_us": 5,
        "bandwidth_gbps": 3200,
    }
    assert graph.edges["block:b1", "fleet:lab"]["bandwidth_gbps"] == 1600
    assert graph.edges["n4", "rack:b2/~n4"] == {"kind": "uplink", "latency_us": 0}
    assert graph.edges["n1", "n2"] == {"kind": "link", "latency_us": 1, "bandwidth_gbps": 20}


def test_a_link_to_the_parent_replaces_the_figures_of_the_uplink() -> None:
    fleet = small()
    link = Link(a="block:b1", b="rack:b1/r1", bandwidth_gbps=77, latency_us=6)
    graph = Fabric.from_fleet(Fleet(**{**dict(fleet), "links": (link,)})).graph
    assert graph.edges["rack:b1/r1", "block:b1"] == {
        "kind": "uplink",
        "latency_us": 6,
        "bandwidth_gbps": 77,
    }


def test_an_empty_fleet_is_a_fabric_without_nodes() -> None:
    fabric = Fabric.from_fleet(Fleet(name="empty", levels=(RACK,), nodes=()))
    assert [p.domain_names for p in fabric.partitions] == [(), ()]
    assert fabric.graph.number_of_nodes() == 1


@pytest.mark.slow
def test_the_largest_fleet_compiles_without_its_graph() -> None:
    fabric = Fabric.from_fleet(synth_fleet("hgx", 16_384, 0))
    assert "graph" not in vars(fabric)
