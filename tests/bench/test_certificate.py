"""Suite `certificate`: its cases, what is left of them under some rules, and whether one rule alone decides."""

from pathlib import Path
from typing import Any

import pytest

from bench.command import run
from bench.suites.certificate_alone import Alone, alone, alone_blocks
from bench.suites.certificate_cases import GANG, RULES, certificate_case, under


def _row(values: list[int], bounds: list[int], rules: str = "rack", **more: Any) -> dict[str, Any]:
    instance = {"nodes": 500, "rules": rules, "seed": 0}
    given = {"suite": "certificate", "method": "moorage", "values": values, "bounds": bounds, "instance": instance}
    return given | {"admitted": 1} | more


@pytest.mark.parametrize(
    ("single", "said"),
    [
        (_row([5, 0], [0, 0]), Alone.LEAVES_MORE),
        (_row([9, 0], [9, 0]), Alone.DECIDES),
        (_row([9, 0], [5, 0]), Alone.UNKNOWN),
        (_row([10, 0], [8, 0]), Alone.UNKNOWN),
    ],
)
def test_a_rule_decides_if_it_is_proven_that_it_leaves_no_more(single: dict[str, Any], said: Alone) -> None:
    assert alone(_row([9, 0], [9, 0]), single, 1) is said


def test_only_decided_cases_are_counted() -> None:
    def told(*rows: dict[str, Any]) -> str:
        return alone_blocks(rows)[1].lines[0]  # type: ignore[union-attr]

    case, easy = _row([9, 0], [9, 0], "+".join(RULES)), [_row([5, 0], [0, 0], rule) for rule in RULES]
    assert told(case, *easy).startswith("Of 1 cases that are decided under all rules, 1 are not")
    assert told(case, *easy[:2]).startswith("Of 1 cases that are decided under all rules, 0 are not"), "one is missing"
    assert told(_row([9, 0], [8, 0], "+".join(RULES)), *easy).startswith("Of 0 cases")


def test_each_rule_can_be_taken_out() -> None:
    case = certificate_case(100, 3)
    assert case.workloads[0].id == GANG
    assert under(case, RULES) == case
    bare = under(case, ())
    assert bare.workloads[0].proximity is None
    assert all(t.quota_gpu_milli is t.guaranteed_gpu_milli is t.disruption_budget is None for t in bare.tenants)
    assert bare.running == case.running


def test_a_small_run_is_decided_and_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = ",".join(["+".join(RULES), *RULES])
    grid = ["--set", "nodes=60", "--set", f"rules={names}", "--seeds", "1"]
    code = run(["run", "certificate", *grid, "--methods", "moorage", "--limits", "3s", "--out", str(tmp_path)])
    assert code == 0
    assert "open" in capsys.readouterr().out
    assert run(["alone", str(tmp_path)]) == 0
    assert "cases that are decided under all rules" in capsys.readouterr().out
