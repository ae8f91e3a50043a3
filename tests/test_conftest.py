"""`make test-data` may not pass because its tests were skipped."""

import os
import re
import subprocess
import sys
from pathlib import Path

CONFTEST = Path(__file__).with_name("conftest.py")
PASSES = "def test_passes():\n    pass\n"
SKIPS = {
    "test_test.py": "import pytest\n\n\ndef test_skips():\n    pytest.skip('no')\n",
    "test_fixture.py": "def test_skips(data_dir):\n    pass\n",
    "test_mark.py": "import pytest\n\n\n@pytest.mark.skip\ndef test_skips():\n    pass\n",
}
SKIPPED_MODULE = "import pytest\n\npytest.skip('no', allow_module_level=True)\n"


def run(folder: Path, texts: dict[str, str], *, forbid: bool) -> tuple[int, str]:
    """Exit code and output of pytest on some modules, with one beside them that passes."""
    (folder / "conftest.py").write_text(CONFTEST.read_text(encoding="utf-8"), encoding="utf-8")
    for name, text in {"test_one.py": PASSES, **texts}.items():
        (folder / name).write_text(text, encoding="utf-8")
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("MOORAGE_", "PYTEST_"))}
    if forbid:
        environment["MOORAGE_FAIL_ON_SKIP"] = "1"
    command = [sys.executable, "-m", "pytest", "-q", "-rA", "-p", "no:cacheprovider", str(folder)]
    done = subprocess.run(command, cwd=folder, env=environment, check=False, capture_output=True, text=True)
    return done.returncode, done.stdout


def test_a_skip_fails_where_it_is_forbidden(tmp_path: Path) -> None:
    code, told = run(tmp_path, SKIPS, forbid=True)
    assert code == 1, told
    for name in SKIPS:
        assert re.search(rf"^(FAILED|ERROR) {name}::test_skips", told, re.MULTILINE), told
    assert "1 passed" in told


def test_a_skipped_module_cannot_be_collected_where_skips_are_forbidden(tmp_path: Path) -> None:
    code, told = run(tmp_path, {"test_two.py": SKIPPED_MODULE}, forbid=True)
    assert code == 2, told


def test_a_skip_is_no_failure_elsewhere(tmp_path: Path) -> None:
    code, told = run(tmp_path, {**SKIPS, "test_two.py": SKIPPED_MODULE}, forbid=False)
    assert code == 0, told
    assert "1 passed, 4 skipped" in told


def test_without_skips_nothing_changes(tmp_path: Path) -> None:
    assert run(tmp_path, {}, forbid=True)[0] == 0
