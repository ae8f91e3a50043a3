"""`moorage topology show`: a tree whose figures add up."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from placement.model import Case
from placement.report import Occupancy, occupancy
from tests.placement.cli.conftest import Moorage
from topology.edits import Derate, Drain, Fail, Relabel, apply


def leaves(one: Occupancy) -> list[Occupancy]:
    return [leaf for inner in one.below for leaf in leaves(inner)] if one.below else [one]


def test_the_figures_of_a_domain_are_the_sums_of_what_is_below(case: Case) -> None:
    fleet = apply(case.fleet, [Drain(part="h100-00002"), Fail(part="h100-00003"), Derate(part="h100-00004", gpus=5)])
    root = occupancy(fleet, case.running)
    todo = [root]
    while todo:
        one = todo.pop()
        todo.extend(one.below)
        if one.below:
            for name in ("nodes", "gpus", "used_gpu_milli", "free_gpu_milli", "unhealthy_gpus", "power_w"):
                assert getattr(one, name) == sum(getattr(inner, name) for inner in one.below), (one.part, name)
    assert root.nodes == len(fleet.nodes)
    held = sum(d.milli for r in case.running for replica in r.replicas for d in replica.devices)
    assert root.used_gpu_milli == held
    found = {leaf.part: leaf for leaf in leaves(root)}
    assert set(found) == {node.id for node in fleet.nodes}
    assert (found["h100-00002"].free_gpu_milli, found["h100-00003"].free_gpu_milli) == (0, 0)
    assert found["h100-00004"].unhealthy_gpus >= 3
    assert sum(leaf.power_w for leaf in found.values()) == root.power_w


def test_free_and_used_speak_of_the_same_devices(case: Case) -> None:
    for leaf in leaves(occupancy(case.fleet, case.running)):
        node = next(node for node in case.fleet.nodes if node.id == leaf.part)
        if node.health.value in {"healthy", "degraded"}:
            assert leaf.used_gpu_milli + leaf.free_gpu_milli <= 1000 * node.gpu_count
            assert leaf.used_gpu_milli + leaf.free_gpu_milli >= 1000 * (node.gpu_count - len(node.unhealthy_gpus))


def test_every_part_that_is_shown_can_be_asked_for(case: Case) -> None:
    fleet = apply(case.fleet, [Relabel(part="h100-00001", path={"rack": None})])
    todo = [occupancy(fleet, case.running)]
    seen = 0
    while todo:
        one = todo.pop()
        todo.extend(one.below)
        if one.level != "fleet":
            assert occupancy(fleet, case.running, at=one.part) == one
            seen += 1
    assert seen > len(fleet.nodes)
    assert occupancy(fleet, case.running, at="feed:b00-l0-a").nodes == 8


def test_a_case_is_shown_as_a_tree(moorage: Moorage, case_file: Path, case: Case) -> None:
    ran = moorage("topology", "show", case_file)
    assert (ran.code, ran.err) == (0, "")
    lines = ran.out.splitlines()
    assert lines[0].startswith(f"fleet {case.fleet.name}: 16 nodes, 60")
    assert any("leaf l0: 15 nodes" in line for line in lines)
    assert "h100-00000" not in ran.out
    deep = moorage("topology", "show", case_file, "--depth", "9", "--part", "rack:site-a/b00/l0/r3").out
    assert deep.splitlines()[0].startswith("rack r3: 3 nodes")
    assert sum("h100-" in line for line in deep.splitlines()) == 3
    assert moorage("topology", "show", case_file, "--depth", "0").out.count("\n") == 1


def test_a_fleet_is_shown_as_json(moorage: Moorage, case: Case, tmp_path: Path) -> None:
    fleet = tmp_path / "fleet.json.gz"
    fleet.write_bytes(gzip.compress(case.fleet.model_dump_json().encode()))
    ran = moorage("topology", "show", fleet, "--depth", "1", "-o", "json")
    assert (ran.code, ran.err) == (0, "")
    told: dict[str, Any] = json.loads(ran.out)
    assert (told["nodes"], told["used_gpu_milli"]) == (16, 0)
    assert [below["part"] for below in told["below"]] == ["site:site-a"]
    assert told["below"][0]["below"] == []


@pytest.mark.badinput
@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("x.json", "{", "invalid JSON"),
        ("x.json", '{"name": "x"}', "levels"),
        ("x.json", '{"fleet": {}}', "fleet.name"),
        ("x.json", "[1]", "fleet: "),
        ("x.json", "\u00ff".encode("latin-1").decode("latin-1"), "invalid JSON"),
        ("x.yaml", "a: [", "is not YAML"),
        ("x.txt", "{}", "has no known ending"),
    ],
)
def test_what_is_no_fleet_and_no_case_is_told(
    name: str, text: str, told: str, moorage: Moorage, tmp_path: Path
) -> None:
    (tmp_path / name).write_text(text)
    ran = moorage("topology", "show", tmp_path / name)
    assert (ran.code, ran.out) == (2, "")
    assert told in ran.err
    assert ran.err.count("\n") == 1


@pytest.mark.badinput
def test_a_part_that_is_not_there_is_told(moorage: Moorage, case_file: Path) -> None:
    ran = moorage("topology", "show", case_file, "--part", "rack:site-a/b00/l0/r33")
    assert ran.code == 2
    assert "--part: the fleet has no node and no domain" in ran.err
    assert "did you mean rack:site-a/b00/l0/r3" in ran.err
