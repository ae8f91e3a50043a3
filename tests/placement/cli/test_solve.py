"""`moorage solve` through the real program, and what it prints."""

import json
import time
from pathlib import Path

import pytest

from placement.cli.solve import exit_code
from placement.cli.table import print_decision
from placement.model import (
    Budget,
    Case,
    Decision,
    Device,
    Growth,
    Kind,
    PlacedReplica,
    Placement,
    Role,
    Status,
    Subgroup,
    Workload,
    read_decision,
)
from tests.placement.cli.conftest import Moorage


def workload(name: str, replicas: int) -> Workload:
    role = Role(name="r", replicas=replicas, gpus=8)
    return Workload(id=name, kind=Kind.TRAINING, subgroups=(Subgroup(name="s", roles=(role,)),))


def test_a_case_is_decided_and_kept_in_a_file(
    program: Moorage, case_file: Path, case: Case, decision: Decision, tmp_path: Path
) -> None:
    out = tmp_path / "decision.json.gz"
    ran = program("solve", case_file, "--out", out, "-o", "json")
    found = read_decision(out)
    assert Decision.from_json(ran.out) == found
    assert ran.err == ""
    assert ran.code == exit_code(case.workloads, found)
    assert found.case_id == case.id
    # A work budget gives the same decision in every process.
    assert found.model_copy(update={"timings": {}}) == decision.model_copy(update={"timings": {}})
    assert found.timings["load_ms"] > 0
    assert found.timings["warm_up_ms"] >= 0


@pytest.mark.parametrize(("fits", "code"), [(0, 3), (1, 4), (2, 0)])
def test_the_exit_code_tells_how_much_was_placed(fits: int, code: int, program: Moorage, case: Case) -> None:
    pending = (workload("a", 1 if fits > 0 else 64), workload("b", 1 if fits > 1 else 64))
    bare = case.model_copy(update={"running": (), "workloads": pending, "budget": Budget(wall_ms=60_000)})
    ran = program("solve", "-", "--time-limit", "5s", stdin=bare.to_json().encode())
    assert ran.code == code, ran.err
    assert ran.err == ""
    assert f": {fits} of 2 workloads placed" in ran.out.splitlines()[0]
    assert ran.out.count("IMPOSSIBLE") == 2 - fits


def test_nothing_pending_is_no_failure(case: Case) -> None:
    idle = case.model_copy(update={"workloads": ()})
    nothing = Decision(case_id=idle.id, status=Status.OPTIMAL)
    assert exit_code(idle.workloads, nothing) == 0
    assert exit_code(case.workloads, nothing) == 3
    some = nothing.model_copy(update={"placements": (Placement(workload=case.workloads[0].id, replicas=()),)})
    assert exit_code(case.workloads, some) == 4


def test_the_time_limit_runs_from_the_loaded_case(program: Moorage, case: Case) -> None:
    late = case.model_copy(update={"budget": Budget(wall_ms=86_400_000)})
    began = time.monotonic()
    ran = program("solve", "-", "--time-limit", "300ms", "-o", "json", stdin=late.to_json().encode())
    assert ran.code in (0, 3, 4)
    assert Decision.from_json(ran.out).timings["total_ms"] < 1000
    assert time.monotonic() - began < 30


def test_seed_work_and_policy_replace_those_of_the_case(program: Moorage, case_file: Path, tmp_path: Path) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text('name = "cheap"\n[[rules]]\nname = "refused"\nmode = "prefer"\ntier = 1\n')
    options = ("--seed", "9", "--work", "50", "--policy", policy, "-o", "json")
    found = Decision.from_json(program("solve", case_file, *options).out)
    assert [(tier.tier, tier.terms) for tier in found.tiers] == [(1, ("refused",))]
    ran = program("check", case_file, "-", *options[:6], stdin=found.to_json().encode())
    assert (ran.code, ran.err) == (0, "")


def test_an_earlier_answer_is_gone_on_from(program: Moorage, case: Case, decision: Decision, tmp_path: Path) -> None:
    before, after, changed = tmp_path / "before.json", tmp_path / "after.json", tmp_path / "changed.json"
    before.write_text(decision.to_json())
    fewer = case.model_copy(update={"workloads": case.workloads[1:]})
    changed.write_text(fewer.to_json())
    ran = program("solve", changed, "--warm", before, "--out", after)
    assert (ran.code, ran.err) == (exit_code(fewer.workloads, read_decision(after)), "")
    told = read_decision(after).warm
    assert told is not None
    assert told.kept + told.changed + told.dropped + told.unknown == len(decision.placements)
    assert f"earlier answer: {told.kept} kept, {told.changed} changed, {told.dropped} dropped" in ran.out
    ran = program("check", changed, after)
    assert (ran.code, ran.err) == (0, "")


