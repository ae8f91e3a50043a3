"""Real decisions through a real server, against the engine called directly."""

import asyncio
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import grpc.aio
import pytest

from placement.cases.synth import synth_case
from placement.engine import decide
from placement.model import Case, Decision, Kind, Role, Subgroup, Workload
from placement.model.decision import Status, Verdict
from placement.service.placing import Decide
from placement.service.server import ServerConfig, warm_engine
from placement.service.wire import decode, encode
from placement.v1 import placement_pb2 as pb
from placement.v1 import placement_pb2_grpc
from placement.verify import verify_placements
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
    message = pb.PlaceRequest(use_server_state=True, validate_only=True, seed=case.seed, now_s=case.now_s)
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
        assert tier.bound is None or tier.bound <= tier.value
    # Tiers are compared in order: placing costs money in a later one.
    assert [tier.value for tier in found.tiers] < [tier.do_nothing for tier in found.tiers]


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


async def test_an_earlier_answer_in_the_request_is_gone_on_from(start: Start, engine: Decide) -> None:
    """The batch grows, as when the orchestrator sends again what still waits; then the answer is nonsense."""
    case = small_case()
    at = await start(engine)
    await put(at, case)
    fewer = request(case.model_copy(update={"workloads": case.workloads[2:]}))
    message = request(case)
    fewer.work = message.work = 100
    first = await at.stub.Place(fewer, timeout=60)
    assert not first.decision.HasField("warm")
    message.warm.CopyFrom(first.decision)
    answer = await at.stub.Place(message, timeout=60)
    told = decode(answer.decision, Decision, "decision").warm
    assert told is not None
    assert told.kept + told.changed + told.dropped == len(first.decision.placements)
    assert told.kept > 0
    again = await at.stub.Place(message, timeout=60)
    for one in (answer, again):
        one.decision.timings.clear()
    assert again == answer, "the earlier answer is part of the input, and there is no other memory"

    for placement in message.warm.placements:
        placement.replicas[0].node = "nowhere"
    for certificate in message.warm.certificates:
        for row in certificate.multipliers:
            row.value = -(2**62)
    message.warm.placements.add(workload="nobody")
    odd = decode((await at.stub.Place(message, timeout=60)).decision, Decision, "decision")
    assert odd.warm is not None
    assert odd.warm.unknown == 1
    assert verify_placements(case, odd.placements) == ()


@pytest.mark.badinput
async def test_an_earlier_answer_that_is_none_is_refused(start: Start, engine: Decide) -> None:
    case = small_case()
    at = await start(engine)
    await put(at, case)
    message = request(case)
    message.warm.placements.add(workload="")
    with pytest.raises(grpc.aio.AioRpcError) as told:
        await at.stub.Place(message, timeout=60)
    assert told.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "warm" in str(told.value.details())


async def test_the_answer_comes_before_the_deadline(start: Start, engine: Decide) -> None:
    case = small_case()
    at = await start(engine, ServerConfig(port=0))
    await put(at, case)
    message = request(case)
    message.max_solve_time.FromSeconds(60)
    began_s = time.monotonic()
    await at.stub.Place(message, timeout=3)
    assert time.monotonic() - began_s < 3


async def test_a_burst_is_answered_in_time_also_without_a_free_solver(start: Start, engine: Decide) -> None:
    case = synth_case("mixed", 64, 0.5, 22, SEED)
    at = await start(engine)
    await put(at, case)
    clients = asyncio.Semaphore(8)

    async def call(seed: int) -> tuple[float, Decision]:
        message = request(case)
        message.seed = seed
        message.max_solve_time.FromSeconds(2)
        async with clients:
            began_s = time.monotonic()
            answer = await at.stub.Place(message)
            took_s = time.monotonic() - began_s
        return took_s, decode(answer.decision, Decision, "decision")

    answers = await asyncio.gather(*map(call, range(10)))
    # One after the other they would take 16 s. Alone on two cores they take 2.1 s; tests share the cores.
    assert max(took_s for took_s, _ in answers) < 8
    fallen = [found for _, found in answers if found.status is Status.FALLBACK]
    assert fallen, "one solver process cannot serve eight calls within two seconds"
    for found in fallen:
        assert found.fallback_reason
        assert found.placements
        assert len({p.workload for p in found.placements} | {u.workload for u in found.unplaced}) >= len(case.workloads)


