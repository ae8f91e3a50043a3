"""Going on from an earlier answer: little changes, no content does harm, and the report says what became of it."""

import time
from random import Random

import pytest

from placement.cases.synth import synth_case
from placement.engine import decide
from placement.model import (
    Budget,
    Case,
    Certificate,
    Decision,
    Device,
    Eviction,
    Move,
    PlacedReplica,
    Placement,
    Replica,
    Running,
    Status,
    Unplaced,
    Verdict,
)
from placement.verify import verify
from placement.whatif import Change, apply
from solver.workers import Inline
from tests.placement.rules.small import gang, node, small_fleet
from tests.solver.doubles import Told
from topology.edits import Drain


def idle() -> Told:
    """Workers that search nothing: what comes out is made of the earlier answer, and of greedy."""
    return Told(ending="not asked to")


def pending(seed: int = 1, *, preemption: bool = False) -> Case:
    case = synth_case("hgx", 24, 0.6, 16, seed, preemption=preemption)
    return case.model_copy(update={"budget": Budget(work=20)})


def cold(case: Case) -> Decision:
    return decide(case, clock=time.monotonic, workers=Inline())


def values(decision: Decision) -> list[int]:
    return [tier.value for tier in decision.tiers]


def drained(case: Case, decision: Decision) -> Case:
    used = sorted({one.node for placement in decision.placements for one in placement.replicas})
    return apply(case, Change(edits=(Drain(part=used[0]),)))


def test_the_same_case_again_changes_nothing_that_gains_nothing() -> None:
    case = pending()
    before = cold(case)
    again = decide(case, clock=time.monotonic, workers=idle(), warm=before)
    assert values(again) <= values(before)
    assert again.warm is not None
    assert (again.warm.changed, again.warm.dropped, again.warm.unknown) == (0, 0, 0)
    assert again.warm.kept == len(before.placements) > 0
    assert again.placements == before.placements
    assert verify(case, again) == ()


def test_a_work_budget_gives_equal_bytes_from_equal_answers() -> None:
    full = pending(2)
    before = cold(full.model_copy(update={"workloads": full.workloads[:-3]}))
    case = drained(full, before)
    one, two = (decide(case, clock=time.monotonic, workers=Inline(), warm=before) for _ in range(2))
    assert one.model_copy(update={"timings": {}}).to_json() == two.model_copy(update={"timings": {}}).to_json()
    assert verify(case, one) == ()


@pytest.mark.parametrize("seed", range(4))
def test_a_small_change_leaves_most_as_it_is(seed: int) -> None:
    full = pending(seed)
    before = cold(full.model_copy(update={"workloads": full.workloads[:-3]}))
    case = drained(full, before)
    after = decide(case, clock=time.monotonic, workers=idle(), warm=before)
    touched = {
        placement.workload
        for placement in before.placements
        for one in placement.replicas
        if one.node == min(one.node for placement in before.placements for one in placement.replicas)
    }
    told = after.warm
    assert told is not None
    assert told.kept + told.changed + told.dropped == len(before.placements)
    assert told.unknown == 0
    # Beside what sat on the drained node, three workloads may push aside as many, more or less.
    assert told.kept >= len(before.placements) - len(touched) - 4
    assert verify(case, after) == ()
    greedy = decide(case, clock=time.monotonic, workers=idle())
    assert values(after) <= values(greedy)


def test_old_multipliers_give_a_bound_without_any_search() -> None:
    case = pending(2)
    before = cold(case)
    assert any(proof.multipliers for proof in before.certificates)
    changed = drained(case, before)
    after = decide(changed, clock=time.monotonic, workers=idle(), warm=before)
    assert after.warm is not None
    bounds = {one.tier: one.bound for one in after.warm.bounds}
    assert bounds
    for tier in after.tiers:
        assert tier.bound == bounds.get(tier.tier, 0), "there is no other bound"
        assert tier.bound <= tier.value
    assert verify(changed, after) == ()


def test_what_is_not_waiting_any_more_is_told() -> None:
    case = pending(4)
    before = cold(case)
    name = before.placements[0].workload
    later = case.model_copy(update={"workloads": tuple(w for w in case.workloads if w.id != name)})
    after = decide(later, clock=time.monotonic, workers=idle(), warm=before)
    assert after.warm is not None
    assert after.warm.unknown == 1
    assert after.warm.kept + after.warm.changed + after.warm.dropped == len(before.placements) - 1
    assert verify(later, after) == ()


def test_without_an_earlier_answer_nothing_is_told() -> None:
    assert cold(pending()).warm is None


