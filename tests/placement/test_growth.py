"""Running work that runs with fewer replicas than it wants grows where there is room, by worth, and then stays."""

import time
from random import Random
from typing import Any

import pytest

from placement.compile import earlier, lower, lower_placements, whole
from placement.diagnosis import diagnose, sentences
from placement.engine import decide
from placement.errors import InputError
from placement.model import (
    Budget,
    Case,
    Decision,
    Device,
    Growth,
    Kind,
    PlacedReplica,
    Proximity,
    Replica,
    Role,
    Running,
    Status,
    Subgroup,
    Tenant,
    Workload,
)
from placement.verify import verify
from placement.whatif import compare
from solver.workers import Inline
from tests.placement.rules.small import gang, node, small_fleet
from tests.scenarios.aftermath import after
from topology.fabric import Fabric

TWO = small_fleet((node(0), node(2)))
"""Four GPUs each, in two racks."""
BORROWED = ((0, 2), (0, 3), (2, 0), (2, 1), (2, 2), (2, 3))


def elastic(*seats: tuple[int, int], wants: int, least: int = 1, workload: Any = None, **fields: Any) -> Running:
    """`e`, one GPU a replica at (node, device), with fewer replicas than it wants."""
    replicas = tuple(Replica(subgroup="s", role="r", node=f"n{n}", devices=(Device(index=d),)) for n, d in seats)
    return Running(workload=gang("e", wants, min_replicas=least, workload=workload), replicas=replicas, **fields)


def answer(case: Case) -> Decision:
    decision = decide(case, clock=time.monotonic, workers=Inline())
    assert decision.status is Status.OPTIMAL
    assert verify(case, decision) == ()
    return decision


def grown(decision: Decision) -> dict[str, tuple[int, int]]:
    return {one.workload: (one.before, one.after) for one in decision.growths}


@pytest.mark.parametrize("may", [{}, {"movable": True}, {"evictable": True}])
def test_it_grows_beside_the_seats_that_it_has_and_then_stays(may: dict[str, bool]) -> None:
    case = Case(fleet=TWO, running=(elastic((0, 0), (0, 1), wants=5, **may),))
    decision = answer(case)
    assert grown(decision) == {"e": (2, 5)}
    assert (decision.moves, decision.shrinks, decision.evictions) == ((), (), ())
    settled = after(case, decision)
    assert len(settled.running[0].replicas) == 5
    assert {(r.node, r.devices[0].index) for r in settled.running[0].replicas} >= {("n0", 0), ("n0", 1)}
    assert answer(settled).growths == ()


def test_work_that_has_all_it_wants_or_less_than_its_minimum_is_no_part_of_the_decision() -> None:
    whole, broken = elastic((0, 0), wants=1), elastic((0, 0), wants=4, least=2)
    for one in (whole, broken):
        case = Case(fleet=TWO, running=(one,))
        lowered = lower(case, Fabric.from_fleet(case.fleet))
        assert lowered.problem.items == ()
        assert lowered.case is case
        assert answer(case).growths == ()


def test_shrunk_work_grows_back_once_what_took_its_room_is_gone() -> None:
    full = elastic(*((0, d) for d in range(4)), wants=4, workload={"tier": 3}, evictable=True)
    case = Case(fleet=small_fleet((node(0),)), running=(full,), workloads=(gang("vip", 3, workload={"tier": 0}),))
    decision = answer(case)
    assert [(one.workload, one.lost) for one in decision.shrinks] == [("e", 3)]
    settled = after(case, decision)
    assert answer(settled).growths == (), "the room is taken"
    left = settled.model_copy(update={"running": tuple(r for r in settled.running if r.workload.id == "e")})
    assert grown(answer(left)) == {"e": (1, 4)}


@pytest.mark.parametrize(("priority", "wins"), [(100, "p"), (98, "e"), (200, "p")])
def test_waiting_work_comes_first_where_it_is_worth_as_much(priority: int, wins: str) -> None:
    """A missing replica counts 99 % of a waiting one: priority 100 is worth 101 points, 98 is worth 99."""
    one = elastic(*((0, d) for d in range(4)), wants=8)
    case = Case(fleet=TWO, running=(one,), workloads=(gang("p", 4, workload={"priority": priority}),))
    decision = answer(case)
    assert ({placement.workload for placement in decision.placements} or set(grown(decision))) == {wins}


def test_growth_evicts_nothing_that_is_worth_as_much() -> None:
    """Ended work counts half as much again: what is worth a third less gives way, what is worth as much does not."""
    one = elastic(*((0, d) for d in range(4)), wants=8)
    for priority, growth in ((100, {}), (50, {"e": (4, 8)})):
        seats = tuple(Replica(subgroup="s", role="r", node="n2", devices=(Device(index=d),)) for d in range(4))
        victim = Running(workload=gang("v", 4, workload={"priority": priority}), replicas=seats, evictable=True)
        case = Case(fleet=TWO, running=(one, victim))
        decision = answer(case)
        assert grown(decision) == growth
        assert [gone.workload for gone in decision.evictions] == (["v"] if growth else [])