async def test_a_killed_solver_process_costs_no_answer(start: Start, engine: Decide) -> None:
    case = synth_case("mixed", 128, 0.7, 80, SEED)
    at = await start(engine)
    await put(at, case)
    message = request(case)
    message.max_solve_time.FromSeconds(6)
    pool = getattr(engine, "keywords", {})["workers"]
    assert await asyncio.to_thread(pool.warm_up)
    solving = asyncio.ensure_future(at.stub.Place(message, timeout=20))
    async with asyncio.timeout(20):
        while pool._open:  # noqa: ASYNC110 - the solve runs in a thread
            await asyncio.sleep(0.01)
    await asyncio.sleep(0.2)
    killed = multiprocessing.active_children()
    assert killed
    for process in killed:
        process.kill()
    found = decode((await solving).decision, Decision, "decision")
    assert found.status is not Status.OPTIMAL
    assert found.fallback_reason == "the worker died"
    assert found.placements
    assert not verify_placements(case, found.placements)
    again = await at.stub.Place(message, timeout=30)
    assert again.decision.fallback_reason != "the worker died", "another process took its place"


async def test_a_cancelled_call_stops_its_solver(start: Start, engine: Decide) -> None:
    case = synth_case("mixed", 128, 0.7, 80, SEED)
    at = await start(engine)
    await put(at, case)
    message = request(case)
    message.validate_only = False
    message.max_solve_time.FromSeconds(300)
    pool = getattr(engine, "keywords", {})["workers"]
    assert await asyncio.to_thread(pool.warm_up)
    for call in (at.stub.Place, at.stub.WhatIf):
        sent = message if call is at.stub.Place else pb.WhatIfRequest(place=message)
        solving = asyncio.ensure_future(call(sent))
        async with asyncio.timeout(30):
            while pool._open:  # noqa: ASYNC110 - the solve runs in a thread
                await asyncio.sleep(0.01)
        solving.cancel()
        async with asyncio.timeout(30):  # the search alone would take five minutes
            while not pool._open:  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.01)
    listed = await at.stub.ListPlacements(pb.ListPlacementsRequest(page_size=1000))
    assert {one.workload.id for one in listed.running} == {one.workload.id for one in case.running}
    message.max_solve_time.FromSeconds(2)
    assert (await at.stub.Place(message, timeout=30)).decision.placements, "the next call has a solver"


PROGRAM = """
import asyncio
from placement.service.server import ServerConfig, serve, warm_engine
if __name__ == "__main__":
    with warm_engine() as engine:
        asyncio.run(serve(ServerConfig(port=0), engine, lambda server: print(server.port, flush=True)))
"""


PROC = Path("/proc")


def children(pid: int) -> set[Path]:
    """The live child processes, as folders of /proc."""
    found = set()
    for stat in PROC.glob("[0-9]*/stat"):
        try:
            state, parent = stat.read_text(encoding="ascii").rpartition(")")[2].split()[:2]
        except OSError:
            continue
        if int(parent) == pid and state != "Z":
            found.add(stat.parent)
    return found


async def gone(processes: set[Path]) -> None:
    """Wait for the ends: the tracker of multiprocessing ends a moment after its parent."""
    async with asyncio.timeout(5):
        while any(entry.exists() for entry in processes):  # noqa: ASYNC110 - they tell nobody
            await asyncio.sleep(0.05)


@pytest.mark.skipif(not PROC.is_dir(), reason="reads /proc")
async def test_sigterm_in_the_middle_of_a_solve_answers_it_and_leaves_nothing_behind() -> None:
    case = synth_case("mixed", 128, 0.7, 80, SEED)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", PROGRAM), stdout=asyncio.subprocess.PIPE, env={**os.environ, "PYTHONPATH": "."}
    )
    assert process.stdout is not None
    port = int(await process.stdout.readline())
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        stub = placement_pb2_grpc.PlacementServiceStub(channel)  # type: ignore[no-untyped-call]
        at = Loopback(None, channel, stub)  # type: ignore[arg-type]  # the server is another process
        await put(at, case)
        message = request(case)
        message.max_solve_time.FromSeconds(2)
        solving = asyncio.ensure_future(stub.Place(message, timeout=60))
        await asyncio.sleep(0.7)
        solvers = children(process.pid)
        assert solvers
        process.send_signal(signal.SIGTERM)
        answer = await solving
        assert answer.decision.placements
    async with asyncio.timeout(20):
        assert await process.wait() == 0
    await gone(solvers)
