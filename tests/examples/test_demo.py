"""The demo runs, from a plain start to a clean end."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def run(**environment: str) -> str:
    kept = {key: value for key, value in os.environ.items() if key != "MOORAGE_DATA"}
    done = subprocess.run(
        [sys.executable, "-m", "examples.demo"],
        cwd=ROOT,
        env={**kept, "NO_COLOR": "1", **environment},
        text=True,
        timeout=60,
        check=False,
        capture_output=True,
    )
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    return done.stdout


@pytest.mark.slow
def test_the_demo_places_and_explains() -> None:
    text = run()
    for word in ("giant-in-one-rack", "IMPOSSIBLE", "REJECTED", "certificate", "price", "server drained"):
        assert word in text, word


@pytest.mark.slow
@pytest.mark.data
def test_the_demo_reads_the_trace(data_dir: Path) -> None:
    assert "openb-pod-" in run(MOORAGE_DATA=str(data_dir))
