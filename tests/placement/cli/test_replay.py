"""`moorage replay` through the real program: the same validity and value, and what happens where they differ."""

import json
from pathlib import Path

import pytest

from placement.journal import FolderJournal
from placement.model import Case, Decision, read_case, read_decision, write_case, write_decision
from tests.placement.cli.conftest import Moorage


@pytest.fixture
def folder(case: Case, decision: Decision, tmp_path: Path) -> Path:
    FolderJournal(tmp_path / "journal").keep(case, decision)
    return tmp_path / "journal"


def test_a_decision_is_decided_again(
    program: Moorage, folder: Path, case: Case, decision: Decision, tmp_path: Path
) -> None:
    ran = program(
        *("replay", case.id[:8], "--journal", folder),
        *("--out", tmp_path / "d.json", "--out-case", tmp_path / "c.json"),
    )
    assert (ran.code, ran.err) == (0, "")
    assert "the same value in every tier" in ran.out
    assert ran.out.count("valid") == 2
    again = read_decision(tmp_path / "d.json")
    assert again.model_copy(update={"timings": {}}) == decision.model_copy(update={"timings": {}})
    assert read_case(tmp_path / "c.json").id == case.id


def test_a_warm_decision_is_decided_again_from_the_same_earlier_one(
    program: Moorage, case: Case, decision: Decision, tmp_path: Path
) -> None:
    """The earlier answer leaves a workload out, which the new one counts as not placed before."""
    fewer = decision.model_copy(update={"placements": decision.placements[1:]})
    write_case(case, tmp_path / "case.json")
    write_decision(fewer, tmp_path / "earlier.json")
    asked = ("solve", tmp_path / "case.json", "--warm", tmp_path / "earlier.json", "--work", "500", "-o", "json")
    journal = ("--journal", tmp_path / "journal")
    first = Decision.from_json(program(*asked, *journal).out)
    assert first.warm is not None
    assert first.warm.kept == len(fewer.placements)
    ran = program("replay", first.case_id, *journal, "--out", tmp_path / "again.json")
    assert (ran.code, ran.err) == (0, "")
    assert f"going on from a decision on case {fewer.case_id[:12]}\n" in ran.out
    again = read_decision(tmp_path / "again.json")
    assert again.model_copy(update={"timings": {}}) == first.model_copy(update={"timings": {}})


def test_a_stored_decision_that_does_not_hold_is_told(
    program: Moorage, folder: Path, case: Case, decision: Decision
) -> None:
    first = decision.tiers[0].model_copy(update={"value": decision.tiers[0].value + 7, "bound": None})
    FolderJournal(folder).keep(case, decision.model_copy(update={"tiers": (first, *decision.tiers[1:])}))
    ran = program("replay", case.id, "--journal", folder, "-o", "json")
    told = json.loads(ran.out)
    assert ran.code == 1
    assert (told["valid_stored"], told["valid_new"], told["equal"]) == (False, True, False)
    assert "better by 7" in told["says"]
    assert told["violations"]["stored"]


def test_the_journal_is_listed(moorage: Moorage, folder: Path, case: Case) -> None:
    (folder / f"{'ab' * 32}.case.json.gz").write_bytes(b"broken")
    ran = moorage("replay", "--journal", folder)
    assert (ran.code, ran.err) == (0, "")
    assert len(ran.out.splitlines()) == 2
    assert "damaged: " in ran.out
    assert f"{case.id[:12]}  " in ran.out
    rows = json.loads(moorage("replay", "--journal", folder, "-o", "json").out)
    assert {row["case_id"] for row in rows} == {case.id, "ab" * 32}
    assert "and 1 more" in moorage("replay", "--journal", folder, "--last", "1").out
    assert moorage("replay", "--journal", folder.parent).out == "the journal is empty\n"


@pytest.mark.badinput
@pytest.mark.parametrize(
    ("args", "told"),
    [
        (("ffff",), "no case in the journal named 'ffff'"),
        (("../x",), "ID: '../x' is no case id"),
        (("ffff", "--time-limit", "0s"), "--time-limit"),
        (("ffff", "--out", "no/such/file"), "--out"),
        (("ffff", "--journal", "no-such-folder"), "--journal: there is no folder"),
    ],
)
def test_bad_input_is_one_line(args: tuple[str, ...], told: str, moorage: Moorage, folder: Path) -> None:
    ran = moorage("replay", *args, *(() if "--journal" in args else ("--journal", folder)))
    assert (ran.code, ran.out) == (2, "")
    assert told in ran.err
    assert ran.err.count("\n") == 1
