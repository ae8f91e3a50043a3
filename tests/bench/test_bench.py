"""The benchmark on something small: real cases, a real process, rows that can be taken up again."""

import json
from pathlib import Path

import pytest

from bench.__main__ import main
from bench.report import summary
from bench.rows import Row

ARGS = ["proven", "--nodes", "16", "--pending", "4", "--seeds", "2", "--time-limit", "1s", "--fleet", "hgx"]


def rows_of(path: Path) -> list[Row]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_rows_are_measured_checked_and_taken_up_again(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "rows.jsonl"
    assert main([*ARGS, "--out", str(out)]) == 0
    first = rows_of(out)
    assert [row["key"]["seed"] for row in first] == [0, 1]
    for row in first:
        assert row["violations"] == []
        assert row["below_greedy"] is False
        assert [tier["value"] for tier in row["tiers"]] <= [tier["greedy"] for tier in row["tiers"]]
        assert all(tier["bound"] <= tier["value"] for tier in row["tiers"])
        assert row["placed"] <= row["size"]["pending"] == 4
        assert row["answer_ms"] < 5000
        assert {"cpu", "cores", "load", "versions", "git", "code", "date"} <= row["environment"].keys()
    printed = capfd.readouterr()
    assert "proved in all tiers: " in printed.out
    assert printed.err.count("proven fleet=hgx") == 2

    # Killed while writing the third row: the half line goes, the first two are not measured again.
    with out.open("a", encoding="utf-8") as stream:
        stream.write('{"identity": "half a l')
    assert main([*ARGS[:6], "3", *ARGS[7:], "--out", str(out)]) == 0
    again = rows_of(out)
    assert again[:2] == first
    assert [row["key"]["seed"] for row in again] == [0, 1, 2]
    assert capfd.readouterr().err.count("(known)") == 2


def test_another_limit_is_another_measurement(tmp_path: Path) -> None:
    out = tmp_path / "rows.jsonl"
    args = [*ARGS[:6], "1", "--fleet", "nvl72", "--out", str(out)]
    assert main([*args, "--time-limit", "500ms"]) == 0
    assert main([*args, "--time-limit", "501ms"]) == 0
    assert [row["time_limit_ms"] for row in rows_of(out)] == [500, 501]


def test_the_list_names_the_suites(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == ["proven", "openb"]


@pytest.mark.badinput
@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["proven", "--time-limit", "soon"], "--time-limit"),
        (["proven", "--seeds", "0"], "--seeds"),
        (["proven", "--nodes", "3"], "nodes"),
        (["proven", "--occupancy", "2"], "occupancy"),
        (["openb", "--data", "/nowhere"], "--data"),
    ],
)
def test_bad_arguments_are_one_line(args: list[str], says: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(args) == 2
    said = capfd.readouterr().err
    assert said.startswith("error: ")
    assert said.count("\n") == 1
    assert says in said


@pytest.mark.badinput
@pytest.mark.parametrize("text", ["buy milk\n", "buy milk"])
def test_a_file_of_something_else_is_left_alone(text: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "notes.txt"
    out.write_text(text, encoding="utf-8")
    assert main([*ARGS, "--out", str(out)]) == 2
    assert "notes.txt line 1" in capfd.readouterr().err
    assert out.read_text(encoding="utf-8") == text


def test_the_summary_counts() -> None:
    def row(status: str, answer_ms: float, gap: float, greedy: int) -> Row:
        tier = {"tier": 1, "value": 5, "gap": gap, "greedy": greedy}
        return {"status": status, "answer_ms": answer_ms, "tiers": [tier], "below_greedy": False, "violations": []}

    lines = summary([row("OPTIMAL", 100, 0.0, 5), row("FEASIBLE", 300, 0.5, 7)])
    assert lines[0] == "proved in all tiers: 1 of 2 (50 %)"
    assert "median 0.2" in lines[1]
    assert lines[2].startswith("better than greedy:  1 of 2")
    assert lines[4].endswith("median 25, quartiles 12.5 to 37.5, from 0 to 50; closed in 1 of 2")
