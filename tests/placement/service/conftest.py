"""A real server on a loopback port, and a client for it."""

import gc
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass

import grpc.aio
import pytest

from placement.service.placing import Decide
from placement.service.server import Server, ServerConfig
from placement.v1 import placement_pb2_grpc
from topology.model import Fleet


@dataclass(frozen=True)
class Loopback:
    """A running server, an open channel to it and the stub."""

    server: Server
    channel: grpc.aio.Channel
    stub: placement_pb2_grpc.PlacementServiceStub


Start = Callable[..., Awaitable[Loopback]]


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    """Starts servers that live until the test ends."""
    async with AsyncExitStack() as stack:

        async def begin(decide: Decide, config: ServerConfig | None = None, fleet: Fleet | None = None) -> Loopback:
            server = await Server.start(config or ServerConfig(port=0), decide, fleet)
            stack.push_async_callback(server.drain, 0)
            channel = await stack.enter_async_context(grpc.aio.insecure_channel(f"127.0.0.1:{server.port}"))
            stub = placement_pb2_grpc.PlacementServiceStub(channel)  # type: ignore[no-untyped-call]
            return Loopback(server, channel, stub)

        yield begin
    gc.unfreeze()  # the server froze what the whole test process holds