def test_running_work_goes_where_the_earlier_answer_had_it() -> None:
    """The gang needs a whole node: the earlier answer moved what ran there, and moves it again."""
    half = Replica(subgroup="s", role="r", node="n0", devices=tuple(Device(index=i) for i in range(2)))
    case = Case(
        fleet=small_fleet((node(0), node(1))),
        workloads=(gang("big", gpus=4),),
        running=(
            Running(workload=gang("a", gpus=2), replicas=(half,), movable=True),
            Running(workload=gang("b", gpus=2), replicas=(half.model_copy(update={"node": "n1"}),)),
        ),
        budget=Budget(work=200),
    )
    before = cold(case)
    assert before.moves, "there is no other way to place it"
    after = decide(case, clock=time.monotonic, workers=idle(), warm=before)
    assert (after.moves, after.placements) == (before.moves, before.placements)
    gone = before.model_copy(update={"moves": (), "evictions": (Eviction(workload="a"), Eviction(workload="b"))})
    held = decide(case, clock=time.monotonic, workers=idle(), warm=gone)
    assert held.evictions == (), "it may be moved, not ended"
    for decision in (before, after, held):
        assert verify(case, decision) == ()


def nonsense(case: Case, good: Decision, random: Random) -> Decision:
    """An earlier answer of any content."""
    names = [w.id for w in case.workloads] + [one.workload.id for one in case.running] + ["nobody"]
    nodes = [one.id for one in case.fleet.nodes] + ["nowhere"]

    def replica() -> PlacedReplica:
        some = tuple(Device(index=random.randrange(8), milli=random.choice((1, 500, 1000))) for _ in range(9))
        return PlacedReplica(
            subgroup=random.choice(("main", "s", "")) or "none",
            role=random.choice(("main", "r")),
            node=random.choice(nodes),
            devices=some[: random.randrange(9)],
        )

    def replicas() -> tuple[PlacedReplica, ...]:
        return tuple(replica() for _ in range(random.choice((0, 1, 3, 40))))

    placements = [Placement(workload=random.choice(names), replicas=replicas()) for _ in range(6)]
    placements += [one for one in good.placements if random.random() < 0.8]
    placements += random.sample(good.placements, min(2, len(good.placements)))
    proofs = tuple(
        Certificate(
            tier=random.randrange(1, 10),
            scale=random.choice((1, 7, 2**62)),
            limits=(random.choice((0, -5, 2**62)),) * random.randrange(3),
            multipliers=tuple(
                (name if random.random() < 0.7 else random.choice(("coarse/", "fine/3", "x", "coarse/@1-2/")), value)
                for name, _ in proof.multipliers
                for value in [random.choice((0, 1, -1, 10**6, -(10**6), 2**62, -(2**62)))]
            ),
        )
        for proof in good.certificates
    )
    moves = tuple(Move(workload=random.choice(names), moved=1, replicas=replicas()) for _ in range(3))
    return good.model_copy(
        update={
            "placements": tuple(random.sample(placements, len(placements))),
            "certificates": proofs,
            "moves": moves,
            "evictions": tuple(Eviction(workload=random.choice(names)) for _ in range(3)),
            "unplaced": tuple(Unplaced(workload=random.choice(names), verdict=Verdict.REJECTED) for _ in range(3)),
            "status": Status.OPTIMAL,
            "tiers": (),
        }
    )


@pytest.mark.parametrize("preemption", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_an_answer_of_any_content_does_no_harm(seed: int, preemption: bool) -> None:
    case = pending(seed, preemption=preemption)
    good = cold(case)
    greedy = decide(case, clock=time.monotonic, workers=idle())
    for turn in range(6):
        warm = nonsense(case, good, Random(f"{seed}/{turn}"))
        found = decide(case, clock=time.monotonic, workers=idle(), warm=warm)
        assert verify(case, found) == ()
        assert values(found) <= values(greedy)
        least = values(good) if good.status is Status.OPTIMAL else [0] * len(found.tiers)
        assert values(found) >= least
        assert found.tiers[0].bound is not None
        assert found.tiers[0].bound <= min(values(good)[0], values(found)[0])


def test_an_empty_answer_is_none() -> None:
    case = pending()
    found = decide(case, clock=time.monotonic, workers=idle(), warm=Decision(case_id="x", status=Status.FALLBACK))
    bare = decide(case, clock=time.monotonic, workers=idle())
    assert found.placements
    assert values(found) <= values(bare)
    assert found.warm is not None
    assert (found.warm.kept, found.warm.bounds) == (0, ())
