"""Stories from users' trackers, each decided with a proof, and the same for every order of the lists."""

import json
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest

from placement.engine import decide
from placement.model import Case, Decision, Replica, Status
from placement.verify import verify, verify_placements
from solver.workers import Inline
from tests.scenarios.aftermath import after, frozen, returning
from tests.scenarios.loader import Expect, Refused, Scenario, hosts, read_scenario
from topology.fabric import Fabric

FILES = sorted(Path(__file__).parent.glob("*.toml"))
SHUFFLES = 3
LONGEST = 45
"""Lines of a scenario file."""


@pytest.fixture(scope="module", params=FILES, ids=lambda path: path.stem)
def path(request: pytest.FixtureRequest) -> Path:
    found: Path = request.param
    return found


@pytest.fixture(scope="module")
def scenario(path: Path) -> Scenario:
    return read_scenario(path)


@pytest.fixture(scope="module")
def decision(scenario: Scenario) -> Decision:
    return decide(scenario.case, clock=time.monotonic, workers=Inline())


def test_the_answer_is_the_expected_one_proved_and_verified(scenario: Scenario, decision: Decision) -> None:
    assert decision.status is Status.OPTIMAL, [(t.tier, t.value, t.bound) for t in decision.tiers]
    assert verify(scenario.case, decision) == ()
    expect = scenario.expect
    assert {placement.workload for placement in decision.placements} == expect.placed, decision.unplaced
    assert {one.workload for one in decision.unplaced} == set(expect.unplaced)
    for one in decision.unplaced:
        _check_refused(one, expect.unplaced[one.workload])
    _check_disturbed(decision, expect)
    running = {one.workload.id: one.replicas for one in after(scenario.case, decision).running}
    _check_shape(running, expect, Fabric.from_fleet(scenario.case.fleet))


def _check_disturbed(decision: Decision, expect: Expect) -> None:
    moves = {one.workload: one.moved for one in decision.moves}
    shrinks = {one.workload: one.lost for one in decision.shrinks}
    growths = Counter({one.workload: one.after - one.before for one in decision.growths})
    evictions = {one.workload for one in decision.evictions}
    assert (sum(moves.values()) if isinstance(expect.moves, int) else moves) == expect.moves
    assert (sum(shrinks.values()) if isinstance(expect.shrinks, int) else shrinks) == expect.shrinks
    assert (growths.total() if isinstance(expect.growths, int) else growths) == expect.growths
    assert (len(evictions) if isinstance(expect.evictions, int) else evictions) == expect.evictions


def _check_refused(one: Any, wanted: Refused) -> None:
    assert (one.verdict, one.rule) == (wanted.verdict, wanted.rule), one.reason
    for text in wanted.says:
        assert text in one.reason
    if wanted.rivals is not None:
        assert one.rivals == wanted.rivals


def _check_shape(running: dict[str, tuple[Replica, ...]], expect: Expect, fabric: Fabric) -> None:
    for names, levels in expect.domains.items():
        nodes = [replica.node for name in names.split("+") for replica in running[name]]
        for level, wanted in levels.items():
            labels = fabric.partition(level).domain_of
            held = Counter(int(labels[fabric.index[node]]) for node in nodes)
            assert sorted(held.values(), reverse=True) == wanted, f"{names} by {level}"
    for name, subgroups in expect.subgroups.items():
        assert sorted({replica.subgroup for replica in running[name]}) == subgroups
    for name, wanted_seats in expect.seats.items():
        workload, role = name.split("/")
        seats = Counter(replica.node for replica in running[workload] if replica.role == role)
        assert seats == wanted_seats, name


def test_nothing_that_was_ended_or_refused_could_be_put_back(scenario: Scenario, decision: Decision) -> None:
    """All else fixed: evicted and refused work finds no room, and no replica that a shrink cost does (lean)."""
    settled = after(scenario.case, decision)
    case = frozen(settled, returning(scenario.case, decision.shrinks))
    again = decide(case, clock=time.monotonic, workers=Inline())
    assert verify(case, again) == ()
    assert again.status is Status.OPTIMAL
    assert again.placements == ()
    assert again.growths == ()


