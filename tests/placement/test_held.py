"""What running work breaks may stay and is never made worse; young work is left alone; budgets without prices."""

import time

from placement.compile import Lifted, lower, whole
from placement.engine import decide
from placement.model import (
    Case,
    Decision,
    Device,
    Move,
    PlacedReplica,
    Policy,
    Replica,
    RuleSpec,
    Running,
    Status,
    default_policy,
)
from placement.snapshot import Snapshot
from placement.verify import verify
from solver.workers import Inline
from tests.placement.rules.small import gang, node, small_fleet
from topology.fabric import Fabric
from topology.model import Health


def runs(name: str, *seats: tuple[int, int], start_s: int = 0, least: int | None = None) -> Running:
    """One GPU a replica at (node, device)."""
    work = gang(name, len(seats), min_replicas=least, workload={"tenant": "t"})
    replicas = tuple(Replica(subgroup="s", role="r", node=f"n{n}", devices=(Device(index=d),)) for n, d in seats)
    return Running(workload=work, replicas=replicas, start_s=start_s, movable=True, evictable=True)


def answer(case: Case) -> tuple[Snapshot, Decision]:
    snapshot = Snapshot.of(case)
    return snapshot, decide(snapshot, clock=time.monotonic, workers=Inline())


def test_no_further_replica_goes_where_the_work_may_not_start() -> None:
    """n1 is cordoned and cheap: the replica on it may stay, the other one may not join it."""
    nodes = (node(0), node(1, health=Health.CORDONED, price_micro_usd_h=1), node(2))
    case = Case(fleet=small_fleet(nodes), running=(runs("m", (0, 0), (1, 0)),), now_s=10_000)
    snapshot, decision = answer(case)
    joined = tuple(PlacedReplica(subgroup="s", role="r", node="n1", devices=(Device(index=index),)) for index in (0, 1))
    assert decision.status is Status.OPTIMAL
    assert all(move.replicas != joined for move in decision.moves)
    assert verify(snapshot, decision) == ()
    worse = decision.model_copy(
        update={"moves": (Move(workload="m", moved=1, replicas=joined),), "shrinks": (), "evictions": ()}
    )
    assert any(text.startswith("health:") for text in verify(snapshot, worse))


def test_young_work_is_no_part_of_the_decision() -> None:
    rules = tuple(
        spec.model_copy(update={"params": {"min_runtime_s": 3600}}) if spec.name == "preemption" else spec
        for spec in default_policy().rules
    )
    important = gang("vip", 8, gpus=4, workload={"tier": 0})
    young = runs("young", (0, 0), (1, 0), start_s=9_000, least=1)
    old = runs("old", (2, 0), (3, 0), start_s=1_000, least=1)
    case = Case(
        fleet=small_fleet(), workloads=(important,), running=(young, old), policy=Policy(rules=rules), now_s=10_000
    )
    lowered = lower(case.canonical(), Fabric.from_fleet(case.canonical().fleet))
    assert [p.workload for p in whole(lowered, Lifted(()))] == ["old"]
    _, decision = answer(case)
    assert not decision.placements
    assert not decision.shrinks


def test_budgets_are_searched_without_any_price_of_moving() -> None:
    """Two nodes must be emptied for the gang, two disturbances are allowed, and nothing else has a price."""
    rules = (
        RuleSpec(name="preemption", mode="require", params={"max_disrupted": 2}),
        RuleSpec(name="refused", mode="prefer", tier=1),
    )
    work = tuple(runs(f"r{n}", (n, 0)) for n in range(4))
    case = Case(
        fleet=small_fleet(tuple(node(n) for n in range(4))),
        workloads=(gang("big", 2, gpus=4, workload={"tier": 0}),),
        running=work,
        policy=Policy(rules=rules),
        now_s=10_000,
    )
    snapshot, decision = answer(case)
    assert [p.workload for p in decision.placements] == ["big"]
    assert len(decision.moves) == 2
    assert verify(snapshot, decision) == ()
