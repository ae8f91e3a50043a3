"""The fleet document refuses what is wrong, in one line that names the field and the mend."""

import json
from typing import Any

import pytest
from pydantic import ValidationError

from topology import Fleet, Health, Node, TopologyError
from topology.sources import parse_fleet_json


def document() -> dict[str, Any]:
    return {
        "name": "lab",
        "levels": [
            {"name": "block", "latency_us": 12, "bandwidth_gbps": 1600},
            {"name": "rack", "latency_us": 5, "bandwidth_gbps": 3200},
        ],
        "nodes": [
            {
                "id": "n1",
                "path": {"block": "b1", "rack": "r1"},
                "gpu_model": "H100",
                "gpu_count": 8,
                "unhealthy_gpus": [7],
                "cpu_milli": 1000,
                "memory_mib": 1024,
                "taints": [{"key": "gpu"}],
                "maintenance": [{"start_s": 10, "end_s": 20}],
                "health": "degraded",
                "feed": "f1",
            },
            {"id": "n2", "path": {"block": "b1"}, "cpu_milli": 1000, "memory_mib": 1024},
        ],
        "links": [{"a": "n1", "b": "rack:b1/r1", "bandwidth_gbps": 400, "latency_us": 2}],
        "power_caps": [
            {"partition": "rack", "domain": "b1/r1", "cap_w": 9000},
            {"partition": "feed", "domain": "f1", "cap_w": 9000},
            {"partition": "node", "domain": "n2", "cap_w": 900},
        ],
        "sites": [{"name": "b1", "tariff_micro_usd_kwh": 85000, "carbon_g_kwh": 350}],
    }


def test_a_good_document_is_read_and_survives_a_round_trip() -> None:
    fleet = parse_fleet_json(json.dumps(document()))
    assert fleet.nodes[0].health is Health.DEGRADED
    assert fleet.nodes[0].unhealthy_gpus == (7,)
    assert parse_fleet_json(fleet.model_dump_json()) == fleet


def test_the_schema_is_published() -> None:
    schema = Fleet.model_json_schema()
    assert set(schema["required"]) == {"name", "levels", "nodes"}
    assert schema["$defs"]["Node"]["properties"]["gpu_count"]["maximum"] == 64


def test_a_model_cannot_be_changed() -> None:
    node = Node(id="n", path={}, cpu_milli=1, memory_mib=1)
    with pytest.raises(ValidationError, match="frozen"):
        node.cpu_milli = 2  # type: ignore[misc]


BAD: tuple[tuple[str, Any, str, str], ...] = (
    ("nodes.0.id", "n2", "nodes[1].id", "occurs twice"),
    ("nodes.0.id", " n1", "nodes[0].id", "space at an end"),
    ("nodes.0.id", "n\x001", "nodes[0].id", "control characters"),
    ("nodes.0.id", "rack:n1", "nodes[0].id", "name of a domain"),
    ("nodes.0.id", "n" * 254, "nodes[0].id", "253"),
    ("nodes.0.path.room", "x", "nodes[0].path.room", "not a level; add the level or use one of: block, rack"),
    ("nodes.0.path.rack", "a/b", "nodes[0].path.rack", "contains '/'"),
    ("nodes.0.path.rack", "~a", "nodes[0].path.rack", "starts with '~'"),
    ("nodes.0.gpu_model", None, "nodes[0].gpu_model", "8 GPUs of no model"),
    ("nodes.1.gpu_model", "H100", "nodes[1].gpu_count", "no GPU"),
    ("nodes.0.unhealthy_gpus", [8], "nodes[0].unhealthy_gpus", "no GPU 8"),
    ("nodes.0.unhealthy_gpus", [1, 1], "nodes[0].unhealthy_gpus", "GPU 1 twice"),
    ("nodes.0.gpu_count", 65, "nodes[0].gpu_count", "64"),
    ("nodes.0.gpu_count", "8", "nodes[0].gpu_count", "without quotes"),
    ("nodes.0.gpu_count", 8.0, "nodes[0].gpu_count", "integer"),
    ("nodes.0.gpu_count", True, "nodes[0].gpu_count", "integer"),
    ("nodes.0.cpu_milli", 2**60, "nodes[0].cpu_milli", "less than or equal"),
    ("nodes.0.cpu_milli", -1, "nodes[0].cpu_milli", "greater than or equal to 0"),
    ("nodes.0.health", "ill", "nodes[0].health", "'healthy'"),
    ("nodes.0.colour", "red", "nodes[0].colour", "correct its spelling"),
    ("nodes.0.maintenance.0.end_s", 10, "nodes[0].maintenance[0].end_s", "not after start_s"),
    ("levels.1.name", "block", "levels[1].name", "occurs twice"),
    ("levels.1.name", "feed", "levels[1].name", "reserved"),
    ("links.0.b", "rack:b1/r2", "links[0].b", "such as rack:b1/r1"),
    ("links.0.b", "n3", "links[0].b", "neither a node id"),
    ("links.0.b", "n1", "links[0].b", "linked to itself"),
    ("power_caps.0.partition", "row", "power_caps[0].partition", "use one of: block, feed, node, rack"),
    ("power_caps.0.domain", "r1", "power_caps[0].domain", "there is no rack 'r1'"),
    ("sites.0.name", "b2", "nodes[0].path", "no energy figures"),
    ("default_site", "b9", "default_site", "use one of: b1"),
    ("schema_version", 2, "schema_version", "1"),
    ("schema_version", True, "schema_version", "integer"),
)


@pytest.mark.badinput
@pytest.mark.parametrize(("place", "value", "field", "says"), BAD)
def test_a_fault_names_the_field_and_the_mend(place: str, value: Any, field: str, says: str) -> None:
    bad = document()
    *steps, last = [int(step) if step.isdigit() else step for step in place.split(".")]
    inner: Any = bad
    for step in steps:
        inner = inner[step]
    inner[last] = value
    with pytest.raises(TopologyError) as caught:
        parse_fleet_json(json.dumps(bad))
    error = caught.value
    assert error.field == field
    assert says in str(error)
    assert error.mend
    assert str(error) == f"{error.field}: {error.problem}; {error.mend}"
    assert "\n" not in str(error)


@pytest.mark.badinput
@pytest.mark.parametrize("listed", ["links", "power_caps", "sites"])
def test_an_entry_may_not_occur_twice(listed: str) -> None:
    bad = document()
    bad[listed].append(bad[listed][0])
    with pytest.raises(TopologyError, match="occurs twice") as caught:
        parse_fleet_json(json.dumps(bad))
    assert caught.value.field.startswith(f"{listed}[{len(bad[listed]) - 1}].")


@pytest.mark.badinput
def test_a_link_is_the_same_in_both_directions() -> None:
    bad = document()
    link = bad["links"][0]
    bad["links"].append({**link, "a": link["b"], "b": link["a"]})
    with pytest.raises(TopologyError, match="occurs twice"):
        parse_fleet_json(json.dumps(bad))


@pytest.mark.badinput
def test_further_faults_are_counted() -> None:
    bad = document()
    del bad["name"]
    bad["nodes"][0]["nics"] = "many"
    bad["nodes"][1]["nics"] = None
    with pytest.raises(TopologyError, match=r"^name: .*add it \(and 2 further faults\)$"):
        parse_fleet_json(json.dumps(bad))


def test_a_default_site_serves_nodes_that_match_none() -> None:
    good = document()
    good["nodes"][1]["path"] = {}
    good["default_site"] = "b1"
    assert parse_fleet_json(json.dumps(good)).default_site == "b1"
