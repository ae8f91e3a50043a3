"""Helpers of other machines through the real program: `moorage worker` beside `moorage solve`."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from placement.model import read_decision
from tests.placement.cli.conftest import ROOT, Moorage

_KEY = {"MOORAGE_HELPERS_KEY": "0123456789abcdef"}
_PATIENCE_S = 60.0


def _started(*args: str | Path, env: dict[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "placement.cli.main", *map(str, args)],
        cwd=ROOT,
        env={**os.environ, **env},
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
    stranger = _started("worker", found[1], env={"MOORAGE_HELPERS_KEY": "fedcba9876543210"})
    _, complaint = stranger.communicate(timeout=_PATIENCE_S)
    assert stranger.returncode == 2
    assert "is not the key of the other end" in complaint
    helping = _started("worker", found[1], "--processes", "2", env=_KEY)
    told, complaint = solving.communicate(timeout=_PATIENCE_S)
    assert solving.returncode in {0, 3, 4}, complaint
    assert complaint == "", "it has not waited in vain"
    assert told
    assert read_decision(out).placements
    told, complaint = helping.communicate(timeout=_PATIENCE_S)
    assert (helping.returncode, told, complaint) == (0, "", "")


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
