"""The fairness replay: figures by hand, methods on a tiny list, nobody above the fleet."""

import gzip
import json
from collections import deque
from pathlib import Path

import pytest

from bench.__main__ import main
from bench.fairness.fleet import Free, Seat
from bench.fairness.methods import Drf, Fifo, Moment
from bench.fairness.shares import jain, max_min
from bench.fairness.simulate import replay
from bench.rows import FILE
from bench.suites.philly import Job

HOUR = 3600


def _job(name: str, tenant: str, gpus: int, start_s: int, hours: int) -> Job:
    return Job(name, tenant, gpus, start_s, hours * HOUR)


def test_shares_by_hand() -> None:
    assert max_min({"a": 10, "b": 90, "c": 90}, 100) == {"a": 10, "b": 45, "c": 45}
    assert max_min({"a": 1, "b": 2}, 100) == {"a": 1, "b": 2}
    assert jain([1, 1, 1]) == 1
    assert jain([1, 0, 0, 0]) == 0.25
    assert jain([]) == 1


def test_a_job_of_whole_nodes_takes_idle_ones() -> None:
    free = Free(3)
    free.take((Seat(0, (0,)),))
    assert free.find(_job("x", "a", 16, 0, 1)) == (Seat(1, tuple(range(8))), Seat(2, tuple(range(8))))
    assert free.find(_job("x", "a", 24, 0, 1)) is None
    assert free.find(_job("x", "a", 1, 0, 1)) == (Seat(0, (1,)),), "best-fit"
    with pytest.raises(ValueError, match="not in list"):
        free.take((Seat(0, (0,)),))


def test_who_starts_first() -> None:
    jobs = [_job("a1", "a", 8, 0, 1), _job("a2", "a", 8, 1, 1), _job("b1", "b", 8, 2, 1)]
    waiting = {"a": deque(jobs[:2]), "b": deque(jobs[2:])}
    moment = Moment(10, waiting, Free(2), {}, {"a": 0, "b": 0})
    assert [job.name for job, _ in Fifo().start(moment)] == ["a1", "a2"]
    assert [job.name for job, _ in Drf().start(moment)] == ["a1", "b1"]
    assert [job.name for job, _ in Drf(backfill=True).start(moment)] == ["a1", "b1"]
    assert moment.free.count == 16, "a method changes nothing that it sees"


def test_a_replay_by_hand() -> None:
    """One node: a holds it for the first two hours, then all wait, nobody has anything, and a is first by name."""
    jobs = [_job("a1", "a", 8, 0, 2), _job("a2", "a", 8, 1, 1), _job("b1", "b", 8, 2, 1)]
    drf = replay(jobs, 1, HOUR, Drf(), until_s=4 * HOUR)
    assert (drf.arrived, drf.started, drf.unfinished) == (3, 3, 0)
    assert drf.hours == 4
    assert drf.used == 1
    assert drf.shares == {"a": 0.75, "b": 0.25}
    assert drf.jain_shares == jain([0.75, 0.25])
    assert drf.contended == 0.5, "in the first hour a alone asks, in the last b, for what there is"
    assert drf.jain_due == 0.5
    assert drf.wait_h == pytest.approx((0 + 2 + 3) / 3, abs=0.01)


def _list(folder: Path) -> Path:
    lines = ["timestamp,duration,num_gpus,gpu_time,cluster"]
    for number in range(40):
        minute, tenant = number % 60, "abc"[number % 3 if number % 4 else 0]
        lines.append(
            f"2020-01-01 00:{minute:02d}:00,{1800 + 600 * (number % 5)}.0,{(1, 8, 16, 4)[number % 4]},0,{tenant}"
        )
    (folder / "workloads").mkdir()
    with gzip.open(folder / "workloads" / "philly_jobs.csv.gz", "wt", encoding="utf-8") as stream:
        stream.write("\n".join(lines) + "\n")
    return folder


def test_the_command_replays_by_every_method_and_goes_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    args = ["fairness", "--data", str(_list(tmp_path)), "--nodes", "16", "--out", str(out)]
    assert main(args) == 0
    rows = [json.loads(line) for line in (out / FILE).read_text(encoding="utf-8").splitlines()]
    assert [row["method"] for row in rows] == ["fifo", "drf", "drf-backfill", "moorage", "moorage-fair-first"]
    for row in rows:
        assert row["figures"]["arrived"] == row["figures"]["started"] == 40
        assert 0 < row["figures"]["used"] <= 1
    assert all(0 < row["proven"] <= row["decisions"] for row in rows[3:])
    assert "| moorage-fair-first |" in capsys.readouterr().out
    assert main(args) == 0
    assert len((out / FILE).read_text(encoding="utf-8").splitlines()) == 5
    assert main(["report", str(out)]) == 0
    assert "Mean dominant share of each tenant." in (out / "summary.md").read_text(encoding="utf-8")


@pytest.mark.badinput
@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["--methods", "magic"], "--methods"),
        (["--nodes", "1"], "--nodes"),
        (["--period", "soon"], "--period"),
        (["--hours", "0"], "--hours"),
        (["--skip-hours", "9999999"], "--skip-hours"),
    ],
)
def test_bad_arguments_are_one_line(
    args: list[str], says: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["fairness", "--data", str(_list(tmp_path)), *args]) == 2
    said = capfd.readouterr().err
    assert said.startswith("error: ")
    assert says in said
