"""The calls of PlacementService: decode, do it off the event loop, encode; every error becomes a status here."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import replace
from typing import Any, NoReturn, TypeVar, cast

import grpc
import grpc.aio
from google.protobuf.message import Message
from grpc_status import rpc_status
from pydantic import BaseModel

from placement.errors import InputError, Overloaded
from placement.journal import Journal
from placement.limits import InputLimits
from placement.service import operations
from placement.service.answers import Answers
from placement.service.bodies import (
    CaseAnswer,
    CaseBody,
    CheckBody,
    EditBody,
    ListAnswer,
    ListBody,
    PlaceAnswer,
    PlaceBody,
    PutBody,
    ReconcileBody,
    ReleaseBody,
    WhatIfBody,
)
from placement.service.line import Line
from placement.service.metrics import Metrics
from placement.service.pages import page_of
from placement.service.placing import Decide, Placing
from placement.service.status import status_of
from placement.service.times import Limits, Times, Usual
from placement.service.wire import decode, encode
from placement.store import NoFabric, Store
from placement.v1 import placement_pb2 as pb
from placement.v1 import placement_pb2_grpc

__all__ = ["PlacementServicer"]

_LOG = logging.getLogger("moorage.calls")
T = TypeVar("T")
B = TypeVar("B", bound=BaseModel)
P = TypeVar("P", bound=Message)
_Context = grpc.aio.ServicerContext[Any, Any]
_MIB = 2**20
_REST_S = 0.02
"""So long after an answer it has been sent."""
_SETTLE_EVERY = 256
"""So often less is collected than all."""


class PlacementServicer(placement_pb2_grpc.PlacementServiceServicer):
    """Answers calls on one store. Solves queue for the `solves` threads, everything else has threads of its own."""

    def __init__(
        self,
        store: Store,
        decide: Decide,
        solves: Executor,
        limits: Limits,
        metrics: Metrics,
        journal: Journal,
        inputs: InputLimits,
    ) -> None:
        self._store = store
        self._limits = limits
        self._metrics = metrics
        self._reserve = Usual(limits.reserve_ms, limits.most_reserve_ms)
        self._answers = Answers(limits.kept_answers)
        self._stopping = threading.Event()
        self._solves = solves
        # Not the threads of the event loop: slow answers about large fleets must not keep a Place from being read.
        self._threads = ThreadPoolExecutor(16, thread_name_prefix="call")
        self._journal = journal
        self._inputs = inputs
        self._placing = Placing(store, decide, limits, self._reserve, metrics, journal, inputs, self._stopping)
        self._line = Line(self._placing.together, solves, limits, self._reserve)
        self._calls = 0
        self._rests = 0

    async def Place(self, request: pb.PlaceRequest, context: _Context) -> pb.PlaceResponse:
        """Decide where the workloads run, and reserve what is placed."""
        times = _times(context)
        answer = self._answers.once(request, request.request_id, lambda: self._place(request, times))
        return await self._answered("Place", request, context, answer)

    async def Release(self, request: pb.ReleaseRequest, context: _Context) -> pb.ReleaseResponse:
        """End running work."""
        work = self._work(request, ReleaseBody, operations.release, pb.ReleaseResponse)
        return await self._answered("Release", request, context, self._answers.once(request, request.request_id, work))

    async def ListPlacements(self, request: pb.ListPlacementsRequest, context: _Context) -> pb.ListPlacementsResponse:
        """One page of the running work."""

        def list_(store: Store, _: InputLimits, body: ListBody) -> ListAnswer:
            return page_of(store.read(), body)

        work = self._work(request, ListBody, list_, pb.ListPlacementsResponse)
        return await self._answered("ListPlacements", request, context, work())

    async def Check(self, request: pb.CheckRequest, context: _Context) -> pb.CheckResponse:
        """What placements of any origin violate."""
        work = self._work(request, CheckBody, operations.check, pb.CheckResponse)
        return await self._answered("Check", request, context, work())

    async def WhatIf(self, request: pb.WhatIfRequest, context: _Context) -> pb.WhatIfResponse:
        """Decide as it is and as it would be, and compare."""
        return await self._answered("WhatIf", request, context, self._suppose(request, _times(context)))

    async def GetCase(self, request: pb.GetCaseRequest, context: _Context) -> pb.GetCaseResponse:
        """A case that was decided lately, with its decision."""

        def find(_: Store, __: InputLimits, body: CaseBody) -> CaseAnswer:
            return operations.case(self._journal, body)

        work = self._work(request, CaseBody, find, pb.GetCaseResponse)
        return await self._answered("GetCase", request, context, work())

    async def GetFabric(self, request: pb.GetFabricRequest, context: _Context) -> pb.GetFabricResponse:
        """Return the fabric the server holds, in canonical order, and the running work."""
        work = self._thread(lambda: encode(operations.fabric(self._store), pb.GetFabricResponse()))
        return await self._answered("GetFabric", request, context, work)

    async def PutFabric(self, request: pb.PutFabricRequest, context: _Context) -> pb.PutFabricResponse:
        """Replace the fabric and the running work."""
        work = self._work(request, PutBody, operations.put, pb.PutFabricResponse)
        return await self._answered("PutFabric", request, context, self._settled(work()))

    async def PutFabricStream(
        self, request_iterator: AsyncIterator[pb.PutFabricStreamRequest], context: _Context
    ) -> pb.PutFabricStreamResponse:
        """Replace the fabric and the running work by what comes in parts."""
        whole = self._joined(request_iterator)
        return await self._answered("PutFabricStream", None, context, self._settled(self._put_parts(whole)))

    async def EditFabric(self, request: pb.EditFabricRequest, context: _Context) -> pb.EditFabricResponse:
        """Change the fabric in place."""
        work = self._work(request, EditBody, operations.edit, pb.EditFabricResponse)
        return await self._answered(
            "EditFabric", request, context, self._answers.once(request, request.request_id, work)
        )

    async def Reconcile(self, request: pb.ReconcileRequest, context: _Context) -> pb.ReconcileResponse:
        """Compare the running work with the orchestrator's list."""
        work = self._work(request, ReconcileBody, operations.reconcile, pb.ReconcileResponse)
        return await self._answered(
            "Reconcile", request, context, self._answers.once(request, request.request_id, work)
        )

    def stop(self) -> None:
        """Tell every solve that nobody waits for it any more, and wait until the journal has what was decided."""
        self._stopping.set()
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._placing.close()

    async def _thread(self, work: Callable[[], T]) -> T:
        """Do it off the event loop."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    def _work(
        self, request: Message, body: type[B], do: Callable[[Store, InputLimits, B], BaseModel], answer: type[P]
    ) -> Callable[[], Coroutine[Any, Any, P]]:
        """The whole of a call that does something to the store, in a thread."""

        def work() -> P:
            return encode(do(self._store, self._inputs, decode(request, body, "request")), answer())

        return lambda: self._thread(work)

    async def _place(self, request: pb.PlaceRequest, times: Times) -> pb.PlaceResponse:
        if self._calls >= self._limits.waiting:
            raise Overloaded(self._limits.waiting)
        self._count(1)
        try:
            # What is malformed is refused at once, without a place in the line.
            body = await self._thread(lambda: decode(request, PlaceBody, "request"))
            times = replace(times, reading_s=time.monotonic() - times.came_s)
            self._inputs.check_work(body.workloads, body.running)
            placed = await self._line.place(body, times, threading.Event())
        finally:
            self._count(-1)
            asyncio.get_running_loop().call_later(_REST_S, self._rest)
        now_s = time.monotonic()
        self._reserve.learn(now_s - placed.solved_s)
        self._metrics.reserve_seconds.set(self._reserve.seconds)
        asked_ms = body.asked_ms(self._limits.default_solve_ms)
        late_s = 0.0 if body.work is not None else times.late_s(now_s, asked_ms, self._limits)
        self._metrics.late(late_s)
        _tell(request.request_id, placed.answer, late_s)
        return placed.message

    async def _suppose(self, request: pb.WhatIfRequest, times: Times) -> pb.WhatIfResponse:
        body = await self._thread(lambda: decode(request, WhatIfBody, "request"))
        self._inputs.check_work(body.place.workloads, body.place.running)
        if self._calls >= self._limits.waiting:
            raise Overloaded(self._limits.waiting)
        gone = threading.Event()
        self._count(1)
        try:
            loop = asyncio.get_running_loop()
            answer = await loop.run_in_executor(self._solves, self._placing.suppose, body, times, gone)
        except asyncio.CancelledError:
            gone.set()  # a thread cannot be cancelled, it has to look
            raise
        finally:
            self._count(-1)
        return await self._thread(lambda: encode(answer, pb.WhatIfResponse()))

    def _rest(self) -> None:
        """Collect garbage while nothing is decided: when it is due by itself it holds up a call for up to 0.1 s."""
        if self._calls:
            return
        self._rests += 1
        if self._rests % _SETTLE_EVERY:
            operations.rest()
        else:
            operations.settle()

    def _count(self, more: int) -> None:
        self._calls += more
        self._metrics.waiting.set(self._calls)

    async def _settled(self, answer: Coroutine[Any, Any, T]) -> T:
        found = await answer
        await self._thread(operations.settle)
        return found

    async def _joined(self, parts: AsyncIterator[pb.PutFabricStreamRequest]) -> pb.PutFabricRequest:
        """The parts as one request. InputError if there is none, or if they are too many bytes."""
        whole = pb.PutFabricRequest()
        size = count = 0
        async for message in parts:
            count += 1
            size += message.ByteSize()
            if size > self._limits.stream_mib * _MIB:
                raise InputError("part", f"the parts exceed {self._limits.stream_mib} MiB", "send a smaller fleet")
            whole.MergeFrom(message.part)
        if not count:
            raise InputError("part", "there was none", "send at least one part with the fleet")
        return whole

    async def _put_parts(self, joined: Coroutine[Any, Any, pb.PutFabricRequest]) -> pb.PutFabricStreamResponse:
        return await self._work(await joined, PutBody, operations.put, pb.PutFabricStreamResponse)()

    async def _answered(
        self, method: str, request: Message | None, context: _Context, answer: Coroutine[Any, Any, T]
    ) -> T:
        """The answer, or the call aborted with the status of its error; counted and logged either way."""
        began_s = time.monotonic()
        code, error = grpc.StatusCode.OK, None
        try:
            return await answer
        except asyncio.CancelledError:
            code = grpc.StatusCode.CANCELLED
            raise
        except Exception as caught:  # noqa: BLE001 - the border: every error becomes a status
            error = rpc_status.to_status(status_of(caught))
            code = error.code
        finally:
            self._record(method, request, code, error, time.monotonic() - began_s)
        return await self._abort(context, error)

    async def _abort(self, context: _Context, status: grpc.Status) -> NoReturn:
        await context.abort(status.code, status.details, status.trailing_metadata)
        raise AssertionError("abort always raises")  # pragma: no cover

    def _record(
        self, method: str, request: Message | None, code: grpc.StatusCode, error: grpc.Status | None, took_s: float
    ) -> None:
        self._metrics.calls.labels(method, code.name).inc()
        self._metrics.call_seconds.labels(method).observe(took_s)
        try:
            state = self._store.read()
        except NoFabric:
            pass
        else:
            self._metrics.nodes.set(len(state.fabric.nodes))
            self._metrics.running.set(len(state.running))
        facts: dict[str, Any] = {"method": method, "code": code.name, "took_ms": round(took_s * 1000, 1)}
        if getattr(request, "request_id", ""):
            facts["request_id"] = str(getattr(request, "request_id", ""))[:60]
        if error is not None:
            facts["error"] = error.details
        _LOG.info("call", extra=facts)


def _times(context: _Context) -> Times:
    """When a call came, and when its caller stops waiting."""
    remaining_s = cast("float | None", context.time_remaining())  # the stubs forget calls without deadline
    now_s = time.monotonic()
    return Times(now_s, None if remaining_s is None else now_s + remaining_s)


def _tell(request_id: str, answer: PlaceAnswer, late_s: float) -> None:
    """Log a decision."""
    decision = answer.decision
    facts = {
        "request_id": request_id[:60],
        "case_id": decision.case_id,
        "status": decision.status.value,
        "gap": decision.gap,
        "fallback_reason": decision.fallback_reason,
        "placed": len(decision.placements),
        "unplaced": len(decision.unplaced),
        "solve_ms": round(decision.timings.get("total_ms", 0.0), 1),
        "state_version": answer.state_version,
        "reserved_version": answer.reserved_version,
        "late_s": round(late_s, 3),
    }
    _LOG.info("decision", extra=facts)
