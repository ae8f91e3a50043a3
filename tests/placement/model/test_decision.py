"""The decision document carries the keys that callers and scripts rely on."""

import json
from pathlib import Path

from placement.model import (
    Certificate,
    Decision,
    Device,
    PlacedReplica,
    Placement,
    Status,
    Term,
    TierReport,
    Unplaced,
    Verdict,
    read_decision,
    write_decision,
)

DECISION = Decision(
    case_id="c0ffee",
    status=Status.FEASIBLE,
    tiers=(TierReport(tier=1, value=7, bound=6, gap=0.125, abs_gap=1, bound_source="certificate", do_nothing=14),),
    gap=0.125,
    gap_tier=1,
    bound_source="certificate",
    terms=(Term(name="refused", tier=1, points=7, natural=1.0, unit="workloads"),),
    placements=(
        Placement(
            workload="a",
            replicas=(PlacedReplica(subgroup="m", role="w", node="n0", devices=(Device(index=3, milli=250),)),),
        ),
    ),
    unplaced=(Unplaced(workload="b", verdict=Verdict.NO_ROOM, rule="capacity", reason="no node has 8 idle GPUs"),),
    timings={"solve": 1.5},
    certificates=(Certificate(tier=1, scale=1000, limits=(), multipliers=(("node/n0", -4),)),),
)


def test_a_decision_comes_back_as_it_went(tmp_path: Path) -> None:
    write_decision(DECISION, tmp_path / "d.json.gz")
    assert read_decision(tmp_path / "d.json.gz") == DECISION


def test_every_key_of_the_contract_is_there() -> None:
    found = json.loads(DECISION.to_json())
    keys = {"status", "tiers", "gap", "gap_tier", "bound_source", "terms", "placements", "unplaced", "timings"}
    assert keys <= set(found)
    assert {"value", "bound", "gap"} <= set(found["tiers"][0])
    assert set(found["placements"][0]) == {"workload", "replicas"}
    assert {"role", "node", "devices"} <= set(found["placements"][0]["replicas"][0])
    assert {"workload", "verdict", "rule", "reason"} <= set(found["unplaced"][0])
    bare = json.loads(Decision(case_id="c", status=Status.FALLBACK).to_json())
    assert keys <= set(bare)
    assert bare["gap"] is None
