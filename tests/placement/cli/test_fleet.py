"""`moorage fleet`: schema and check."""

import json
from pathlib import Path

import pytest

from tests.placement.cli.conftest import Moorage
from topology.model import Fleet
from topology.synth import synth_fleet


def test_the_schema_is_that_of_the_fleet(moorage: Moorage) -> None:
    ran = moorage("fleet", "schema")
    assert ran.code == 0
    assert json.loads(ran.out) == Fleet.model_json_schema()


def test_a_good_fleet_is_described(moorage: Moorage, tmp_path: Path) -> None:
    path = tmp_path / "fleet.json"
    path.write_text(synth_fleet("nvl72", 36, 1).model_dump_json())
    ran = moorage("fleet", "check", path)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith("valid: fleet ")
    assert "36 nodes" in ran.out
    assert "GB200" in ran.out


def test_a_node_list_is_known_by_its_ending(moorage: Moorage, tmp_path: Path) -> None:
    path = tmp_path / "nodes.csv"
    path.write_text("sn,cpu_milli,memory_mib,gpu,model\nn1,64000,262144,2,T4\n")
    assert "1 nodes and 2 GPUs" in moorage("fleet", "check", path).out


@pytest.mark.badinput
@pytest.mark.parametrize("text", ["", "{", "[]", "null", "NaN", '{"name": 3}', '{"name": "f", "nodes": [{"id": ""}]}'])
def test_a_bad_fleet_is_one_line(text: str, moorage: Moorage, tmp_path: Path) -> None:
    path = tmp_path / "fleet.json"
    path.write_text(text)
    ran = moorage("fleet", "check", path)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.count("\n") == 1
    assert "; " in ran.err
