"""`make test-data` may not pass because its tests were skipped."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

CONFTEST = Path(__file__).with_name("conftest.py")
PASSES = "def test_passes():\n    pass\n"
SKIPS = {
    "a test": "import pytest\n\n\ndef test_skips():\n    pytest.skip('no')\n",
    "a fixture": "def test_skips(data_dir):\n    pass\n",
    "a mark": "import pytest\n\n\n@pytest.mark.skip\ndef test_skips():\n    pass\n",
    "a module": "import pytest\n\npytest.skip('no', allow_module_level=True)\n",
}


def exit_code(folder: Path, text: str, *, forbid: bool) -> int:
    (folder / "conftest.py").write_text(CONFTEST.read_text(encoding="utf-8"), encoding="utf-8")
    (folder / "test_one.py").write_text(PASSES, encoding="utf-8")
    (folder / "test_two.py").write_text(text, encoding="utf-8")
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("MOORAGE_", "PYTEST_"))}
    if forbid:
        environment["MOORAGE_FAIL_ON_SKIP"] = "1"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(folder)]
    return subprocess.run(command, cwd=folder, env=environment, check=False, capture_output=True).returncode


@pytest.mark.parametrize("text", SKIPS.values(), ids=SKIPS)
def test_a_skip_fails_where_it_is_forbidden(text: str, tmp_path: Path) -> None:
    # 1 = a test failed, 2 = a module could not be collected.
    assert exit_code(tmp_path, text, forbid=True) == (2 if text == SKIPS["a module"] else 1)


def test_a_skip_is_no_failure_elsewhere(tmp_path: Path) -> None:
    assert exit_code(tmp_path, SKIPS["a test"], forbid=False) == 0


def test_without_skips_nothing_changes(tmp_path: Path) -> None:
    assert exit_code(tmp_path, PASSES, forbid=True) == 0
