"""`moorage defrag` through the real program."""

import json
from pathlib import Path

import pytest

from placement.defrag import Defragmentation
from placement.model import Case
from tests.placement.cli.conftest import Moorage
from tests.placement.defrag.simulator import simulate


@pytest.fixture
def loose(case: Case) -> Case:
    """The small case with all its running work movable."""
    return case.model_copy(update={"running": tuple(r.model_copy(update={"movable": True}) for r in case.running)})


@pytest.fixture
def loose_file(loose: Case, tmp_path: Path) -> Path:
    path = tmp_path / "loose.json"
    path.write_text(loose.to_json(), encoding="utf-8")
    return path


def test_the_steps_are_written_printed_and_safe(
    program: Moorage, loose: Case, loose_file: Path, tmp_path: Path
) -> None:
    out = tmp_path / "steps.json"
    ran = program("defrag", loose_file, "--free", "rack=2", "--max-moves", "20", "-o", "json", "--out", out)
    assert (ran.code, ran.err) == (0, "")
    assert json.loads(ran.out) == json.loads(out.read_text())
    told = Defragmentation.model_validate_json(ran.out)
    assert len(told.free_after) >= 2
    assert told.steps
    simulate(loose, told)
    shown = program("defrag", loose_file, "--free", "rack=2", "--max-moves", "20")
    assert shown.code == 0
    for step in told.steps:
        assert step.workload in shown.out


def test_what_cannot_be_freed_is_told_by_the_exit_code(program: Moorage, case_file: Path, case: Case) -> None:
    node = case.running[0].replicas[0].node
    ran = program("defrag", case_file, "--free", node)
    assert (ran.code, ran.err) == (3, "")
    assert "is not movable" in ran.out


@pytest.mark.badinput
@pytest.mark.parametrize(
    ("args", "told"),
    [
        ((), "--free: nothing is named that shall be free"),
        (("--free", "shelf=2"), "--free: 'shelf' is not a level"),
        (("--free", "rack=1", "--budget", "a"), "--budget: 'a' is no budget"),
        (("--free", "rack=1", "--budget", "a=1", "--budget", "a=2"), "--budget: tenant 'a' is given twice"),
        (("--free", "rack=1", "--budget", "nobody=1"), "--budget: there is no tenant 'nobody'"),
        (("--free", "rack=1", "--value", "much"), "--value"),
        (("--free", "rack=1", "--value", "0"), "--value: '0' buys no move"),
        (("--free", "rack=1", "--value", "1e30"), "error: "),
        (("--free", "rack=1", "--max-moves", "-1"), "--max-moves"),
    ],
)
def test_bad_input_is_one_line(moorage: Moorage, loose_file: Path, args: tuple[str, ...], told: str) -> None:
    ran = moorage("defrag", loose_file, *args)
    assert (ran.code, ran.out) == (2, "")
    assert told in ran.err
    assert ran.err.count("\n") == 1
