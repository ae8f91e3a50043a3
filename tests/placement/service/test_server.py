"""Address, health, reflection and drain of a real server."""

import asyncio
import os
import signal
import sys

import grpc
import grpc.aio
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from placement.errors import InputError
from placement.service.server import SERVICE, Server, ServerConfig
from placement.v1 import placement_pb2 as pb
from tests.placement.service.conftest import Start
from tests.placement.service.test_servicer import Scripted, failure, place, put, refusal


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "::1", "localhost"])
def test_loopback_may_be_plain(host: str) -> None:
    assert ServerConfig(host=host, port=1).address().endswith(":1")


@pytest.mark.badinput
@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "example.org", "", "localhost.example.org"])
def test_plain_text_beyond_loopback_needs_the_flag(host: str) -> None:
    with pytest.raises(InputError, match="--insecure"):
        ServerConfig(host=host).address()
    assert ServerConfig(host=host, insecure=True).address()


@pytest.mark.badinput
async def test_a_port_out_of_range_or_in_use_is_one_clear_error(start: Start) -> None:
    with pytest.raises(InputError, match="70000"):
        await Server.start(ServerConfig(port=70_000), refusal)
    at = await start(refusal)
    with pytest.raises(InputError, match=f"port: .*{at.server.port} cannot be bound"):
        await Server.start(ServerConfig(port=at.server.port), refusal)


async def test_health_and_reflection(start: Start) -> None:
    at = await start(refusal)
    health = health_pb2_grpc.HealthStub(at.channel)
    for name in ("", SERVICE):
        found = await health.Check(health_pb2.HealthCheckRequest(service=name))
        assert found.status == health_pb2.HealthCheckResponse.SERVING
    assert (await failure(health.Check(health_pb2.HealthCheckRequest(service="x"))))[0] is grpc.StatusCode.NOT_FOUND
    request = reflection_pb2.ServerReflectionRequest(list_services="")
    stub = reflection_pb2_grpc.ServerReflectionStub(at.channel)
    async for answer in stub.ServerReflectionInfo(iter([request])):
        assert SERVICE in {service.name for service in answer.list_services_response.service}
        break


async def test_a_drain_reports_finishes_and_refuses(start: Start) -> None:
    script = Scripted()
    script.go.clear()
    at = await start(script)
    await at.stub.PutFabric(put())
    watch = health_pb2_grpc.HealthStub(at.channel).Watch(health_pb2.HealthCheckRequest(service=SERVICE))
    assert (await watch.read()).status == health_pb2.HealthCheckResponse.SERVING
    solving = asyncio.ensure_future(at.stub.Place(place()))
    await script.begun(1)
    drain = asyncio.ensure_future(at.server.drain(10))
    assert (await watch.read()).status == health_pb2.HealthCheckResponse.NOT_SERVING
    watch.cancel()
    await asyncio.sleep(0.1)
    async with grpc.aio.insecure_channel(f"127.0.0.1:{at.server.port}") as late:
        probe = health_pb2_grpc.HealthStub(late).Check(health_pb2.HealthCheckRequest(), timeout=5)
        assert (await failure(probe))[0] is grpc.StatusCode.UNAVAILABLE
    script.go.set()
    assert (await solving).fabric_version
    await drain


async def test_a_drain_that_runs_out_of_time_stops_the_solve(start: Start) -> None:
    script = Scripted()
    script.go.clear()
    at = await start(script)
    await at.stub.PutFabric(put())
    calls = [asyncio.ensure_future(at.stub.Place(place(requestId=key))) for key in ("", "kept")]
    await script.begun(1)
    await at.server.drain(0.1)
    found = await asyncio.gather(*calls, return_exceptions=True)
    assert all(isinstance(one, grpc.aio.AioRpcError) for one in found)
    async with asyncio.timeout(5):
        while not script.cancelled:  # noqa: ASYNC110 - the solve runs in a thread
            await asyncio.sleep(0.005)


PROGRAM = """
import asyncio
from placement.service.server import ServerConfig, serve
from tests.placement.service.test_servicer import refusal
asyncio.run(serve(ServerConfig(port=0), refusal, lambda server: print(server.port, flush=True)))
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_the_process_cleanly(number: signal.Signals) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", PROGRAM),
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": "."},
    )
    assert process.stdout is not None
    port = int(await process.stdout.readline())
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        found = await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest())
        assert found.status == health_pb2.HealthCheckResponse.SERVING
        process.send_signal(number)
        async with asyncio.timeout(10):
            assert await process.wait() == 0


def test_the_contract_names_the_service() -> None:
    assert pb.DESCRIPTOR.services_by_name["PlacementService"].full_name == SERVICE
