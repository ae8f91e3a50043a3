"""Two decided cases side by side: what became of the work, and what the proven gaps allow to conclude."""

import time

import pytest

from placement.cases.synth import synth_case
from placement.engine import decide
from placement.model import Budget, Case, Decision, Device, Replica, RuleSpec, Running, Status, Tenant, Workload
from placement.verify import verify
from placement.whatif import Change, Comparison, apply, compare
from solver.workers import Inline
from tests.placement.rules.small import case_of, gang, node, small_fleet
from topology.edits import Add, Drain, Fail

RULES = (
    RuleSpec(name="health", mode="require"),
    RuleSpec(name="quota", mode="require"),
    RuleSpec(name="refused", mode="prefer", tier=1),
    RuleSpec(name="price", mode="prefer", tier=2),
)


def whole(workload: Workload, name: str) -> Running:
    """The workload on all four GPUs of a node."""
    devices = tuple(Device(index=index) for index in range(4))
    return Running(workload=workload, replicas=(Replica(subgroup="s", role="r", node=name, devices=devices),))


def solved(case: Case) -> Decision:
    decision = decide(case, clock=time.monotonic, workers=Inline())
    assert verify(case, decision) == ()
    return decision


def compared(case: Case, change: Change) -> Comparison:
    after = apply(case, change)
    return compare((case, solved(case)), (after, solved(after)))


@pytest.fixture
def case() -> Case:
    """Three nodes of 4 GPUs: one taken by `run`, room for two of the three that wait; `big` is one too many."""
    return case_of(
        small_fleet(tuple(node(number) for number in range(3))),
        gang("one", gpus=4, workload={"priority": 300, "tenant": "a"}),
        gang("two", gpus=4, workload={"priority": 200, "tenant": "b"}),
        gang("three", gpus=4, workload={"priority": 100, "tenant": "b"}),
        running=(whole(gang("run", gpus=4, workload={"priority": 900, "tenant": "c"}), "n0"),),
        rules=RULES,
        budget=Budget(work=500),
    )


def fates(comparison: Comparison) -> dict[str, str]:
    return {fate.workload: fate.kind for fate in comparison.fates if fate.kind != "elsewhere"}


def test_nothing_changed_is_nothing_told(case: Case) -> None:
    same = compared(case, Change())
    assert same.fates == ()
    assert same.unchanged == 4
    assert [tier.says for tier in same.tiers] == ["the same, proven"] * 2
    assert same.notes == ()
    assert (same.placed_before, same.pending_before) == (2, 3)


def test_a_node_more_gains_the_last_one(case: Case) -> None:
    found = compared(case, Change(edits=(Add(kind="n1", count=1),)))
    assert fates(found) == {"three": "gained"}
    gained = next(fate for fate in found.fates if fate.workload == "three")
    assert (gained.before, gained.after, gained.gpus) == ("OUTCOMPETED", "placed", 4)
    first = found.tiers[0]
    assert first.difference == first.least == first.most
    assert first.says == f"better by {-(first.difference or 0):,}, proven"
    assert {one.tenant: (one.gpus_before, one.gpus_after) for one in found.tenants}["b"] == (4, 8)


def test_a_drained_node_loses_what_could_go_there_and_keeps_what_runs(case: Case) -> None:
    found = compared(case, Change(edits=(Drain(part="n0"), Drain(part="n1"))))
    assert fates(found) == {"two": "lost"}
    assert next(fate for fate in found.fates if fate.workload == "two").reason


def test_what_ran_on_a_failed_node_moves_and_pushes_others_out(case: Case) -> None:
    found = compared(case, Change(edits=(Fail(part="n0"),)))
    assert fates(found)["run"] == "moved"
    assert fates(found)["two"] == "lost"
    moved = next(fate for fate in found.fates if fate.workload == "run")
    assert moved.nodes_before == ("n0",)
    assert moved.nodes_after in {("n1",), ("n2",)}
    assert "1 workload that ran before" in found.notes[0]
    assert (found.pending_before, found.pending_after) == (3, 4)