def test_it_stays_in_the_rack_that_it_must_lie_in() -> None:
    within = {"proximity": Proximity(level="rack")}
    case = Case(fleet=TWO, running=(elastic((0, 0), (0, 1), wants=6, workload=within),))
    decision = answer(case)
    assert grown(decision) == {"e": (2, 4)}
    found = diagnose(case, decision, "e", clock=time.monotonic, workers=Inline())
    assert [(one.runs, one.after, one.wanted, one.rule) for one in found.lacks] == [(2, 4, 6, "topology")]
    (said,) = sentences(found)
    assert said.startswith(
        "e runs with 2 of the 6 replicas of role r that it wants, and gets 2 more: all in one rack; "
    )
    assert said.endswith("without the rule 'topology' a further replica would fit.")


def test_a_quota_ends_growth_and_explain_says_so() -> None:
    case = Case(
        fleet=TWO,
        running=(elastic((0, 0), (0, 1), wants=6, workload={"tenant": "t"}),),
        tenants=(Tenant(name="t", quota_gpu_milli=3000),),
    )
    decision = answer(case)
    assert grown(decision) == {"e": (2, 3)}
    found = diagnose(case, decision, "e", clock=time.monotonic, workers=Inline())
    assert (found.lacks[0].rule, "1000 more needed, 0 left of 3000" in found.lacks[0].reason) == ("quota", True)


def test_a_full_fleet_and_broken_work_are_told_apart() -> None:
    one = small_fleet((node(0),))
    full = Case(fleet=one, running=(elastic(*((0, d) for d in range(4)), wants=6),))
    broken = Case(fleet=one, running=(elastic((0, 0), wants=6, least=3),))
    told = [diagnose(c, answer(c), "e", clock=time.monotonic, workers=Inline()).lacks[0] for c in (full, broken)]
    assert [lack.rule for lack in told] == ["capacity", None]
    assert "less than its minimum" in told[1].reason


def test_growth_counts_against_no_budget_of_disruptions() -> None:
    tenants = (Tenant(name="default", disruption_budget=0),)
    case = Case(fleet=TWO, running=(elastic((0, 0), wants=3, evictable=True),), tenants=tenants)
    assert grown(answer(case)) == {"e": (1, 3)}


def test_young_work_grows_and_is_not_disturbed() -> None:
    """It would move to the cheap node, were it old enough; the replicas that it gets go there."""
    fleet = small_fleet((node(0), node(2, price_micro_usd_h=1)))
    case = Case(fleet=fleet, running=(elastic((0, 0), wants=3, movable=True, start_s=90),), now_s=100)
    rules = tuple(
        spec.model_copy(update={"params": {"min_runtime_s": 60}}) if spec.name == "preemption" else spec
        for spec in case.policy.rules
    )
    young = case.model_copy(update={"policy": case.policy.model_copy(update={"rules": rules})})
    assert [one.workload for one in answer(case).moves] == ["e"]
    decision = answer(young)
    assert decision.moves == ()
    assert grown(decision) == {"e": (1, 3)}
    assert {replica.node for replica in decision.growths[0].added} == {"n2"}


def test_a_further_subgroup_starts_whole() -> None:
    """Two of three subgroups suffice and run; the third needs three GPUs in one rack, or none."""
    parts = tuple(
        Subgroup(name=name, roles=(Role(name="r", replicas=3, gpus=1),), proximity=Proximity(level="rack"))
        for name in "abc"
    )
    work = Workload(id="e", subgroups=parts, min_subgroups=1)
    replicas = tuple(Replica(subgroup="a", role="r", node="n0", devices=(Device(index=d),)) for d in range(3))
    case = Case(fleet=TWO, running=(Running(workload=work, replicas=replicas),))
    decision = answer(case)
    assert [(one.before, one.after, len(one.added)) for one in decision.growths] == [(0, 3, 3)]
    assert {replica.node for one in decision.growths for replica in one.added} == {"n2"}


@pytest.mark.parametrize("movable", [False, True])
def test_an_earlier_answer_is_gone_on_from_with_its_growth(movable: bool) -> None:
    """The new replicas stay where that answer has them, and are not taken twice once they run."""
    case = Case(fleet=TWO, running=(elastic((0, 0), (0, 1), wants=4, movable=movable),))
    (told,) = answer(case).growths
    seats = tuple(
        replica.model_copy(update={"node": "n2", "devices": (Device(index=d),)})
        for replica, d in zip(told.added, (3, 1), strict=True)
    )
    before = answer(case).model_copy(update={"growths": (told.model_copy(update={"added": seats}),)})
    lowered = lower(case, Fabric.from_fleet(case.fleet))
    assert earlier(lowered, before).warm.plan == lower_placements(lowered, whole(lowered, before))
    ends = after(case, before).running[0]
    for count in (3, 4):
        now = ends.model_copy(update={"replicas": ends.replicas[:count], "movable": True})
        settled = lower(case.model_copy(update={"running": (now,)}), Fabric.from_fleet(case.fleet))
        seated = earlier(settled, before).warm.plan
        assert [len(part) for part in seated.seats[0]] == [4]
        assert len({seat for part in seated.seats[0] for seat in part}) == 4, "none twice"


