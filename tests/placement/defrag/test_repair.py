"""Repair after node loss (Q-14244, training-operator style: two nodes of one gang fail; keep the rest).

The live system restarts the whole gang and places it anew. What works here, and what does not.
"""

import time
from collections import Counter

from placement.defrag import plan, read_goal
from placement.engine import decide
from placement.model import Budget, Case, Decision, Kind, Placement, Policy, Replica, Running
from placement.whatif import Change, apply
from solver.workers import Inline
from tests.placement.defrag.simulator import simulate
from tests.placement.rules.small import case_of, gang, node, place, small_fleet
from topology.edits import Fail
from topology.model import Health

NODES, SPARE = 24, 4
LOST = ("n3", "n17")


def decided(case: Case, start: tuple[Placement, ...] | None = None) -> Decision:
    return decide(case, clock=time.monotonic, workers=Inline(), start=start)


def cluster(least: int | None = None, lost: tuple[str, ...] = ()) -> Case:
    """One gang of a replica per node, and spare nodes; `lost` have failed."""
    rows = tuple(node(k, health=Health.FAILED if f"n{k}" in lost else Health.HEALTHY) for k in range(NODES + SPARE))
    work = gang(
        "big",
        replicas=NODES,
        gpus=4,
        min_replicas=least,
        workload={"kind": Kind.TRAINING, "expected_duration_s": 90_000},
    )
    seats = place("big", *((f"n{k}", (0, 1, 2, 3)) for k in range(NODES))).replicas
    one = Running(
        workload=work,
        replicas=tuple(Replica(**dict(replica)) for replica in seats),
        movable=True,
        restart_cost_micro_usd=5_000_000,
    )
    case = case_of(small_fleet(rows), running=(one,), budget=Budget(work=1000), now_s=7200)
    return Case(**{name: getattr(case, name) for name in Case.model_fields if name != "policy"}).canonical()


def test_freeing_the_failed_nodes_moves_just_their_replicas() -> None:
    case = cluster(lost=LOST)
    told = plan(case, read_goal(case, LOST), decided)
    state = simulate(case, told)
    [step] = told.steps
    assert step.moved == 2
    assert set(step.nodes_before) - set(step.nodes_after) == set(LOST)
    assert set(step.nodes_after) - set(step.nodes_before) <= {f"n{k}" for k in range(NODES, NODES + SPARE)}
    assert told.status == "OPTIMAL"
    assert set(told.free_after) == set(LOST)
    assert len(state["big"]) == NODES


def test_a_plain_decision_moves_just_their_replicas_too() -> None:
    """Health is held in the first tier of the default policy; held without a tier it reports, and nothing moves."""
    case = cluster(lost=LOST)
    made = decided(case)
    assert [(move.workload, move.moved) for move in made.moves] == [("big", 2)]
    rules = tuple(r.model_copy(update={"tier": 0}) if r.name == "health" else r for r in case.policy.rules)
    held = decided(case.model_copy(update={"policy": Policy(rules=rules)}))
    assert not held.moves
    assert {hold.rule for hold in held.holds} == {"health"}


def test_failing_nodes_by_a_what_if_places_the_whole_gang_anew() -> None:
    """The gang needs all its replicas: it has stopped, waits as a whole, and finds its room."""
    after = apply(cluster(), Change(edits=tuple(Fail(part=name) for name in LOST)))
    assert [w.id for w in after.workloads] == ["big"]
    [placed] = decided(after).placements
    assert not {replica.node for replica in placed.replicas} & set(LOST)


def test_a_gang_that_may_be_smaller_runs_on_with_the_rest_and_is_not_filled_up() -> None:
    after = apply(cluster(least=NODES - 2), Change(edits=tuple(Fail(part=name) for name in LOST)))
    assert not after.workloads
    made = decided(after)
    assert not made.moves
    assert Counter(len(one.replicas) for one in after.running) == {NODES - 2: 1}
