"""`moorage explain`: the case as it was decided, with what else `solve` was given, and documents that are mixed up."""

from pathlib import Path

import pytest

from placement.model import Case
from tests.placement.cli.conftest import Moorage

POLICY = """name = "one tier"
rules = [{ name = "refused", mode = "prefer", tier = 1 }]
"""


def test_a_decision_under_options_is_explained_under_the_same(
    program: Moorage, case: Case, case_file: Path, tmp_path: Path
) -> None:
    (tmp_path / "policy.toml").write_text(POLICY)
    given = ("--policy", tmp_path / "policy.toml", "--work", "20", "--seed", "3")
    out = tmp_path / "decision.json"
    assert program("solve", case_file, *given, "--out", out).code in {0, 3, 4}
    about = ("--workload", case.workloads[0].id, "--time-limit", "1s")
    ran = program("explain", case_file, out, *given, *about)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith(case.workloads[0].id)
    ran = program("explain", case_file, out, *about)
    assert (ran.code, ran.out) == (2, "")
    assert "same policy, seed and budget" in ran.err


@pytest.mark.badinput
def test_documents_that_are_mixed_up_are_told(moorage: Moorage, case_file: Path, decision_file: Path) -> None:
    for args, told in (
        (("solve", decision_file), "case: this document is a decision, not a case; give the case here"),
        (("check", case_file, case_file), "decision: this document is a case, not a decision"),
        (("solve", case_file, "--warm", case_file), "--warm: decision: this document is a case, not a decision"),
        (("explain", case_file, case_file, "--workload", "w"), "decision: this document is a case, not a decision"),
    ):
        ran = moorage(*args)
        assert (ran.code, ran.out) == (2, "")
        assert told in ran.err
        assert ran.err.count("\n") == 1
