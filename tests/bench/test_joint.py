"""The suites on the joint decision: valid by every method, failures of the sequential way seen, proofs counted."""

import json
from pathlib import Path

import pytest

from bench.__main__ import main
from bench.baselines.sequential import Sequential
from bench.instance import CaseInstance
from bench.rows import FILE
from bench.suites.certificate_cases import GANG, RULES, certificate_case, under
from bench.suites.joint_cases import joint_case
from tests.scenarios.loader import read_scenario

SCENARIOS = Path(__file__).resolve().parents[1] / "scenarios"


def test_counting_first_ends_work_for_a_job_that_then_waits() -> None:
    """Q-5243: 6 + 2 on four nodes; the count of free GPUs suffices after eight evictions, the shape does not."""
    case = read_scenario(SCENARIOS / "Q-5243.toml").case
    counted = Sequential(tries=False).answer(case, time_limit_s=1, seed=0)
    assert counted.figures == {"gangs waiting after evictions": 1, "ended for them": 8}
    assert not counted.placements
    assert counted.disturbed is not None
    assert len(counted.disturbed.evictions) == 8
    tried = Sequential(tries=True).answer(case, time_limit_s=1, seed=0)
    assert tried.figures == {"gangs waiting after evictions": 0, "ended for them": 0}
    assert tried.disturbed is not None
    assert not tried.disturbed.evictions


def test_trying_victims_frees_a_clique() -> None:
    """K-1591: both forms end work of a full clique; what they answer is valid."""
    case = read_scenario(SCENARIOS / "K-1591.toml").case
    instance = CaseInstance(case)
    answer = Sequential(tries=True).answer(case, time_limit_s=1, seed=0)
    assert [placement.workload for placement in answer.placements] == ["gang"]
    assert answer.disturbed is not None
    assert [one.workload for one in answer.disturbed.evictions] == ["low-1", "low-2"]
    assert instance.judge(answer).violations == ()


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("tries", [False, True])
def test_the_sequential_way_keeps_every_rule(seed: int, tries: bool) -> None:
    case = joint_case("nvl72" if seed % 2 else "hgx", 32, 0.95, 10, seed)
    assert case.id == joint_case("nvl72" if seed % 2 else "hgx", 32, 0.95, 10, seed).id
    answer = Sequential(tries=tries).answer(case, time_limit_s=1, seed=0)
    assert CaseInstance(case).judge(answer).violations == ()
    assert answer.placements


def test_the_joint_suite_adds_up_what_was_placed_and_ended(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    args = ["run", "joint", "--quick", "--seeds", "1", "--set", "fleet=hgx", "--methods", "count-first,moorage"]
    assert main([*args, "--out", str(tmp_path)]) == 0
    rows = [json.loads(line) for line in (tmp_path / FILE).read_text(encoding="utf-8").splitlines()]
    assert [row["method"] for row in rows] == ["count-first", "moorage"]
    for row in rows:
        figures = row["figures"]
        assert figures["placed"] == row["admitted"]
        assert figures["placed value"] > 0
        assert (figures["evicted value"] > 0) == (figures["evicted"] + figures["shrunk"] > 0)
    assert "Sums over all answers." in capsys.readouterr().out


def test_each_rule_of_a_certificate_case_can_be_left_out() -> None:
    case = certificate_case(100, 1)
    assert case.id == certificate_case(100, 1).id
    assert under(case, RULES).id == case.id
    assert len(case.running) > 200
    assert [w.id for w in case.workloads] == [GANG]
    assert case.workloads[0].gpu_milli_total == 80_000
    rack, queue, disruption = (under(case, (rule,)) for rule in RULES)
    assert rack.workloads[0].proximity is not None
    assert queue.workloads[0].proximity is None
    assert all(tenant.disruption_budget is None for tenant in (*rack.tenants, *queue.tenants))
    assert all(tenant.guaranteed_gpu_milli is None for tenant in (*rack.tenants, *disruption.tenants))
    assert any(tenant.disruption_budget is not None for tenant in disruption.tenants)
    assert any(tenant.quota_gpu_milli is not None for tenant in queue.tenants)


def test_a_certificate_is_placed_proven_out_or_open(tmp_path: Path) -> None:
    assert main(["run", "certificate", "--quick", "--limits", "2s", "--out", str(tmp_path)]) == 0
    for line in (tmp_path / FILE).read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        assert row["violations"] == []
        figures = row["figures"]
        assert figures["placed"] == row["admitted"]
        assert figures["placed, all proven"] <= figures["placed, tier 1 proven"] <= figures["placed"]
        assert figures["open"] + figures["proven out"] + figures["placed, tier 1 proven"] == 1
