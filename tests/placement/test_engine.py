"""The core as a whole: deterministic, order-free, never worse than greedy, never believing what it cannot check."""

import time
from collections.abc import Callable
from random import Random

import pytest

from placement.cases.synth import synth_case
from placement.compile import lower
from placement.engine import decide
from placement.model import Budget, Case, Decision, Device, Replica, Running, Status, Verdict
from placement.snapshot import Snapshot
from placement.verify import verify
from solver.check import values
from solver.greedy import greedy
from solver.messages import BoundFound, PlanFound
from solver.plan import Plan
from solver.workers import Inline, Job, ProcessPool
from tests.placement.rules.small import gang, node, small_fleet
from tests.solver.doubles import Scripted


def with_work(case: Case, work: int) -> Case:
    """The case under a deterministic budget."""
    return case.model_copy(update={"budget": Budget(work=work)})


def without_timings(decision: Decision) -> str:
    """The decision as JSON less its timings."""
    return decision.model_copy(update={"timings": {}}).to_json()


def solved(case: Case) -> Decision:
    """Decide in this process."""
    return decide(case, clock=time.monotonic, workers=Inline())


@pytest.mark.parametrize("fleet", ["hgx", "nvl72", "mixed"])
def test_equal_work_gives_equal_bytes_and_any_order_gives_equal_tiers(fleet: str) -> None:
    case = with_work(synth_case(fleet, 24, 0.6, 10, 4), 800)  # type: ignore[arg-type]
    first = solved(case)
    assert verify(case, first) == ()
    assert without_timings(first) == without_timings(solved(case))
    random = Random(9)
    rows = {name: list(getattr(case, name)) for name in ("workloads", "running", "tenants")}
    for row in rows.values():
        random.shuffle(row)
    nodes = random.sample(case.fleet.nodes, len(case.fleet.nodes))
    shuffled = case.model_copy(
        update={name: tuple(row) for name, row in rows.items()}
        | {"fleet": case.fleet.model_copy(update={"nodes": tuple(nodes)})}
    )
    assert [tier.value for tier in solved(shuffled).tiers] == [tier.value for tier in first.tiers]


def test_the_answer_is_never_worse_than_greedy() -> None:
    for seed in range(4):
        case = with_work(synth_case("hgx", 20, 0.7, 12, seed), 50)
        snapshot = Snapshot.of(case)
        lowered = lower(snapshot.case, snapshot.fabric)
        plan, _ = greedy(lowered.problem)
        floor = values(lowered.problem, plan)
        decision = solved(case)
        assert tuple(tier.value for tier in decision.tiers) <= floor


class Liar(Scripted):
    """Claims that refusing everything is optimal, and that an impossible plan is free."""

    def search(self, job: Job, tell: Callable[[object], None]) -> str | None:
        """Tell lies."""
        tell(PlanFound(Plan(), (0,) * job.problem.tiers))
        everything = {i: tuple(() for _ in item.parts) for i, item in enumerate(job.problem.items)}
        tell(PlanFound(Plan(everything), (0,) * job.problem.tiers))
        for tier in range(job.problem.tiers):
            tell(BoundFound(tier, 10**15, (10**15,) * tier, None))
        return None


def test_a_search_that_lies_is_not_believed() -> None:
    case = synth_case("hgx", 16, 0.6, 10, 1)
    honest = solved(with_work(case, 500))
    decision = decide(case, clock=time.monotonic, workers=Liar())
    assert decision.status is not Status.OPTIMAL
    assert verify(case, decision) == ()
    assert [tier.value for tier in decision.tiers] >= [tier.value for tier in honest.tiers]


def test_a_search_that_never_ends_is_killed_and_the_greedy_plan_answers() -> None:
    pool = ProcessPool(1)
    try:
        assert pool.warm_up()
        case = synth_case("mixed", 48, 0.6, 25, 2)
        began = time.monotonic()
        decision = decide(case, clock=time.monotonic, workers=pool, deadline=began + 0.4)
        assert verify(case, decision) == ()
        assert decision.placements
        # The same pool answers again: a killed process is replaced.
        again = decide(case, clock=time.monotonic, workers=pool, deadline=time.monotonic() + 8)
        assert verify(case, again) == ()
        assert [tier.value for tier in again.tiers] <= [tier.value for tier in decision.tiers]
    finally:
        pool.close()


def test_placements_from_elsewhere_can_only_help() -> None:
    case = with_work(synth_case("hgx", 16, 0.6, 10, 1), 300)
    cold = solved(case)
    known = decide(case, clock=time.monotonic, workers=Inline(), start=cold.placements)
    assert [tier.value for tier in known.tiers] <= [tier.value for tier in cold.tiers]
    first = cold.placements[0]
    spoiled = first.model_copy(update={"replicas": first.replicas * 2})
    again = decide(case, clock=time.monotonic, workers=Inline(), start=(spoiled, *cold.placements[1:]))
    assert verify(case, again) == ()


def test_an_empty_batch_is_decided() -> None:
    case = synth_case("hgx", 16, 0.5, 3, 0).model_copy(update={"workloads": ()})
    decision = solved(with_work(case, 100))
    assert (decision.status, decision.placements, decision.unplaced) == (Status.OPTIMAL, (), ())
    assert verify(case.model_copy(update={"budget": Budget(work=100)}), decision) == ()


def test_a_verdict_is_about_its_own_workload_where_running_work_may_be_evicted() -> None:
    """Work that may be evicted is an item of the case, and none of the empty fleet: the items there count otherwise."""
    running = (
        Running(workload=gang("a", gpus=4), replicas=(whole_node("n0"),), evictable=True),
        Running(workload=gang("held", gpus=4), replicas=(whole_node("n1"),)),
    )
    workloads = (gang("b", 3, gpus=4), gang("c", 4, gpus=4), gang("d", gpus=4))
    fleet = small_fleet((node(0), node(1), node(2)))
    decision = solved(Case(fleet=fleet, running=running, workloads=workloads, budget=Budget(work=1000)))
    assert [placement.workload for placement in decision.placements] == ["d"]
    assert [(u.workload, u.verdict) for u in decision.unplaced] == [("b", Verdict.NO_ROOM), ("c", Verdict.IMPOSSIBLE)]


def whole_node(where: str) -> Replica:
    """A replica of a `gang` on all four GPUs of a node."""
    return Replica(subgroup="s", role="r", node=where, devices=tuple(Device(index=i) for i in range(4)))
