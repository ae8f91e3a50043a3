"""The program in this process and as a real one, and a small case with its decision."""

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pytest

from placement.cases.synth import synth_case
from placement.cli.app import run
from placement.engine import decide
from placement.model import Budget, Case, Decision
from solver.workers import Inline

ROOT = Path(__file__).resolve().parents[3]


@dataclass(frozen=True)
class Ran:
    """How a command ended."""

    code: int
    out: str
    err: str


class Moorage(Protocol):
    """Runs one command."""

    def __call__(self, *args: str | Path, stdin: bytes = b"", env: dict[str, str] | None = None) -> Ran: ...


@pytest.fixture
def moorage(capsysbinary: pytest.CaptureFixture[bytes]) -> Moorage:
    """In this process: no stdin, no environment of its own."""

    def call(*args: str | Path, stdin: bytes = b"", env: dict[str, str] | None = None) -> Ran:
        assert not stdin
        assert env is None
        capsysbinary.readouterr()
        code = run([str(arg) for arg in args])
        out, err = capsysbinary.readouterr()
        return Ran(code, out.decode(), err.decode())

    return call


@pytest.fixture(scope="session")
def program() -> Moorage:
    """As a process of its own."""

    def call(*args: str | Path, stdin: bytes = b"", env: dict[str, str] | None = None) -> Ran:
        command = [sys.executable, "-m", "placement.cli.main", *(str(arg) for arg in args)]
        clean = {key: value for key, value in os.environ.items() if key not in ("MOORAGE_DEBUG", "FORCE_COLOR")}
        done = subprocess.run(
            command,
            input=stdin,
            capture_output=True,
            env=clean | (env or {}),
            cwd=ROOT,
            timeout=120,
            check=False,
        )
        return Ran(done.returncode, done.stdout.decode(), done.stderr.decode())

    return call


@pytest.fixture(scope="session")
def case() -> Case:
    """16 nodes, half full, eight pending workloads, deterministic work."""
    return synth_case("hgx", 16, 0.5, 8, 0, budget=Budget(work=1000))


@pytest.fixture(scope="session")
def decision(case: Case) -> Decision:
    """The decision of that case, as its file holds it."""
    made = decide(Case.from_json(case.to_json()), clock=time.monotonic, workers=Inline())
    return Decision.from_json(made.to_json())


@pytest.fixture
def case_file(case: Case, tmp_path: Path) -> Path:
    path = tmp_path / "case.json"
    path.write_text(case.to_json(), encoding="utf-8")
    return path


@pytest.fixture
def decision_file(decision: Decision, tmp_path: Path) -> Path:
    path = tmp_path / "decision.json"
    path.write_text(decision.to_json(), encoding="utf-8")
    return path