def test_a_quota_that_binds_loses_its_tenants_work(case: Case) -> None:
    found = compared(case, Change(set={"tenant.b.quota": 0}))
    assert fates(found)["two"] == "lost"
    lost = next(fate for fate in found.fates if fate.workload == "two")
    assert "quota" in lost.reason
    assert {one.tenant: one.gpus_after for one in found.tenants} == {"a": 4, "b": 0, "c": 4}
    doubled = case.model_copy(update={"tenants": (Tenant(name="b", quota_gpu_milli=0),)})
    assert fates(compared(doubled, Change(set={"tenant.b.quota": 4})))["two"] == "gained"


def test_another_price_makes_points_not_comparable_but_terms_are(case: Case) -> None:
    found = compared(case, Change(set={"policy.price.weight": 3}))
    assert "not comparable in points: price" in found.tiers[1].says
    assert found.tiers[1].least is None
    price = next(term for term in found.terms if term.name == "price")
    assert price.natural_before == price.natural_after
    assert (price.weight_before, price.weight_after) == (1, 3)
    assert found.tiers[0].says == "the same, proven"
    gone = compared(case, Change(set={"policy.price.mode": "off"}))
    assert gone.tiers[1].says == "only one side has this tier"
    assert next(term for term in gone.terms if term.name == "price").natural_after is None


def test_a_drain_that_the_policy_does_not_heed_is_told(case: Case) -> None:
    lax = apply(case, Change(set={"policy.health.mode": "off"}))
    assert "is not listed" in " ".join(compared(lax, Change(edits=(Drain(part="n1"),))).notes)
    cordon = Change(set={"policy.health.params.cordoned": ["training"]})
    told = compared(apply(case, cordon), Change(edits=(Drain(part="n1"),))).notes
    assert "admits training on cordoned nodes" in " ".join(told)


def test_a_greedy_side_is_told_with_its_reason(case: Case) -> None:
    decision = solved(case)
    greedy = decision.model_copy(update={"status": Status.FALLBACK, "fallback_reason": "all processes are busy"})
    notes = compare((case, decision), (case, greedy)).notes
    assert notes == ("the side after is only the greedy plan: all processes are busy",)


def opened(decision: Decision, slack: int) -> Decision:
    """The decision as if its first tier had a bound that is lower by `slack`."""
    first = decision.tiers[0]
    assert first.bound is not None
    return decision.model_copy(
        update={"tiers": (first.model_copy(update={"bound": first.bound - slack}), *decision.tiers[1:])}
    )


def test_a_difference_smaller_than_the_gaps_is_called_so(case: Case) -> None:
    after = apply(case, Change(edits=(Add(kind="n1", count=1),)))
    low, high = solved(case), solved(after)
    gain = low.tiers[0].value - high.tiers[0].value
    wide = compare((case, opened(low, gain + 1)), (after, high)).tiers
    assert "less than the gaps leave open" in wide[0].says
    assert (wide[0].least, wide[0].most) == (-gain, 1)
    assert wide[1].says == "nothing is proven: tier 1 is open, and this tier depends on it"
    narrow = compare((case, opened(low, gain - 1)), (after, high)).tiers
    assert narrow[0].says == "better, by at least 1"
    back = compare((after, high), (case, opened(low, gain - 1))).tiers
    assert back[0].says == "worse, by at least 1"
    same = compare((case, opened(low, 5)), (case, opened(low, 5))).tiers
    assert same[0].says == "the same as found; the gaps leave -5 to +5 open"


def test_a_difference_never_leaves_what_the_bounds_allow() -> None:
    case = synth_case("hgx", 24, 0.6, 10, 4).model_copy(update={"budget": Budget(work=400)})
    rack = f"rack:{case.fleet.power_caps[0].domain}"
    for change in (Change(edits=(Fail(part=rack),)), Change(edits=(Add(kind="hgx", count=4),))):
        found = compared(case, change)
        assert len(found.fates) + found.unchanged >= len(case.workloads) + len(case.running)
        for tier in found.tiers:
            if tier.least is not None and tier.most is not None and tier.difference is not None:
                assert tier.least <= tier.difference <= tier.most
