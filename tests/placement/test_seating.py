"""Placements without devices get devices that fit, or are refused."""

import time

import pytest

from placement.cases.synth import synth_case
from placement.engine import decide
from placement.model import Decision, Placement
from placement.seating import with_devices
from placement.snapshot import Snapshot
from placement.verify import verify, verify_placements
from solver.workers import Inline


@pytest.fixture(scope="module")
def decided() -> tuple[Snapshot, Decision]:
    """A small case with fractions and whole GPUs, and its decision."""
    case = synth_case("hgx", 16, 0.6, 12, 3)
    snapshot = Snapshot.of(case)
    deadline = time.monotonic() + 3
    return snapshot, decide(snapshot, clock=time.monotonic, workers=Inline(), deadline=deadline)


def bare(placement: Placement) -> Placement:
    """The placement without devices."""
    replicas = tuple(replica.model_copy(update={"devices": ()}) for replica in placement.replicas)
    return placement.model_copy(update={"replicas": replicas})


def test_a_decision_stripped_of_its_devices_is_seated_again(decided: tuple[Snapshot, Decision]) -> None:
    snapshot, decision = decided
    assert verify(snapshot, decision) == ()
    stripped = tuple(bare(placement) for placement in decision.placements)
    assert stripped != decision.placements
    assert verify_placements(snapshot, stripped) == ()


def test_named_devices_are_kept(decided: tuple[Snapshot, Decision]) -> None:
    snapshot, decision = decided
    assert with_devices(snapshot, decision.placements) == decision.placements


def test_what_does_not_fit_its_node_is_reported(decided: tuple[Snapshot, Decision]) -> None:
    snapshot, decision = decided
    node = next(r.node for p in decision.placements for r in p.replicas if r.devices)
    crowd = tuple(
        p.model_copy(update={"replicas": tuple(r.model_copy(update={"node": node}) for r in bare(p).replicas)})
        for p in decision.placements
    )
    assert verify_placements(snapshot, crowd)
