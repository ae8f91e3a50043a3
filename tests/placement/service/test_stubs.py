"""The committed stubs are what protoc makes of the contract."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def test_regeneration_gives_the_same_files(tmp_path: Path) -> None:
    outputs = [f"--{kind}_out={tmp_path}" for kind in ("python", "pyi", "grpc_python")]
    command = [sys.executable, "-m", "grpc_tools.protoc", "-Iproto", *outputs, "placement/v1/placement.proto"]
    subprocess.run(command, cwd=ROOT, check=True)
    made = sorted((tmp_path / "placement/v1").iterdir())
    assert [path.name for path in made] == ["placement_pb2.py", "placement_pb2.pyi", "placement_pb2_grpc.py"]
    for path in made:
        committed = ROOT / "placement/v1" / path.name
        assert committed.read_bytes() == path.read_bytes(), f"{committed.name} is stale; run `make proto`"