def test_what_if_tells_growth() -> None:
    small = Case(fleet=small_fleet((node(0),)), running=(elastic(*((0, d) for d in range(4)), wants=6),))
    large = small.model_copy(update={"fleet": TWO})
    found = compare((small, answer(small)), (large, answer(large)))
    assert [(one.workload, one.kind, one.gpus) for one in found.fates] == [("e", "grown", 6.0)]
    assert found.fates[0].nodes_after == ("n0x4", "n2x2")


def test_what_a_decision_says_of_growth_is_checked() -> None:
    case = Case(fleet=TWO, running=(elastic((0, 0), (0, 1), wants=4),))
    decision = answer(case)
    (told,) = decision.growths

    def refused(*growths: Growth) -> str:
        return "\n".join(verify(case, decision.model_copy(update={"growths": growths})))

    def at(device: int, where: str = "n0") -> PlacedReplica:
        return PlacedReplica(subgroup="s", role="r", node=where, devices=(Device(index=device),))

    assert "the placements give" in refused(), "the figures count the growth"
    assert "1 are said to run, 2 do" in refused(told.model_copy(update={"before": 1, "after": 3}))
    assert "with 2 new replicas" in refused(told.model_copy(update={"after": 3}))
    assert "4 are wanted" in refused(told.model_copy(update={"after": 5, "added": (*told.added, at(0, "n2"))}))
    assert "in use" in refused(told.model_copy(update={"added": (at(0), at(1))}))
    assert "grows twice" in refused(told, told)
    assert "is not running work that may grow" in refused(told.model_copy(update={"workload": "f"}))
    assert "is not of role" in refused(told.model_copy(update={"role": "q"}))


def test_explain_names_what_it_does_not_know() -> None:
    case = Case(fleet=TWO, running=(elastic((0, 0), wants=1),))
    decision = answer(case)
    assert diagnose(case, decision, "e", clock=time.monotonic, workers=Inline()).lacks == ()
    with pytest.raises(InputError, match="'x' is neither pending nor running"):
        diagnose(case, decision, "x", clock=time.monotonic, workers=Inline())


@pytest.mark.parametrize("seed", range(12))
def test_deciding_again_changes_nothing(seed: int) -> None:
    """Random small states with shrunk work, all permissions, and work that waits."""
    rng = Random(seed)
    fleet = small_fleet(tuple(node(n, price_micro_usd_h=rng.choice((1_000_000, 2_000_000))) for n in range(4)))
    free = [(n, d) for n in range(4) for d in range(4)]
    rng.shuffle(free)
    running = []
    for k in range(3):
        has = rng.randint(1, 3)
        seats = [free.pop() for _ in range(has)]
        replicas = tuple(Replica(subgroup="s", role="r", node=f"n{n}", devices=(Device(index=d),)) for n, d in seats)
        fields = {
            "priority": rng.choice((50, 100)),
            "tenant": rng.choice("ab"),
            "kind": rng.choice((Kind.TRAINING, Kind.CPU)),
        }
        work = gang(f"e{k}", has + rng.randint(0, 4), min_replicas=1, workload=fields)
        may = {"movable": rng.random() < 0.5, "evictable": rng.random() < 0.5}
        running.append(Running(workload=work, replicas=replicas, restart_cost_micro_usd=rng.choice((0, 9000)), **may))
    waiting = tuple(
        gang(f"w{k}", rng.randint(1, 4), min_replicas=1, workload={"priority": rng.choice((20, 50, 100, 300))})
        for k in range(3)
    )
    tenants = (Tenant(name="a"), Tenant(name="b"))
    budget = Budget(work=60_000)
    case = Case(fleet=fleet, running=tuple(running), workloads=waiting, tenants=tenants, budget=budget)
    decision = answer(case)
    again = answer(after(case, decision))
    assert (again.placements, again.moves, again.shrinks, again.evictions, again.growths) == ((), (), (), (), ())


def test_growth_within_a_guarantee_takes_back_what_others_borrow() -> None:
    """What `e` lacks is demand of its tenant: two of the four GPUs that are guaranteed to it come back."""
    lent = tuple(Replica(subgroup="s", role="r", node=f"n{n}", devices=(Device(index=d),)) for n, d in BORROWED)
    other = Running(workload=gang("v", 6, min_replicas=1, workload={"tenant": "b"}), replicas=lent, evictable=True)
    one = elastic((0, 0), (0, 1), wants=6, workload={"tenant": "a"})
    for guaranteed, growth in ((4000, {"e": (2, 4)}), (2000, {})):
        tenants = (Tenant(name="a", guaranteed_gpu_milli=guaranteed), Tenant(name="b"))
        decision = answer(Case(fleet=TWO, running=(one, other), tenants=tenants))
        assert grown(decision) == growth
        assert sum(shrink.lost for shrink in decision.shrinks) == 2 * bool(growth)
