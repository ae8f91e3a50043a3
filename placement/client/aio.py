"""The async client; `placement.client.sync` has the same methods without await."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from types import TracebackType
from typing import Any, Self, TypeVar, Unpack

import grpc
import grpc.aio
from grpc_health.v1 import health_pb2, health_pb2_grpc
from pydantic import BaseModel

from placement.client import calls
from placement.client.calls import (
    OPTIONS,
    Call,
    CheckOptions,
    EditOptions,
    PlaceOptions,
    ReconcileOptions,
    Timeouts,
    WhatIfOptions,
)
from placement.client.errors import error_of, retry_after_s, unreachable
from placement.model import Placement, Running, Workload
from placement.service.bodies import (
    CaseAnswer,
    CheckAnswer,
    EditAnswer,
    FabricAnswer,
    PlaceAnswer,
    PutAnswer,
    ReconcileAnswer,
    ReleaseAnswer,
    WhatIfAnswer,
)
from placement.v1 import placement_pb2_grpc
from topology.edits import Edit
from topology.model import Fleet

__all__ = ["AsyncClient"]

A = TypeVar("A", bound=BaseModel)


class AsyncClient:
    """A connection to one server. Use it in `async with`, or close it.

    Every method raises an error of `placement.errors`, or `ServerError`. A call that the server refused because it was
    busy, restarting or lost a race is sent again, with the same request id, while its time lasts; `channel` replaces
    the plain-text channel to `target`, for TLS.
    """

    def __init__(
        self, target: str, *, timeouts: Timeouts | None = None, channel: grpc.aio.Channel | None = None
    ) -> None:
        self._channel = grpc.aio.insecure_channel(target, options=OPTIONS) if channel is None else channel
        self._target = target
        self._stub = placement_pb2_grpc.PlacementServiceStub(self._channel)  # type: ignore[no-untyped-call]  # generated
        self._health = health_pb2_grpc.HealthStub(self._channel)
        self._timeouts = Timeouts() if timeouts is None else timeouts

    async def __aenter__(self) -> Self:
        """The client itself."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connection."""
        await self.close()

    async def close(self) -> None:
        """Close the connection; calls in progress end."""
        await self._channel.close()

    async def place(self, workloads: Sequence[Workload], **options: Unpack[PlaceOptions]) -> PlaceAnswer:
        """Decide where the workloads run; what cannot be placed is part of the answer, with its verdict.

        Without `running` the server decides beside the work that it knows and reserves what it places, unless
        `validate_only` is set. With `running` it decides beside that work and reserves nothing. The options stand in
        `placement.client.PlaceOptions`.
        """
        return await self._send(calls.place(workloads, options))

    async def release(self, workloads: Sequence[str], *, request_id: str | None = None) -> ReleaseAnswer:
        """End running work by workload id; ids that do not run are told in the answer."""
        return await self._send(calls.release(workloads, request_id))

    async def placements(self, *, tenant: str = "", page_size: int = 500) -> AsyncIterator[Running]:
        """The running work by workload id, fetched page by page."""
        token = ""
        while True:
            page = await self._send(calls.page(page_size, token, tenant))
            for one in page.running:
                yield one
            token = page.next_page_token
            if not token:
                return

    async def check(
        self, workloads: Sequence[Workload], placements: Sequence[Placement], **options: Unpack[CheckOptions]
    ) -> CheckAnswer:
        """What placements of any origin violate, beside the server's running work or the one given."""
        return await self._send(calls.check(workloads, placements, options))

    async def what_if(self, workloads: Sequence[Workload] = (), **options: Unpack[WhatIfOptions]) -> WhatIfAnswer:
        """Decide the workloads as it is and as it would be after `edits` and `settings`, and compare.

        Nothing is reserved. The solve time is for each of the two; the options stand in
        `placement.client.WhatIfOptions`.
        """
        return await self._send(calls.what_if(workloads, options))

    async def case(self, case_id: str) -> CaseAnswer:
        """A case that was decided lately, with its decision, by `Decision.case_id` or the start of it."""
        return await self._send(calls.case(case_id))

    async def fabric(self) -> FabricAnswer:
        """Everything that the server holds."""
        return await self._send(calls.fabric())

    async def put_fabric(
        self, fleet: Fleet, *, running: Sequence[Running] = (), expected_version: str = ""
    ) -> PutAnswer:
        """Replace the fabric and the running work, in parts, so that any fleet fits."""
        timeout_s = self._timeouts.fleet_s
        parts = calls.parts(fleet, running, expected_version)
        try:
            response = await self._stub.PutFabricStream(parts, timeout=timeout_s)
        except grpc.RpcError as error:
            raise error_of(error) from None
        return calls.read_put(response)

    async def edit_fabric(self, *edits: Edit, **options: Unpack[EditOptions]) -> EditAnswer:
        """Change the fabric in place; see `topology.edits`. Options: `placement.client.EditOptions`."""
        return await self._send(calls.edit(edits, options))

    async def reconcile(self, running: Sequence[Running], **options: Unpack[ReconcileOptions]) -> ReconcileAnswer:
        """Compare all work that really runs with what the server holds; `adopt` takes your list as the truth.

        Options: `placement.client.ReconcileOptions`.
        """
        return await self._send(calls.reconcile(running, options))

    async def wait_ready(self, timeout_s: float) -> None:
        """Wait until there is a connection; Unreachable if there is none after so many seconds."""
        try:
            await asyncio.wait_for(self._channel.channel_ready(), timeout_s)
        except TimeoutError:
            raise unreachable(self._target) from None

    async def serving(self) -> bool:
        """Whether the server answers and is not draining."""
        try:
            found = await self._health.Check(health_pb2.HealthCheckRequest(), timeout=self._timeouts.other_s)
        except grpc.RpcError:
            return False
        return bool(found.status == health_pb2.HealthCheckResponse.SERVING)

    async def _send(self, call: Call[A]) -> A:
        """Send a call until it is answered, or fails for good, or its time is over."""
        method: Any = getattr(self._stub, call.method)
        until_s = time.monotonic() + self._timeouts.of(call)
        while True:
            try:
                return call.read(await method(call.message, timeout=max(0.001, until_s - time.monotonic())))
            except grpc.RpcError as error:
                wait_s = retry_after_s(error)
                if wait_s is None or not call.repeatable or time.monotonic() + wait_s >= until_s:
                    raise error_of(error) from None
            await asyncio.sleep(wait_s)