def test_deciding_again_changes_nothing(scenario: Scenario, decision: Decision) -> None:
    """Stable, though what was placed may now be moved and evicted as well; a budget of moves only ends a round."""
    case = after(scenario.case, decision)
    again = decide(case, clock=time.monotonic, workers=Inline())
    assert verify(case, again) == ()
    assert again.status is Status.OPTIMAL
    assert (again.placements, again.shrinks, again.evictions, again.growths) == ((), (), (), ())
    assert sum(one.moved for one in again.moves) == scenario.expect.next_moves


def test_the_wrong_answers_of_others_are_refused(scenario: Scenario) -> None:
    for wrong in scenario.wrong:
        found = verify_placements(scenario.case, wrong.placements)
        assert {text.partition(":")[0] for text in found} == {wrong.breaks}, found


@pytest.mark.parametrize("seed", range(SHUFFLES))
def test_the_order_of_the_lists_changes_nothing(scenario: Scenario, decision: Decision, seed: int) -> None:
    case = Case.from_json(json.dumps(_shuffled(json.loads(scenario.case.to_json()), Random(seed))))
    assert case.id == scenario.case.id
    again = decide(case, clock=time.monotonic, workers=Inline())
    assert again.tiers == decision.tiers
    assert again.model_copy(update={"timings": {}}) == decision.model_copy(update={"timings": {}})


def _shuffled(value: Any, rng: Random, key: str = "") -> Any:
    """Every list in another order, but the one that says the order of levels and those in rule parameters."""
    if key in {"level_order", "params"}:
        return value
    if isinstance(value, dict):
        return {name: _shuffled(one, rng, name) for name, one in value.items()}
    if isinstance(value, list):
        found = [_shuffled(one, rng) for one in value]
        rng.shuffle(found)
        return found
    return value


def test_names_change_nothing(scenario: Scenario, decision: Decision) -> None:
    """Nodes, workloads and subgroups swap their names: other ties, the same values, verdicts and rules."""
    case = scenario.case
    rng = Random(1)
    new: dict[str, str] = {}
    kinds = (
        {node.id for node in case.fleet.nodes},
        {work.id for work in case.workloads} | {running.workload.id for running in case.running},
        {subgroup.name for work in case.workloads for subgroup in work.subgroups},
    )
    for names in kinds:
        old = sorted(names)
        new |= dict(zip(old, rng.sample(old, len(old)), strict=True))
    assert len(new) == sum(map(len, kinds)), "two kinds of things share a name"
    renamed = Case.from_json(json.dumps(_renamed(json.loads(case.to_json()), new)))
    again = decide(renamed, clock=time.monotonic, workers=Inline())
    assert again.status is Status.OPTIMAL
    assert verify(renamed, again) == ()
    assert [tier.value for tier in again.tiers] == [tier.value for tier in decision.tiers]
    verdicts = {new[one.workload]: (one.verdict, one.rule) for one in decision.unplaced}
    assert {one.workload: (one.verdict, one.rule) for one in again.unplaced} == verdicts
    expect = scenario.expect
    _check_disturbed(
        again,
        replace(
            expect,
            moves=_with_names(expect.moves, new),
            shrinks=_with_names(expect.shrinks, new),
            growths=_with_names(expect.growths, new),
            evictions=expect.evictions
            if isinstance(expect.evictions, int)
            else frozenset(new[n] for n in expect.evictions),
        ),
    )


def _with_names(counts: dict[str, int] | int, new: dict[str, str]) -> dict[str, int] | int:
    return counts if isinstance(counts, int) else {new[name]: count for name, count in counts.items()}


def _renamed(value: Any, new: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {name: one if name == "policy" else _renamed(one, new) for name, one in value.items()}
    if isinstance(value, list):
        return [_renamed(one, new) for one in value]
    return new.get(value, value) if isinstance(value, str) else value


def test_files_are_short(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST


def test_host_lists() -> None:
    assert [name for name, _ in hosts("r[1-2]n[09-10], x")] == ["r1n09", "r1n10", "r2n09", "r2n10", "x"]
    assert hosts("r[1-2]n3")[1] == ("r2n3", ("2",))
