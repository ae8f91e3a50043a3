"""The real server in a thread of its own, and a blocking client that judges every answer."""

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import grpc
from google.protobuf.message import Message

from placement.engine import decide
from placement.service.server import Server, ServerConfig
from placement.v1 import placement_pb2 as pb
from solver.workers import Inline
from tests.badinput.base import CASE
from tests.mutate.requests import SERVICE, request_type, sound

__all__ = ["Client", "serving"]

ALLOWED = frozenset(
    getattr(grpc.StatusCode, name)
    for name in (
        *("INVALID_ARGUMENT", "FAILED_PRECONDITION", "NOT_FOUND", "ALREADY_EXISTS", "ABORTED"),
        *("RESOURCE_EXHAUSTED", "OUT_OF_RANGE", "UNIMPLEMENTED"),
    )
)
"""Codes by which the contract refuses a request; UNKNOWN and INTERNAL are defects."""
TIMEOUT_S = 60


class Client:
    """Sends requests and judges the answers; `codes` counts them. `reset` comes first."""

    def __init__(self, channel: grpc.Channel, address: str) -> None:
        self._channel = channel
        self.address = address
        self.codes: Counter[str] = Counter()
        self._held = b""

    def call(self, name: str, request: Message) -> Message:
        """The answer to one call; RpcError if it is refused."""
        answer: type[Message] = getattr(pb, SERVICE.methods_by_name[name].output_type.name)
        method: Any = self._channel.unary_unary(
            f"/{SERVICE.full_name}/{name}",
            request_serializer=type(request).SerializeToString,
            response_deserializer=answer.FromString,
        )
        found: Message = method(request, timeout=TIMEOUT_S)
        return found

    def send(self, name: str, data: bytes) -> bytes:
        """Send bytes as they are; RpcError if they are refused."""
        method: Any = self._channel.unary_unary(f"/{SERVICE.full_name}/{name}")
        found: bytes = method(data, timeout=TIMEOUT_S)
        return found

    def stream(self, name: str, parts: list[bytes]) -> bytes:
        """Stream bytes as they are; RpcError if they are refused."""
        method: Any = self._channel.stream_unary(f"/{SERVICE.full_name}/{name}")
        found: bytes = method(iter(parts), timeout=TIMEOUT_S)
        return found

    def reset(self) -> None:
        """Give the server the fleet of the sound case, and what runs there."""
        self.call("PutFabric", sound("PutFabric"))
        self._held = self.state()

    def state(self) -> bytes:
        """All that the server holds, as bytes."""
        return self.call("GetFabric", request_type("GetFabric")()).SerializeToString(deterministic=True)

    def judge(self, name: str, request: Message) -> None:
        """Send a request; the answer must be whole, or a refusal that names field and mend and changed nothing."""
        before = self._held
        try:
            answer = self.call(name, request)
        except grpc.RpcError as error:
            code, details = error.code(), str(error.details())
            self.codes[f"{name} {code.name}"] += 1
            assert code in ALLOWED, (name, code, details, request)
            assert details.isprintable(), details
            assert "Traceback" not in details
            if code is grpc.StatusCode.INVALID_ARGUMENT:
                assert ": " in details, details
                assert "; " in details, details
            assert self.state() == before, (name, details, request)
            return
        self.codes[f"{name} OK"] += 1
        if isinstance(answer, pb.PlaceResponse) and isinstance(request, pb.PlaceRequest):
            told = [
                *(one.workload for one in answer.decision.placements),
                *(one.workload for one in answer.decision.unplaced),
            ]
            assert sorted(told) == sorted(workload.id for workload in request.workloads)
        if self.state() != before:
            self.reset()


@contextmanager
def serving() -> Iterator[Client]:
    """A server with the real engine, deciding in its own threads, and a client of it."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="mutate-server")
    thread.start()

    async def begin() -> Server:
        engine = partial(decide, clock=time.monotonic, workers=Inline())
        return await Server.start(ServerConfig(port=0), engine, CASE.fleet)

    try:
        server = asyncio.run_coroutine_threadsafe(begin(), loop).result(30)
        try:
            address = f"127.0.0.1:{server.port}"
            with grpc.insecure_channel(address) as channel:
                client = Client(channel, address)
                client.reset()
                yield client
        finally:
            asyncio.run_coroutine_threadsafe(server.drain(0), loop).result(30)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
