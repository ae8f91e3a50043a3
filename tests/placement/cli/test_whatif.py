"""`moorage whatif` through the real program: both sides decided, both checked, the difference told."""

import json
from pathlib import Path

import pytest

from placement.cases.synth import synth_case
from placement.model import Budget, Case, read_case, read_decision
from tests.placement.cli.conftest import ROOT, Moorage


def test_both_sides_are_decided_written_and_hold_up_to_the_check(
    program: Moorage, case_file: Path, case: Case, tmp_path: Path
) -> None:
    out = {name: tmp_path / f"{name}.out.json" for name in ("before", "after", "case")}
    node = case.running[0].replicas[0].node
    ran = program(
        *("whatif", case_file, "--fail", node, "--add", "hgx:2", "--set", "policy.price.weight=2", "-o", "json"),
        *("--out-before", out["before"], "--out-after", out["after"], "--out-case", out["case"]),
    )
    assert (ran.code, ran.err) == (0, "")
    told = json.loads(ran.out)
    before, after, changed = read_decision(out["before"]), read_decision(out["after"]), read_case(out["case"])
    assert (told["case_before"], told["case_after"]) == (case.id, changed.id) == (before.case_id, after.case_id)
    assert len(changed.fleet.nodes) == len(case.fleet.nodes) + 2
    assert next(n for n in changed.fleet.nodes if n.id == node).health.value == "failed"
    assert told["fates"]
    assert told["placed_after"] == len(after.placements)
    for document, decision in ((case_file, out["before"]), (out["case"], out["after"])):
        checked = program("check", document, decision)
        assert checked.out.startswith("valid"), checked


def test_the_table_tells_the_same(program: Moorage, case_file: Path, case: Case, tmp_path: Path) -> None:
    edits = tmp_path / "change.json"
    edits.write_text(json.dumps({"edits": [{"op": "drain", "part": "site-a"}], "set": {"seed": 3}}))
    ran = program("whatif", case_file, "--edits", edits)
    assert (ran.code, ran.err) == (0, "")
    assert f"after:  OPTIMAL: 0 of {len(case.workloads)} workloads placed" in ran.out
    lost = next(line for line in ran.out.splitlines() if line.startswith("lost: "))
    assert "had a place before" in lost
    assert "tiers in points" in ran.out
    assert "worse by" in ran.out


def test_the_example_is_understood(moorage: Moorage, tmp_path: Path) -> None:
    case = tmp_path / "case.json"
    case.write_text(synth_case("hgx", 16, 0.5, 14, 7, budget=Budget(work=50)).to_json())
    ran = moorage("whatif", case, "--edits", ROOT / "examples/change.json", "--out-case", tmp_path / "after.json")
    assert (ran.code, ran.err) == (0, "")
    assert len(read_case(tmp_path / "after.json").fleet.nodes) == 20


def test_edits_of_the_file_come_first(program: Moorage, case_file: Path, tmp_path: Path) -> None:
    edits, out = tmp_path / "change.json", tmp_path / "after.json"
    edits.write_text(json.dumps({"edits": [{"op": "add", "kind": "hgx", "count": 1}]}))
    ran = program("whatif", case_file, "--edits", edits, "--drain", "h100-add1-0000", "--out-case", out, "--work", "20")
    assert ran.code == 0, ran.err
    added = next(node for node in read_case(out).fleet.nodes if node.id == "h100-add1-0000")
    assert added.health.value == "cordoned"


@pytest.mark.badinput
@pytest.mark.parametrize(
    ("args", "told"),
    [
        ((), "whatif: nothing is changed"),
        (("--drain", "nowhere"), "--drain: the fleet has no node and no domain 'nowhere'"),
        (("--drain", "h100-00099"), "did you mean h100-0000"),
        (("--fail", "r0"), "can be any of rack:site-a/b00/l0/r0"),
        (("--drain", ""), "--drain: a part has a name"),
        (("--add", "hgx"), "--add: 'hgx' is not KIND:COUNT"),
        (("--add", "dgx:4"), "--add: 'dgx' is neither a kind of node nor a node"),
        (("--add", "hgx:4@nowhere"), "--add: the fleet has no node and no domain 'nowhere'"),
        (("--derate", "site-a"), "--derate: 'site-a' is not PART=FIGURE"),
        (("--relabel", "site-a=rack:r9"), "--relabel: "),
        (("--relabel", "site-a=path.row:r9"), "--relabel: 'row' is not a level"),
        (("--set", "price=2"), "--set price: 'price' is nothing that can be set"),
        (("--set", "policy.price.weight"), "--set: 'policy.price.weight' is not NAME=VALUE"),
        (("--set", "policy.price.weight=-1"), "--set policy.price.weight: "),
        (("--set", "tenant.nobody.quota=1"), "--set tenant.nobody.quota: there is no tenant 'nobody'"),
        (("--drain", "site-a", "--time-limit", "soon"), "--time-limit: 'soon' is no duration"),
        (("--drain", "site-a", "--edits", "-"), "--edits: the edits cannot come from stdin"),
        (("--edits", "no-such-file.json"), "no-such-file.json: cannot be read"),
        (("--drain", "site-a", "--out-after", "no/such/folder.json"), "--out-after: the folder"),
    ],
    ids=" ".join,
)
def test_bad_input_is_one_line_and_leaves_nothing_behind(
    args: tuple[str, ...], told: str, moorage: Moorage, case_file: Path, tmp_path: Path
) -> None:
    before = sorted(tmp_path.iterdir())
    ran = moorage(
        "whatif", case_file, *args, *(("--out-before", tmp_path / "d.json") if "--out-after" not in args else ())
    )
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("error: ")
    assert ran.err.count("\n") == 1
    assert told in ran.err
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.badinput
def test_no_document_overwrites_another(moorage: Moorage, case_file: Path, tmp_path: Path) -> None:
    text = case_file.read_text()
    ran = moorage("whatif", case_file, "--drain", "site-a", "--out-case", case_file)
    assert "is the case already" in ran.err
    ran = moorage(
        *("whatif", case_file, "--drain", "site-a", "--out-before", tmp_path / "x.json"),
        *("--out-after", f"{tmp_path}/./x.json"),
    )
    assert (ran.code, "is the file of --out-before already" in ran.err) == (2, True)
    assert case_file.read_text() == text


@pytest.mark.badinput
@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "invalid JSON"),
        ("[]", "edits: "),
        ('{"edits": [{"op": "explode", "part": "x"}]}', "edits[0]"),
        ('{"edits": [{"op": "drain"}]}', "edits[0].drain.part"),
        ('{"edits": [{"op": "drain", "part": "nowhere"}]}', "change.json: edits[0]: the fleet has no node"),
        ('{"edits": {"op": "drain"}}', "edits: "),
        ('{"fabrik": []}', "fabrik: "),
        ('{"set": {"seed": 1.5}}', "set.seed"),
        ('{"set": {"seed": NaN}}', "NaN is no number"),
        ('{"set": []}', "set: "),
        ('{"set": {"seed": 1}, "set": {"seed": 2}}', "occurs twice"),
    ],
)
def test_a_bad_file_of_edits_names_the_field(
    text: str, told: str, moorage: Moorage, case_file: Path, tmp_path: Path
) -> None:
    edits = tmp_path / "change.json"
    edits.write_text(text)
    ran = moorage("whatif", case_file, "--edits", edits)
    assert (ran.code, ran.out) == (2, "")
    assert told in ran.err
    assert ran.err.count("\n") == 1
