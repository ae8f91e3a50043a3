"""Real decisions through a real server, against the engine called directly."""

import time
from collections.abc import Iterator

import pytest

from placement.cases.synth import synth_case
from placement.engine import decide
from placement.model import Case, Decision, Kind, Role, Subgroup, Workload
from placement.model.decision import Verdict
from placement.service.server import ServerConfig, warm_engine
from placement.service.servicer import Decide
from placement.service.wire import decode, encode
from placement.v1 import placement_pb2 as pb
from solver.workers import Inline
from tests.placement.service.conftest import Loopback, Start

SEED = 5


@pytest.fixture(scope="module")
def engine() -> Iterator[Decide]:
    with warm_engine() as found:
        yield found


def small_case() -> Case:
    """16 nodes, half full, six pending workloads and two that cannot be placed."""
    case = synth_case("hgx", 16, 0.5, 6, SEED)
    huge = Role(name="r", replicas=64, gpus=8)
    mig = Role(name="r", gpu_milli=140, mig_profile="1g.10gb")
    extra = (
        Workload(id="huge", kind=Kind.TRAINING, subgroups=(Subgroup(name="s", roles=(huge,)),)),
        Workload(id="mig", kind=Kind.INFERENCE, subgroups=(Subgroup(name="s", roles=(mig,)),)),
    )
    return case.model_copy(update={"workloads": (*case.workloads, *extra)})


def request(case: Case) -> pb.PlaceRequest:
    message = pb.PlaceRequest(use_server_state=True, seed=case.seed, now_s=case.now_s)
    for workload in case.workloads:
        encode(workload, message.workloads.add())
    for tenant in case.tenants:
        encode(tenant, message.tenants.add())
    encode(case.policy, message.policy)
    return message


async def put(at: Loopback, case: Case) -> str:
    message = pb.PutFabricRequest()
    encode(case.fleet, message.fleet)
    for running in case.running:
        encode(running, message.running.add())
    return str((await at.stub.PutFabric(message)).fabric_version)


async def test_every_workload_gets_an_answer(start: Start, engine: Decide) -> None:
    case = small_case()
    at = await start(engine)
    version = await put(at, case)
    message = request(case)
    message.max_solve_time.FromSeconds(4)
    answer = await at.stub.Place(message, timeout=60)
    assert answer.fabric_version == version
    found = decode(answer.decision, Decision, "decision")
    verdicts = {entry.workload: entry.verdict for entry in found.unplaced}
    placed = {placement.workload for placement in found.placements}
    wanted = {workload.id for workload in case.workloads}
    assert wanted <= placed | set(verdicts)
    assert not placed & set(verdicts)
    assert verdicts["huge"] is Verdict.IMPOSSIBLE
    assert verdicts["mig"] is Verdict.REJECTED
    assert placed & wanted, "half of the fleet is free"
    for tier in found.tiers:
        assert tier.value == sum(term.points for term in found.terms if term.tier == tier.tier)
        assert tier.bound is None or tier.bound <= tier.value <= tier.do_nothing


async def test_a_work_budget_gives_what_the_engine_gives(start: Start, engine: Decide) -> None:
    case = small_case()
    at = await start(engine)
    await put(at, case)
    message = request(case)
    message.work = 500
    answer = await at.stub.Place(message, timeout=120)
    found = decode(answer.decision, Decision, "decision")
    budget = type(case.budget)(work=500)
    # The case of a file, which never saw a message.
    same = Case.from_json(case.model_copy(update={"budget": budget}).to_json())
    expected = decide(same, clock=time.monotonic, workers=Inline())
    assert found.case_id == expected.case_id
    assert found.model_copy(update={"timings": {}}) == expected.model_copy(update={"timings": {}})


async def test_the_answer_comes_before_the_deadline(start: Start, engine: Decide) -> None:
    case = small_case()
    at = await start(engine, ServerConfig(port=0))
    await put(at, case)
    message = request(case)
    message.max_solve_time.FromSeconds(60)
    began_s = time.monotonic()
    await at.stub.Place(message, timeout=3)
    assert time.monotonic() - began_s < 3
