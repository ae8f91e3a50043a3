"""The soak in its shortest form, and the reader that it trusts."""

import asyncio
import signal

import grpc.aio
import pytest

from placement.service.wire import encode
from placement.v1 import placement_pb2 as pb
from placement.v1 import placement_pb2_grpc
from tests.soak.__main__ import Server, instance, message, pending, report, soak
from tests.soak.load import DOCUMENTED, Client, Fleet, Plan, Seen
from tests.soak.reader import lost, oversubscribed

PLAN = Plan(asked_s=0.5, deadline_s=8.0, most=3, tenants=())
SEED = 2


@pytest.mark.slow
def test_sixteen_clients_for_some_seconds_break_nothing() -> None:
    result = asyncio.run(soak(16, 6, 256, SEED, 1, PLAN))
    figures = report(result, 6)
    assert not result.broken, figures
    assert result.exit_code == 0
    assert result.reads >= 3
    assert figures["verdicts"]["PLACED"] >= 16, figures
    assert set(figures["calls"]) == {"Place", "Release", "EditFabric"}


@pytest.mark.slow
def test_sigterm_under_load_answers_or_refuses_every_call_and_exits_with_0() -> None:
    seen = asyncio.run(_terminated())
    assert seen.calls["Place"] >= 8
    # CANCELLED is gRPC's word for a call that the closing listener never handed over (grpc/grpc issue 41785).
    allowed = {*DOCUMENTED["Place"], "UNAVAILABLE", "CANCELLED"}
    assert {name.split()[1] for name in seen.errors} <= allowed, seen.errors


async def _terminated() -> Seen:
    case = instance(64, SEED)
    seen = Seen()
    server = await Server.start(1, None)
    try:
        async with grpc.aio.insecure_channel(server.target) as channel:
            stub = placement_pb2_grpc.PlacementServiceStub(channel)  # type: ignore[no-untyped-call]
            fleet = pb.PutFabricRequest()
            encode(case.fleet, fleet.fleet)
            await stub.PutFabric(fleet, timeout=60)
        edits = Fleet([node.id for node in case.fleet.nodes], SEED)
        work = pending(case)
        loop = asyncio.get_running_loop()
        # Each client ends with its first call after the signal.
        clients = [Client(server.target, row, work, edits, PLAN, seen) for row in range(8)]
        running = [asyncio.ensure_future(client.run(loop.time() + 1.5)) for client in clients]
        await asyncio.sleep(1.0)
        server.process.send_signal(signal.SIGTERM)
        await asyncio.gather(*running)
        assert await asyncio.wait_for(server.process.wait(), 40) == 0
    finally:
        if server.process.returncode is None:
            server.process.kill()
            await server.process.wait()
    return seen


def test_the_reader_sees_what_is_given_away_twice() -> None:
    case = instance(16, SEED)
    held = pb.GetFabricResponse()
    encode(case.fleet, held.fleet)
    held.running.extend(message(one) for one in case.running)
    assert oversubscribed(held) == []
    busy = next(one for one in held.running if one.replicas[0].devices)
    held.running.append(busy)
    found = oversubscribed(held)
    assert f"{busy.workload.id} runs 2 times" in found
    assert any(busy.replicas[0].node in text and "milli" in text for text in found)
    tenant = busy.workload.tenant
    assert any(text.startswith(f"tenant {tenant}") for text in oversubscribed(held, {tenant: 1}))
    busy.replicas[0].node = "gone"
    assert any("gone" in text for text in oversubscribed(held))
    cpu = next(node for node in held.fleet.nodes if not node.gpu_count)
    cpu.cpu_milli = 0
    role = pb.Role(name="r", cpu_milli=1)
    held.running.add(
        workload=pb.Workload(id="x", subgroups=[pb.Subgroup(name="s", roles=[role])]),
        replicas=[pb.Replica(subgroup="s", role="r", node=cpu.id)],
    )
    assert any(f"{cpu.id}: " in text and "cpu_milli" in text for text in oversubscribed(held))


def test_the_reader_sees_what_was_lost_or_came_from_nowhere() -> None:
    one = pb.Running(workload=pb.Workload(id="a"), replicas=[pb.Replica(node="n1")])
    assert lost([one], {"a": ("n1",)}, set()) == []
    assert lost([one], {}, set())
    assert lost([one], {"a": ("n2",)}, set())
    assert lost([], {"a": ("n1",)}, set())
    assert lost([], {"a": ("n1",)}, {"a"}) == [], "a call without an answer may have gone either way"
