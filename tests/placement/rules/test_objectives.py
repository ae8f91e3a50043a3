"""Each objective against a figure worked out by hand; oracle and atoms must both give it."""

from typing import Any

import pytest

from placement.compile import lower, lower_placements, terms
from placement.model import Affinity, Kind, PlacementGroup, Proximity, RuleSpec, Spread, Tenant, Workload
from placement.model.decision import Placement
from solver.atoms import Share
from solver.check import check
from tests.placement.rules.small import agree, case_of, cpu_node, gang, node, place, small_fleet
from tests.placement.rules.test_requirements import running
from topology.fabric import Fabric
from topology.model import Fleet, Site

FLEET = small_fleet()


def points(
    rule: str,
    workloads: tuple[Workload, ...],
    *placements: Placement,
    fleet: Fleet = FLEET,
    weight: int = 1,
    params: dict[str, Any] | None = None,
    **fields: Any,
) -> int:
    """Points of one rule."""
    spec = RuleSpec(name=rule, mode="prefer", tier=2, weight=weight, params=params or {})
    _, _, found = agree(case_of(fleet, *workloads, rules=(spec,), **fields), placements)
    return found[rule]


def test_refused_counts_size_priority_and_tier() -> None:
    small = gang("a", 3, min_replicas=1, gpus=2, workload={"tier": 1, "priority": 49})
    # Default weight of tier 1 is 100: 2000 x 50 x 100 / 100 for each of the two missing replicas.
    assert points("refused", (small,), place("a", ("n0", (0, 1)))) == 2 * 100_000
    assert points("refused", (small,), params={"weight_by_tier": [5, 7]}, weight=3) == 3 * 3 * 7000
    assert points("refused", (gang("a", cpu_milli=7, workload={"tier": 9, "priority": 0}),)) == 1
    assert points("refused", (gang("a", cpu_milli=64_000, workload={"tier": 2, "priority": 9}),)) == 8000


def test_price_of_gpus_of_a_share_and_of_cpu() -> None:
    fleet = small_fleet((node(0, price_micro_usd_h=1_999_999), cpu_node(1, price_micro_usd_h=1_000_001)))
    work = (gang("a", gpus=3), gang("b", gpu_milli=300), gang("c", cpu_milli=32_000))
    assert points("price", work, place("a", ("n0", (0, 1, 2))), fleet=fleet) == 3 * 1_999_999
    assert points("price", work, place("b", ("n0", (0,)), milli=300), fleet=fleet) == 600_000  # 599,999.7
    assert points("price", work, place("c", ("n1", ())), fleet=fleet, weight=2) == 2 * 500_001  # 500,000.5
    assert points("price", work, place("c", ("n0", ())), fleet=fleet) == 2 * 1_999_999  # half of 4 GPUs


def test_price_beyond_64_bits_stays_exact() -> None:
    fleet = small_fleet((cpu_node(0, price_micro_usd_h=10**11, cpu_milli=2**30),))
    assert points("price", (gang("a", cpu_milli=2**30 - 1),), place("a", ("n0", ())), fleet=fleet) == 99_999_999_907


def test_energy_and_carbon_use_the_site_or_the_default() -> None:
    sites = (
        Site(name="b0", tariff_micro_usd_kwh=100_000, carbon_g_kwh=300),
        Site(name="b1", tariff_micro_usd_kwh=0, carbon_g_kwh=0),
    )
    fleet = small_fleet((node(0), node(4)), sites=sites)
    one, far = (place("a", (where, (0, 1))) for where in ("n0", "n4"))
    work = (gang("a", gpus=2),)
    # 2 x 700 W = 1.4 kW
    assert points("energy", work, one, fleet=fleet) == 140_000
    assert points("energy", work, far, fleet=fleet, params={"tariff_micro_usd_kwh": 50_000}) == 70_000
    assert points("carbon", work, one, fleet=fleet, params={"price_micro_usd_per_kg": 80_000}) == 33_600
    assert points("carbon", work, far, fleet=fleet, params={"carbon_g_kwh": 1}) == 112


