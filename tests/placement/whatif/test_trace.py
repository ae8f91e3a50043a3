"""What-if on the measured trace, by the command: drain of a tenth of the nodes, doubling of a quota, both checked."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from placement.cases.openb import openb_case
from placement.cli.app import run
from placement.model import Case, Tenant, read_case, read_decision

pytestmark = [
    pytest.mark.data,
    pytest.mark.skipif("MOORAGE_DATA" not in os.environ, reason="set MOORAGE_DATA to the folder of measured data"),
]


def trace(fill: float, pending: int) -> Case:
    folder = Path(os.environ["MOORAGE_DATA"]) / "openb_replay"
    nodes, pods = (folder / f"default_seed42_{name}.csv.gz" for name in ("nodes", "pods"))
    return openb_case(nodes, pods, fill=fill, pending=pending).case


def asked(
    case: Case, folder: Path, capsys: pytest.CaptureFixture[str], *args: str
) -> tuple[dict[str, Any], Case, Path, Path]:
    """Ask `moorage whatif`, let `moorage check` judge both decisions; the comparison, the changed case, the files."""
    paths = {name: folder / f"{name}.json" for name in ("case", "after", "d0", "d1")}
    paths["case"].write_text(case.to_json())
    command = ["whatif", str(paths["case"]), *args, "--time-limit", "4s", "-o", "json"]
    outputs = {"--out-case": "after", "--out-before": "d0", "--out-after": "d1"}
    command += [text for option, name in outputs.items() for text in (option, str(paths[name]))]
    assert run(command) == 0
    told = json.loads(capsys.readouterr().out)
    for document, decision in (("case", "d0"), ("after", "d1")):
        assert run(["check", str(paths[document]), str(paths[decision])]) == 0
        assert capsys.readouterr().out.startswith("valid: ")
    return told, read_case(paths["after"]), paths["d0"], paths["d1"]


def test_a_tenth_of_the_nodes_is_drained(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    case = trace(0.95, 200)
    drained = {node.id for node in case.fleet.nodes[::10]}
    (tmp_path / "edits.json").write_text(json.dumps({"edits": [{"op": "drain", "part": part} for part in drained]}))
    told, after, d0, d1 = asked(case, tmp_path, capsys, "--edits", str(tmp_path / "edits.json"))
    assert {node.id for node in after.fleet.nodes if node.health.value == "cordoned"} == drained
    assert after.running == case.running
    decision = read_decision(d1)
    assert not drained & {replica.node for placement in decision.placements for replica in placement.replicas}
    for side, path in (("before", d0), ("after", d1)):
        held = read_decision(path)
        assert told[f"placed_{side}"] == len(held.placements)
        assert [tier[f"value_{side}"] for tier in told["tiers"]] == [tier.value for tier in held.tiers]
        assert [tier[f"bound_{side}"] for tier in told["tiers"]] == [tier.bound for tier in held.tiers]
    first = told["tiers"][0]
    assert first["most"] >= first["difference"] >= first["least"]
    lost = sum(fate["kind"] == "lost" for fate in told["fates"])
    gained = sum(fate["kind"] == "gained" for fate in told["fates"])
    assert told["placed_before"] - told["placed_after"] == lost - gained


def test_a_quota_is_doubled(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    case = trace(0.85, 200)
    used = sum(device.milli for one in case.running for replica in one.replicas for device in replica.devices)
    quota_gpus = -(-used // 1000) + 10
    tight = case.model_copy(update={"tenants": (Tenant(name="openb", quota_gpu_milli=1000 * quota_gpus),)})
    told, after, d0, d1 = asked(tight, tmp_path, capsys, "--set", f"tenant.openb.quota={2 * quota_gpus}")
    assert after.tenants[0].quota_gpu_milli == 2000 * quota_gpus
    share = told["tenants"][0]
    assert share["gpus_before"] <= quota_gpus < share["gpus_after"] <= 2 * quota_gpus
    assert told["placed_after"] > told["placed_before"]
    assert told["tiers"][0]["says"].startswith("better")
    assert {one.rule for one in read_decision(d0).unplaced} & {"quota", None}
    assert len(read_decision(d1).placements) == told["placed_after"]
