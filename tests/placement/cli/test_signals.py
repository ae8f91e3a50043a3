"""Signals: Ctrl-C ends a search with its best decision, SIGTERM ends the server with exit code 0."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from placement.cases.synth import synth_case
from placement.model import Budget, Decision, Status
from tests.placement.cli.conftest import ROOT
from topology.synth import synth_fleet


def start(*args: str | Path) -> subprocess.Popen[bytes]:
    """The program in a process group of its own, as a shell starts it."""
    command = [sys.executable, "-m", "placement.cli.main", *(str(arg) for arg in args)]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdout=pipe, stderr=pipe, cwd=ROOT, start_new_session=True)


@pytest.mark.slow
def test_ctrl_c_gives_the_best_decision_so_far(tmp_path: Path) -> None:
    case = synth_case("mixed", 256, 0.7, 120, 1, budget=Budget(wall_ms=600_000))
    path = tmp_path / "case.json"
    path.write_text(case.to_json(), encoding="utf-8")
    process = start("solve", path, "-o", "json")
    try:
        time.sleep(6)
        assert process.poll() is None, "the case is too easy for this test"
        interrupted = time.monotonic()
        os.killpg(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode in (0, 4), err
    assert time.monotonic() - interrupted < 45
    assert Decision.from_json(out).status is not Status.OPTIMAL
    assert b"stopping" in err
    assert b"Traceback" not in err


def test_the_server_serves_and_drains_on_sigterm(tmp_path: Path) -> None:
    fleet = tmp_path / "fleet.json"
    fleet.write_text(synth_fleet("hgx", 16, 1).model_dump_json())
    process = start("serve", "--port", "0", "--fleet", fleet)
    try:
        assert process.stdout is not None
        line = process.stdout.readline().decode()
        assert line.startswith("serving on 127.0.0.1:"), line
        with grpc.insecure_channel(line.split()[-1]) as channel:
            stub = health_pb2_grpc.HealthStub(channel)
            answer = stub.Check(health_pb2.HealthCheckRequest(), timeout=20)
        assert answer.status == health_pb2.HealthCheckResponse.SERVING
        process.terminate()
        _, err = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == 0, err
    assert b"Traceback" not in err