@pytest.mark.badinput
def test_an_earlier_answer_must_be_a_decision(
    program: Moorage, moorage: Moorage, case_file: Path, tmp_path: Path
) -> None:
    odd = tmp_path / "odd.json"
    odd.write_text('{"case_id": "x"}')
    for name, told in (
        (odd, "--warm: status"),
        (case_file, "--warm: decision: this document is a case"),
        (tmp_path / "none.json", "none.json"),
    ):
        ran = moorage("solve", case_file, "--warm", name)
        assert (ran.code, ran.out) == (2, "")
        assert told in ran.err
        assert ran.err.count("\n") == 1
    ran = program("solve", "-", "--warm", "-", stdin=b"{}")
    assert (ran.code, ran.out) == (2, "")
    assert "--warm" in ran.err


@pytest.mark.badinput
def test_an_unknown_rule_is_told(moorage: Moorage, case_file: Path, tmp_path: Path) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text('[[rules]]\nname = "refusal"\nmode = "prefer"\ntier = 1\n')
    ran = moorage("solve", case_file, "--policy", policy)
    assert (ran.code, ran.out) == (2, "")
    assert "policy.rules[0]" in ran.err
    assert "refused" in ran.err


@pytest.mark.badinput
def test_an_output_that_cannot_be_written_is_told_before_the_work(moorage: Moorage, case_file: Path) -> None:
    began = time.monotonic()
    ran = moorage("solve", case_file, "--time-limit", "1h", "--out", case_file.parent / "no" / "d.json")
    assert (ran.code, ran.out) == (2, "")
    assert "--out: the folder" in ran.err
    assert time.monotonic() - began < 5


def test_the_table_tells_everything_and_wraps_nothing(
    case: Case, decision: Decision, capsys: pytest.CaptureFixture[str]
) -> None:
    long = decision.unplaced[0].model_copy(update={"reason": "word " * 100 + "[bold]end\x1b[0m :smile:"})
    shown = decision.model_copy(update={"unplaced": (long,), "timings": {"load_ms": 12.0}})
    print_decision(shown, case.workloads, case.running)
    lines = capsys.readouterr().out.splitlines()
    text = "\n".join(lines)
    assert lines[0].startswith(f"{decision.status}: {len(decision.placements)} of 8 workloads placed")
    for tier in decision.tiers:
        assert f"{tier.value:,}" in text
    for term in decision.terms:
        assert any(term.name in line and f"{term.points:,}" in line and term.unit in line for line in lines)
    for placement in decision.placements:
        (line,) = (line for line in lines if line.startswith(f"{placement.workload} "))
        assert all(replica.node in line for replica in placement.replicas[:1])
    (line,) = (line for line in lines if line.startswith(long.workload))
    assert line.endswith("[bold]end\\x1b[0m :smile:")
    assert "\x1b" not in text
    assert all(line == line.rstrip() for line in lines)
    assert lines[-1].split() == ["load", "12"]


def test_the_table_tells_growth(case: Case, decision: Decision, capsys: pytest.CaptureFixture[str]) -> None:
    added = tuple(PlacedReplica(subgroup="s", role="w", node="n9", devices=(Device(index=index),)) for index in (0, 1))
    growth = Growth(workload="few", subgroup="s", role="w", before=2, after=4, added=added)
    print_decision(decision.model_copy(update={"growths": (growth,)}), case.workloads, case.running)
    lines = capsys.readouterr().out.splitlines()
    (line,) = (line for line in lines if line.startswith("few "))
    assert "w grows 2->4" in line
    assert "+ n9[0-1]" in line


def test_no_color_is_honoured_on_a_terminal(program: Moorage, case_file: Path) -> None:
    ran = program("solve", case_file, env={"FORCE_COLOR": "1", "NO_COLOR": "1", "COLUMNS": "200"})
    assert "\x1b[3" not in ran.out


def test_json_is_utf_8_whatever_the_terminal(program: Moorage, case: Case) -> None:
    named = case.model_copy(update={"workloads": (workload("größe-模型", 64),), "running": ()})
    for form in ("json", "table"):
        ran = program(
            *("solve", "-", "-o", form, "--time-limit", "3s"),
            stdin=named.to_json().encode(),
            env={"PYTHONIOENCODING": "ascii"},
        )
        assert ran.code == 3, ran.err
        if form == "json":
            assert json.loads(ran.out)["unplaced"][0]["workload"] == "größe-模型"