def test_fairness_is_the_shortfall_below_the_due() -> None:
    # 32 GPUs; weights 3 and 1: parts of 24 and 8. a asks for 4, which leaves 28; b asks for 20, 2 of them running.
    # 20 is the level up to which both get all, for a that would be 60.
    work = (gang("a", 4, workload={"tenant": "a"}), gang("b", 18, min_replicas=1, workload={"tenant": "b"}))
    fields: dict[str, Any] = {
        "tenants": (Tenant(name="a", weight=3), Tenant(name="b"), Tenant(name="idle", weight=9)),
        "running": (running("x", ("n7", (0,)), ("n7", (1,)), workload={"tenant": "b"}),),
    }
    rate_a, rate_b = 10**9 // 60_000, 10**9 // 20_000
    assert points("fairness", work, **fields) == 4000 * rate_a + 18_000 * rate_b
    three = place("b", *(("n0", (slot,)) for slot in range(3)))
    assert points("fairness", work, three, **fields) == 4000 * rate_a + 15_000 * rate_b
    assert points("fairness", work, three, params={"level_percent": 25}, **fields) == 4000 * rate_a, "5 of 20"
    # a: 4 below each level (15, 30, 45, 60; it asks for 4); b: 0, 5, 10 and 15 below 5, 10, 15 and 20.
    steps = 4 * 4000 * rate_a + 30_000 * rate_b
    assert points("fairness", work, three, params={"steps": 4}, **fields) == steps


