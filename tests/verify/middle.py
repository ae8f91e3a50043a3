"""Claims about cases between brute force and the field, held against the exact model that another driver solves.

Real documents, real lowering, the whole `decide`; the reference has a cell for every node that differs, no totals, no
certificates, no blocks, and is solved by plain CP-SAT. Its optimum is believed where it is proven; its solution counts
where it can be seated and the independent check finds nothing.
"""

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import get_args

from placement.cases.synth import synth_case
from placement.compile import lower
from placement.engine import decide
from placement.model import Budget, Case, Decision, Policy, RuleSpec, Status, Tenant, default_policy
from placement.verify import verify
from solver.cells import fine_cells
from solver.certificate import with_limits
from solver.check import check
from solver.encode import encode
from solver.pack import seat_plan
from solver.problem import Problem
from solver.workers import Inline
from tests.verify.exact import minimum
from topology.fabric import Fabric
from topology.synth import FleetKind

__all__ = ["Reference", "claims_hold", "examine_middle", "middle_case", "reference"]

_NODES = (16, 20, 24, 32, 48)
_WORK = 4.0
"""Deterministic seconds for one tier of the reference."""
_BUDGETS = (1, 20, 200, 2000)
"""Units of work of the answers that are examined: from hardly a first bound to a proof."""


@dataclass(frozen=True)
class Reference:
    """What the least value of a tier is known to be: not below `least` (None: not proven), not above `most`."""

    least: int | None
    most: int | None


def middle_case(random: Random) -> Case:
    """16 to 48 nodes, 4 to 32 waiting workloads; in every second case some of what runs may be disturbed."""
    nodes = random.choice(_NODES)
    case = synth_case(
        random.choice(get_args(FleetKind)),
        nodes,
        random.choice((0.0, 0.3, 0.6, 0.8, 0.9)),
        random.randint(4, 32),
        random.randrange(10**9),
        preemption=random.random() < 0.5,
        policy=_policy(random),
        demand_percent=random.choice((0, 100, 150)),
        budget=Budget(work=random.choice(_BUDGETS)),
    )
    return case.model_copy(update={"tenants": tuple(_tenant(random, one) for one in case.tenants)}).canonical()


def _policy(random: Random) -> Policy:
    """The default policy, with tiers melted together or rules left out now and then."""
    policy = default_policy()
    melted, most = random.random() < 0.4, random.choice((1, 2, 3))
    rules: list[RuleSpec] = []
    for spec in policy.rules:
        if spec.tier > 1 and random.random() < 0.2:
            continue
        rules.append(spec.model_copy(update={"tier": min(spec.tier, most)}) if melted and spec.tier else spec)
    return policy.model_copy(update={"rules": tuple(rules)})


def _tenant(random: Random, tenant: Tenant) -> Tenant:
    """The tenant, now and then with a guarantee or a disruption budget."""
    changes: dict[str, int] = {}
    if random.random() < 0.25:
        changes["guaranteed_gpu_milli"] = 1000 * random.randint(1, 12)
    if random.random() < 0.25:
        changes["disruption_budget"] = random.randint(0, 3)
    return tenant.model_copy(update=changes)


def reference(problem: Problem, tier: int, limits: Sequence[int], work: float = _WORK) -> Reference:
    """The least value of a tier among plans whose earlier tiers are at most `limits`."""
    cells = fine_cells(problem)
    encoded = encode(problem, cells, problem.anchor)
    found = minimum(with_limits(encoded.arrays, limits), tier, work)
    if found is None:
        return Reference(None, None)
    least = found.value if found.proven else None
    plan = seat_plan(problem, cells, encoded.counts(found.x), encoded.devices(found.x))
    report = None if plan is None else check(problem, plan)
    if report is None or report.violations:
        return Reference(least, None)
    kept = all(a <= b for a, b in zip(report.values, limits, strict=False))
    return Reference(least, report.values[tier] if kept else None)


def claims_hold(problem: Problem, decision: Decision, work: float = _WORK) -> Iterator[tuple[str, list[str]]]:
    """(what was known of a tier, what the decision claims beyond it), tier by tier."""
    values = [tier.value for tier in decision.tiers]
    exact = all(atom.exact for atom in problem.atoms)
    for k, said in enumerate(decision.tiers[: problem.tiers]):
        known = reference(problem, k, values[:k], work)
        wrong = []
        if exact and known.least is not None and known.most != known.least:
            wrong.append(f"reference: tier {k} has {known.least} in the exact model and {known.most} when seated")
        if known.most is not None and said.bound is not None and said.bound > known.most:
            wrong.append(f"bound: tier {k} cannot be below {said.bound}, a plan has {known.most}")
        if known.least is not None and said.value < known.least:
            wrong.append(f"value: tier {k} is {said.value}, the least is {known.least}")
        if decision.status is Status.OPTIMAL and known.most is not None and said.value > known.most:
            wrong.append(f"optimal: tier {k} is {said.value}, a plan has {known.most}")
        yield ("middle tiers proven" if known.least is not None else "middle tiers open"), wrong


def examine_middle(seed: int, number: int) -> tuple[Counter[str], list[str]]:
    """What was held against the exact model in one random case, by name, and what did not hold."""
    case = middle_case(Random(f"middle:{seed}:{number}"))
    counts, failed = Counter({"middle cases": 1}), []
    try:
        decision = decide(case, clock=time.monotonic, workers=Inline())
        failed += [f"verify: {text}" for text in verify(case, decision)]
        counts["middle bounds"] += sum(tier.bound is not None for tier in decision.tiers)
        for name, wrong in claims_hold(lower(case, Fabric.from_fleet(case.fleet)).problem, decision):
            counts[name] += 1
            failed += wrong
    except Exception as error:  # noqa: BLE001 - the case is reported with its seed, the run goes on
        failed.append(f"{type(error).__name__}: {error}")
    return counts, [f"middle: {text}" for text in failed]
