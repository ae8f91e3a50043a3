"""What the independent check refuses although the placements themselves are valid."""

import time

import numpy as np
import pytest

from placement.cases.synth import synth_case
from placement.compile import lower
from placement.engine import decide
from placement.model import Budget, Case, Certificate, Decision, PlacementGroup, Status, Unplaced, Verdict
from placement.snapshot import Snapshot
from placement.verify import verify
from solver.cells import fine_cells
from solver.certificate import evaluate
from solver.encode import encode
from solver.lp import lp_bound
from solver.plan import Plan
from solver.reduce import merge_items
from solver.rows import row_names
from solver.workers import Inline


@pytest.fixture(scope="module")
def decided() -> tuple[Snapshot, Decision]:
    """A case in which something is placed and something is not."""
    case = synth_case("hgx", 16, 0.6, 14, 5).model_copy(update={"budget": Budget(work=500)})
    snapshot = Snapshot.of(case)
    return snapshot, decide(snapshot, clock=time.monotonic, workers=Inline())


def test_fabricated_optimality_is_refuted(decided: tuple[Snapshot, Decision]) -> None:
    snapshot, decision = decided
    assert verify(snapshot, decision) == ()
    refused = tuple(
        Unplaced(workload=one.id, verdict=Verdict.IMPOSSIBLE, rule="capacity", reason="")
        for one in snapshot.case.workloads
    )
    tiers = tuple(
        tier.model_copy(
            update={"value": tier.do_nothing, "bound": tier.do_nothing, "gap": 0.0, "abs_gap": 0}
            | {"bound_source": "solver"}
        )
        for tier in decision.tiers
    )
    fake = decision.model_copy(
        update={"placements": (), "unplaced": refused, "tiers": tiers, "certificates": (), "status": Status.OPTIMAL}
        | {"gap": 0.0, "gap_tier": None, "bound_source": "solver"}
    )
    found = verify(snapshot, fake)
    assert any("a simple plan reaches" in text for text in found)
    assert any("is called IMPOSSIBLE, and fits alone" in text for text in found)


def test_terms_are_reported_once(decided: tuple[Snapshot, Decision]) -> None:
    snapshot, decision = decided
    twice = decision.model_copy(update={"terms": (*decision.terms, decision.terms[0])})
    assert "terms: a rule is reported twice in one tier" in verify(snapshot, twice)


def test_a_verdict_names_a_requirement_and_other_workloads(decided: tuple[Snapshot, Decision]) -> None:
    snapshot, decision = decided
    (first, *rest) = decision.unplaced
    for change, said in (({"rule": "price"}, "refuses nothing"), ({"rivals": (first.workload,)}, "its own rival")):
        spoiled = decision.model_copy(update={"unplaced": (first.model_copy(update=change), *rest)})
        assert any(said in text for text in verify(snapshot, spoiled))


def test_a_group_without_placed_members_is_no_fault() -> None:
    case = synth_case("hgx", 16, 0.6, 4, 5)
    group = PlacementGroup(name="g", level="nope")
    member = case.workloads[0].model_copy(update={"group": "g"})
    odd: Case = case.model_copy(
        update={"groups": (group,), "workloads": (member, *case.workloads[1:]), "budget": Budget(work=200)}
    )
    decision = decide(odd, clock=time.monotonic, workers=Inline())
    assert {one.verdict for one in decision.unplaced if one.workload == member.id} == {Verdict.REJECTED}
    assert verify(odd, decision) == ()


def test_a_certificate_with_kept_rows_is_evaluated_again(decided: tuple[Snapshot, Decision]) -> None:
    snapshot, decision = decided
    problem = merge_items(lower(snapshot.case, snapshot.fabric).problem).problem
    arrays = encode(problem, fine_cells(problem), Plan()).arrays
    relaxed = lp_bound(arrays, 0, (), "fine", None)
    assert relaxed is not None
    proof, names = relaxed.certificate, row_names(problem, arrays)
    y = np.zeros(arrays.rows, np.int64)
    y[list(proof.rows)] = proof.multipliers
    kept = next((row,) for row in range(arrays.rows) if evaluate(arrays, 0, proof.scale, y, (row,)) is not None)
    bound = evaluate(arrays, 0, proof.scale, y, kept)
    assert bound is not None
    assert 0 < bound <= decision.tiers[0].value
    told = Certificate(
        tier=decision.tiers[0].tier,
        scale=proof.scale,
        multipliers=tuple((f"fine/{names[row]}", m) for row, m in zip(proof.rows, proof.multipliers, strict=True)),
        kept=tuple(f"fine/{names[row]}" for row in kept),
    )

    def said(claimed: int, certificate: Certificate) -> tuple[str, ...]:
        first = decision.tiers[0].model_copy(update={"bound": claimed, "bound_source": "certificate"})
        tiers = (first, *(tier.model_copy(update={"bound_source": "solver"}) for tier in decision.tiers[1:]))
        changed = decision.model_copy(update={"tiers": tiers, "certificates": (certificate,)})
        return tuple(text for text in verify(snapshot, changed) if "its certificate proves" in text)

    assert said(bound, told) == ()
    assert said(bound + 1, told)
    assert said(bound, told.model_copy(update={"kept": ("fine/no such row",)}))
    assert said(bound, told.model_copy(update={"kept": ("coarse/x", *told.kept)}))