def test_what_a_tenant_leaves_is_due_to_the_others() -> None:
    """32 GPUs, three equal tenants: c asks for 2, so a and b are due 15 each, not 10 2/3."""
    work = tuple(gang(name, gpus, workload={"tenant": name}) for name, gpus in (("a", 40), ("b", 15), ("c", 2)))
    assert points("fairness", work) == (15_000 + 15_000 + 2000) * (10**9 // 15_000)
    # Below a family only its part is shared out again: of 16 for `top` one asks for 3 and leaves 13, not 29.
    tree = (Tenant(name="top"), Tenant(name="c", parent="top"), Tenant(name="a", parent="top"), Tenant(name="b"))
    work = tuple(gang(name, gpus, workload={"tenant": name}) for name, gpus in (("a", 40), ("b", 40), ("c", 3)))
    rates = {name: 10**9 // (gpus * 1000) for name, gpus in (("a", 13), ("b", 16))}
    assert points("fairness", work, tenants=tree) == 13_000 * rates["a"] + 16_000 * rates["b"] + 3000 * rates["a"]


def test_latency_is_the_ring_time_at_the_coarsest_level_crossed() -> None:
    # n = 2: message 1000 MiB once over the link. 8,388,608,000 bits: 1,165,085 ns at 7200 Gbps (rounded up), 20,971,520
    # at 400, 41,943,040 at 200; latencies 2 x 1, 2 x 5 and 2 x 20 us.
    work = (gang("a", 2, gpus=2, workload={"message_mib": 1000}),)
    inside = 1_165_085 + 2_000
    rack, block = 20_971_520 + 10_000 - inside, 41_943_040 + 40_000 - inside
    # Extra ns x 7200 steps / 3.6e12 ns x 4 GPUs x 2 USD/h
    near = -(-rack * 7200 * 4 * 2_000_000 // (3600 * 10**9))
    far = -(-block * 7200 * 4 * 2_000_000 // (3600 * 10**9))

    def at(second: str) -> Placement:
        return place("a", ("n0", (0, 1)), (second, (2, 3)))

    assert points("latency", work, at("n0")) == 0
    assert points("latency", work, at("n1")) == 0  # one rack: no level is crossed
    assert points("latency", work, at("n2")) == near == 317_031
    assert points("latency", work, at("n4"), weight=5) == 5 * far
    quiet = (gang("a", 2, gpus=2, workload={"kind": Kind.INFERENCE}),)
    assert points("latency", quiet, at("n4")) == 0


def test_latency_never_falls_towards_coarser_levels() -> None:
    levels = tuple(level.model_copy(update={"bandwidth_gbps": 400, "latency_us": 5}) for level in FLEET.levels)
    flat = FLEET.model_copy(update={"levels": levels})
    fast = flat.model_copy(update={"levels": (levels[0].model_copy(update={"bandwidth_gbps": 800}), levels[1])})
    work = (gang("a", 2, gpus=2, workload={"message_mib": 1000}),)
    far = place("a", ("n0", (0, 1)), ("n4", (2, 3)))
    assert points("latency", work, far, fleet=fast) == points("latency", work, far, fleet=flat) > 0


def test_state_fetch_pays_by_the_level_crossed() -> None:
    # 1000 MiB = 8.388608 Gbit; 2 GPUs at 2 USD/h over an hour: 1111.1 micro-USD per second.
    state = {"state_mib": 1000, "state_nodes": ("n0",), "expected_duration_s": 3600}
    work = (gang("a", gpus=2, workload=state),)
    params = {"fetch_gbps": 300}

    def at(where: str) -> int:
        return points("state_fetch", work, place("a", (where, (0, 1))), params=params)

    assert at("n0") == 0
    assert at("n1") == at("n2") == 32  # 300 Gbps: 0.02796 s
    assert at("n4") == 47  # 200 Gbps: 0.04194 s
    outside = (gang("a", gpus=2, workload=state | {"state_nodes": ("gone",)}),)
    assert points("state_fetch", outside, place("a", ("n0", (0, 1)))) == 373  # 25 Gbps: 0.33554 s


def test_stranded_prices_the_chunks_that_are_lost() -> None:
    # Demand: 4000 of 5000 milli asks for 4 GPUs, the rest for one: shares 1, 0.8, 0.8, 0 for 1, 2, 4, 8.
    work = (gang("big", gpus=4), gang("one", gpus=1))
    one = place("one", ("n0", (0,)))
    plain = {"price_percent": 0}
    # A whole node of 4: loses 1 of 4 singles, 1 of 2 pairs, the only quad, at 0.1 USD per GPU-hour.
    assert points("stranded", work, one, params=plain) == 100_000 + 160_000 + 320_000
    # A node with 3 free: 1 single, no pair (3 // 2 = 2 // 2), no quad.
    broken = small_fleet((node(0, unhealthy_gpus=(3,)),))
    assert points("stranded", work, one, fleet=broken, params=plain) == 100_000
    assert points("stranded", work, one, fleet=broken, params=plain | {"gpu_hour_micro_usd": 7}, weight=2) == 14


def test_stranded_asks_more_for_what_may_run_short() -> None:
    """Half of the replicas that wait or run insist on the one H100 node; 24 GPUs are to come, its four will not do."""
    fleet = small_fleet((node(0), *(node(row, gpu_model="A100") for row in range(1, 6))))
    work = (gang("picky", gpu_models=("H100",)), gang("any"))
    here, there = (place("any", (name, (0,))) for name in ("n0", "n1"))

    def paid(placement: Placement, **params: int) -> int:
        return points("stranded", work, placement, fleet=fleet, params={"gpu_hour_micro_usd": 1000} | params)

    assert paid(here, price_percent=0) == paid(there, price_percent=0) == 1000
    # All asks for single GPUs: 12 of 24 replicas want an H100, mean and variance 12, and there are 4: P = 0.989.
    assert paid(there) == 1000
    assert paid(here) == 1989
    assert paid(here, price_percent=50) == 1494
    # Up to half of the fleet 12 replicas come, 6 of them picky: P(demand >= 4) = 0.792.
    assert paid(here, horizon_percent=50) == 1792
    assert paid(here, horizon_percent=0) == 1000


def test_left_value_counts_what_still_fits() -> None:
    # Expected: three halves of a GPU with 16 cores, and a pair; without prices, half slots, half usable milli.
    mix: list[dict[str, Any]] = [{"count": 3, "gpu_milli": 500, "cpu_milli": 16_000}, {"count": 1, "gpus": 2}]
    params = {"gpu_hour_micro_usd": 1000, "slots_percent": 50, "typical_percent": 100, "price_percent": 0, "mix": mix}
    one, cpu = gang("one", gpus=1), gang("cpu", cpu_milli=40_000)
    # 4 GPUs and 64 cores: 4 halves, 2 pairs, 4000 usable: 3/4 (2000 + 4 x 250) + 1/4 (2000 + 2 x 1000) = 3250.
    # 3 GPUs: 3/4 (1500 + 4 x 250) + 1/4 (1500 + 1 x 1000) = 2500: cores allow four halves, one pair is lost.
    assert points("left_value", (one,), place("one", ("n0", (0,))), params=params) == 750
    # 24 cores: one half. 3/4 (2000 + 250) + 1/4 x 4000 = 2687.5, rounded down.
    assert points("left_value", (cpu,), place("cpu", ("n0", ())), params=params, weight=2) == 6500 - 5375
    fleet = small_fleet((node(0, gpu_model="A100"), node(1)))
    mix[1]["gpu_models"] = ["H100"]
    assert points("left_value", (one,), place("one", ("n0", (0,))), params=params, fleet=fleet) == 375
    # 5 % of 2 USD/h, by the demand of the case: all asks for one GPU, and counts as it is.
    assert points("left_value", (one,), place("one", ("n0", (0,))), params={"price_percent": 0}) == 100_000


def test_left_value_prices_what_runs_short() -> None:
    mix = [{"count": 1, "gpus": 4}, {"count": 3, "gpus": 1}]
    params = {"gpu_hour_micro_usd": 1000, "slots_percent": 100, "typical_percent": 75, "mix": mix}
    one = gang("one", gpus=1)
    bare = points("left_value", (one,), place("one", ("n0", (0,))), params=params | {"price_percent": 0})
    # Only the single counts among the typical ones, and loses a slot of 1000.
    assert bare == 1000
    # 32 GPUs idle: 32 x 4 / 7 arrivals, a quarter of them asks for four, mean and variance 32 / 7, 8 nodes:
    # P = erfc(3.43 / sqrt(2 x 4.57)) / 2 = 0.0544, of the 4000 that a node of four is worth.
    assert points("left_value", (one,), place("one", ("n0", (0,))), params=params) == 1000 + 4 * 54
    full = small_fleet((node(0), node(1, gpu_count=1)))
    # 5 GPUs, one node of four: mean 5 / 7, P = erfc(0.286 / sqrt(2 x 0.714)) / 2 = 0.3676.
    assert points("left_value", (one,), place("one", ("n0", (0,))), params=params, fleet=full) == 1000 + 4 * 367
    assert points("left_value", (one,), place("one", ("n1", (0,))), params=params, fleet=full) == 1000
    late = params | {"horizon_percent": 0}
    assert points("left_value", (one,), place("one", ("n0", (0,))), params=late, fleet=full) == 1000


def test_left_value_knows_that_models_are_scarce() -> None:
    """Work that insists on a model makes that model dear, for all others: also work that takes either of two."""
    mix = [{"count": 1, "gpus": 1, "gpu_models": ["H100", "A100"]}, {"count": 3, "gpus": 1}]
    params = {"gpu_hour_micro_usd": 1000, "typical_percent": 75, "mix": mix}
    models = ("H100", "A100", "T4", "T4", "T4", "T4")
    fleet = small_fleet(tuple(node(row, gpu_model=model) for row, model in enumerate(models)))
    one = gang("one", gpus=1)
    lost = [points("left_value", (one,), place("one", (f"n{n}", (0,))), params=params, fleet=fleet) for n in (0, 1, 2)]
    assert lost[0] == lost[1] > lost[2] == 1000


def test_topology_preference_is_paid_once_per_scope() -> None:
    work = (gang("a", 2, gpus=2, workload={"proximity": Proximity(level="rack", mode="prefer")}),)
    near, far = (place("a", ("n0", (0, 1)), (where, (2, 3))) for where in ("n1", "n2"))
    assert points("topology_preference", work, near) == 0
    assert points("topology_preference", work, far) == 4 * 100_000
    params = {"domain_micro_usd_h": 7, "gpu_micro_usd_h": 0}
    assert points("topology_preference", work, far, params=params, weight=2) == 14


def test_spread_preference_prices_each_replica_above() -> None:
    work = (gang("a", 4, spread=Spread(level="rack", max_per_domain=1, mode="prefer")),)
    crowd = place("a", ("n0", (0,)), ("n0", (1,)), ("n1", (0,)), ("n2", (0,)))
    assert points("spread_preference", work, crowd) == 2 * 200_000


def test_affinity_preference_counts_misses() -> None:
    def fields(term: Affinity, *, apart: bool = False) -> dict[str, Any]:
        return {"anti_affinity" if apart else "affinity": (term,), "labels": {"app": "p"}}

    run = (running("x", ("n0", (0,))),)
    to_x = Affinity(level="rack", workloads=("x",), mode="prefer")
    near = (gang("a", 3, workload=fields(to_x)),)
    seats = place("a", ("n1", (0,)), ("n2", (0,)), ("n2", (1,)))
    assert points("affinity_preference", near, seats, running=run) == 2 * 200_000
    away = (gang("a", 3, workload=fields(to_x, apart=True)),)
    assert points("affinity_preference", away, seats, running=run) == 200_000

    family = Affinity(level="node", match={"app": "p"}, mode="prefer")
    trio = tuple(gang(name, workload=fields(family, apart=True)) for name in "abc")
    same = [place(name, ("n0", (slot,))) for slot, name in enumerate("abc")]
    assert points("affinity_preference", trio, *same) == 2 * 200_000
    follow = (gang("a"), gang("b", 2, workload=fields(Affinity(level="rack", workloads=("a",), mode="prefer"))))
    split = place("b", ("n0", (1,)), ("n2", (1,)))
    assert points("affinity_preference", follow, place("a", ("n0", (0,))), split) == 200_000
    assert points("affinity_preference", follow, split) == 2 * 200_000


def test_preferences_inside_a_group_or_without_target_cost_nothing() -> None:
    term = Affinity(level="node", workloads=("b", "gone"), mode="prefer")
    work = (gang("a", workload={"group": "g", "anti_affinity": (term,)}), gang("b", workload={"group": "g"}))
    both = (place("a", ("n0", (0,))), place("b", ("n0", (1,))))
    assert points("affinity_preference", work, *both, groups=(PlacementGroup(name="g", level="rack"),)) == 0


@pytest.mark.parametrize("weight", [0, 3])
def test_terms_add_up_to_the_tiers_and_name_every_objective(weight: int) -> None:
    rules = (
        RuleSpec(name="refused", mode="prefer", tier=1),
        RuleSpec(name="price", mode="prefer", tier=4, weight=weight),
        RuleSpec(name="carbon", mode="prefer", tier=4, weight=2),
        RuleSpec(name="latency", mode="prefer", tier=4),
    )
    case = case_of(FLEET, gang("a"), gang("b"), rules=rules)
    lowered = lower(case, Fabric.from_fleet(FLEET))
    report = check(lowered.problem, lower_placements(lowered, (place("a", ("n0", (0,))),)))
    found = terms(lowered, report)
    assert [(term.name, term.tier) for term in found] == [("refused", 1), ("price", 4), ("carbon", 4), ("latency", 4)]
    by_tier = [sum(term.points for term in found if term.tier == tier) for tier in (1, 4)]
    assert by_tier == list(report.values)
    named = {term.name: term for term in found}
    assert (named["price"].points, named["price"].natural) == ((6_000_000, 2.0) if weight else (0, 0.0))
    assert named["carbon"].natural == pytest.approx(0.28)  # 0.7 kW x 400 g
    assert named["carbon"].points == 2 * 22_400
    assert (named["latency"].points, named["latency"].unit) == (0, "USD/h")


def history(percent: int, *tenants: Tenant, gpus: int = 40) -> dict[str, int]:
    """GPUs that each tenant is due on a fleet of 32 where all ask for more, from what it costs to get nothing."""
    rule = RuleSpec(name="fairness", mode="prefer", tier=1, params={"history_percent": percent})
    work = tuple(gang(f"w-{one.name}", gpus, workload={"tenant": one.name}) for one in tenants)
    case = case_of(small_fleet(), *work, rules=(rule,), tenants=tenants)
    shares = [a for a in lower(case, Fabric.from_fleet(case.fleet)).problem.atoms if isinstance(a, Share)]
    return {atom.name: atom.hinges[0].at // 1000 for atom in shares}


def test_past_use_shifts_what_is_due() -> None:
    """a has used three quarters, b one: parts 1/2 + k (1/2 - 3/4) and 1/2 + k (1/2 - 1/4) of 32 GPUs."""
    a, b = Tenant(name="a", used_gpu_milli_h=3_000_000), Tenant(name="b", used_gpu_milli_h=1_000_000)
    assert history(0, a, b) == {"a": 16, "b": 16}
    assert history(50, a, b) == {"a": 12, "b": 20}
    assert history(100, a, b) == {"a": 8, "b": 24}
    assert history(1000, a, b) == {"b": 32}, "not less than nothing"
    equal = b.model_copy(update={"used_gpu_milli_h": 3_000_000})
    assert history(1000, a, equal) == {"a": 16, "b": 16}


def test_past_use_leaves_guarantees_and_counts_in_the_tree() -> None:
    """16 guaranteed to a stay; of the other 16 the family of a (6 of 8 parts of use) is due a quarter."""
    a = Tenant(name="a", guaranteed_gpu_milli=16_000)
    below = Tenant(name="c", parent="a", used_gpu_milli_h=6)
    assert history(100, a, below, Tenant(name="b", used_gpu_milli_h=2)) == {"a": 20, "b": 12}
