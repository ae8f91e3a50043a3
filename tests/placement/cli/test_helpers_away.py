"""Helpers of other machines through the real program: `moorage worker` beside `moorage solve`."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from placement.model import read_decision
from tests.placement.cli.conftest import ROOT, Moorage

_KEY = {"MOORAGE_HELPERS_KEY": "0123456789abcdef"}
_PATIENCE_S = 60.0


def _started(*args: str | Path, env: dict[str, str], root: Path = ROOT) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "placement.cli.main", *map(str, args)],
        cwd=root,
        env={**os.environ, **env, "PYTHONPATH": str(root)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_worker_comes_helps_and_goes(case_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "decision.json"
    asked = ("solve", case_file, "--helpers-at", "127.0.0.1:0", "--time-limit", "2s", "--out", out)
    solving = _started(*asked, env=_KEY)
    assert solving.stderr is not None
    found = re.fullmatch(r"helpers may connect to (127\.0\.0\.1:\d+)\n", solving.stderr.readline())
    assert found
    # One with another key first: it is refused, and keeps nobody from helping.
    stranger = _started("worker", found[1], "--processes", "2", env={"MOORAGE_HELPERS_KEY": "fedcba9876543210"})
    _, complaint = stranger.communicate(timeout=_PATIENCE_S)
    assert stranger.returncode == 2
    assert complaint == ("error: MOORAGE_HELPERS_KEY: is not the key of the other end; set the same at both\n"), (
        "one line, not one of each process"
    )
    helping = _started("worker", found[1], "--processes", "2", env=_KEY)
    told, complaint = solving.communicate(timeout=_PATIENCE_S)
    assert solving.returncode in {0, 3, 4}, complaint
    assert complaint == "", "it has not waited in vain"
    assert told
    assert read_decision(out).placements
    told, complaint = helping.communicate(timeout=_PATIENCE_S)
    assert (helping.returncode, told, complaint) == (0, "", "")


def test_a_worker_of_another_version_is_told_at_both_ends(case_file: Path, tmp_path: Path) -> None:
    for name in ("placement", "solver", "topology"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "solver" / "plan.py").write_text("# changed\n" + (ROOT / "solver" / "plan.py").read_text())
    asked = ("solve", case_file, "--helpers-at", "127.0.0.1:0", "--time-limit", "500ms", "-o", "json")
    solving = _started(*asked, env=_KEY)
    assert solving.stderr is not None
    at = solving.stderr.readline().split()[-1]
    other = _started("worker", at, "--processes", "2", env=_KEY, root=tmp_path)
    _, complaint = other.communicate(timeout=_PATIENCE_S)
    editions = r"the other end has (moorage .*), this machine has (moorage .*); install the same at both ends\n"
    found = re.fullmatch(f"error: HOST:PORT: {editions}", complaint)
    assert found, complaint
    assert other.returncode == 2
    same = _started("worker", at, env=_KEY)
    _, told = solving.communicate(timeout=_PATIENCE_S)
    same.communicate(timeout=_PATIENCE_S)
    lines = [re.fullmatch(f"a helper was sent away: {editions}", line) for line in told.splitlines(keepends=True)]
    assert [line.groups() for line in lines if line] == [found.groups()[::-1]] * 2, told


@pytest.mark.parametrize(
    ("args", "env", "named"),
    [
        (("worker", "nowhere"), _KEY, "HOST:PORT"),
        (("worker", "127.0.0.1:1"), _KEY, "HOST:PORT: cannot reach"),
        (("worker", "127.0.0.1:7070"), {"MOORAGE_HELPERS_KEY": ""}, "MOORAGE_HELPERS_KEY: is not set"),
        (("worker", "127.0.0.1:7070"), {"MOORAGE_HELPERS_KEY": "short"}, "MOORAGE_HELPERS_KEY: is too short"),
        (("solve", "case.json", "--helpers-at", "70:70:70"), _KEY, "--helpers-at"),
        (("solve", "case.json", "--helpers", "3"), {}, "--helpers"),
        (("solve", "case.json", "--helpers-at", "127.0.0.1:0", "--ray", "auto"), _KEY, "--ray"),
        (("serve", "--helpers-at", "127.0.0.1:0"), {"MOORAGE_HELPERS_KEY": ""}, "MOORAGE_HELPERS_KEY: is not set"),
    ],
)
def test_what_cannot_be_meant_is_named(
    args: tuple[str, ...], env: dict[str, str], named: str, program: Moorage
) -> None:
    ran = program(*args, env=env)
    assert ran.code == 2
    assert named in ran.err
    assert ran.err.count("\n") == 1
