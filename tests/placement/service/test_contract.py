"""The contract is linted, and breaks nothing that a client of the last released one relies on.

`released.binpb` is `buf build proto -o ...` of that release; a release that may break clients replaces it.
"""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
RELEASED = Path(__file__).with_name("released.binpb")
BUF = Path(sys.executable).with_name("buf")


def buf(*arguments: str, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run([BUF, *arguments], cwd=folder, capture_output=True, text=True, check=False, timeout=60)


def test_the_contract_is_linted() -> None:
    found = buf("lint", "proto")
    assert found.returncode == 0, found.stdout


def test_clients_of_the_released_contract_are_not_broken() -> None:
    found = buf("breaking", "proto", "--against", str(RELEASED))
    assert found.returncode == 0, found.stdout + found.stderr


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "  repeated Workload workloads = 2;\n  // What runs now, for a call",
            "  // What runs now, for a call",
            "deleted",
        ),
        ("optional int64 seed = 10;", "optional string seed = 10;", "type"),
        ("optional int64 seed = 10;", "optional int64 grain = 10;", "name"),
        ("  STATUS_OPTIMAL = 1;", "  STATUS_PROVEN = 1;", "STATUS_OPTIMAL"),
    ],
)
def test_a_breaking_change_is_found(tmp_path: Path, old: str, new: str, said: str) -> None:
    shutil.copytree(ROOT / "proto", tmp_path / "proto")
    contract = tmp_path / "proto/placement/v1/placement.proto"
    text = contract.read_text()
    assert text.count(old) == 1
    contract.write_text(text.replace(old, new))
    found = buf("breaking", "proto", "--against", str(RELEASED), folder=tmp_path)
    assert found.returncode != 0
    assert said in found.stdout
