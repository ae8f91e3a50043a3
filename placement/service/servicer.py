"""The calls of PlacementService: decode, decide off the event loop, encode."""

from __future__ import annotations

import asyncio
import gc
import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any, NoReturn, Protocol, TypeVar, cast

import grpc
import grpc.aio
from pydantic import ValidationError

from placement.errors import Conflict, DeadlineExceeded, StaleVersion
from placement.model.case import Case
from placement.model.decision import Decision
from placement.model.document import input_error
from placement.model.policy import default_policy
from placement.model.state import Running
from placement.service.status import NoFabric, status_of
from placement.service.wire import PlaceBody, PutBody, decode, encode
from placement.snapshot import Snapshot
from placement.v1 import placement_pb2 as pb
from placement.v1 import placement_pb2_grpc
from topology.fabric import Fabric
from topology.model import Fleet

__all__ = ["Decide", "Limits", "PlacementServicer"]

T = TypeVar("T")


class Decide(Protocol):
    """`placement.engine.decide` with clock and workers filled in."""

    def __call__(self, case: Snapshot, *, cancelled: Callable[[], bool], deadline: float | None) -> Decision:
        """Decide a case until `deadline` (on `time.monotonic`); `cancelled` says that nobody waits any more."""


@dataclass(frozen=True)
class Limits:
    """What one call may cost, in milliseconds, and how many answers are kept for retries."""

    default_solve_ms: int = 2000
    max_solve_ms: int = 600_000
    reserve_ms: int = 200
    """Least part of the deadline kept back to encode and send the answer; else a tenth of it.

    A share, since gRPC rounds a deadline up by as much as one per cent on its way to the server.
    """
    least_ms: int = 100
    """Solve time of a call that waited so long that less is left of its wish: enough for a greedy plan."""
    crowd_ms: int = 25
    """How much sooner a solve ends for every other call in progress.

    Calls that came together end together, and one interpreter explains and encodes all of their answers.
    """
    kept_answers: int = 256


@dataclass(frozen=True)
class _Held:
    """The fabric and the running work, replaced together."""

    fabric: Fabric
    running: tuple[Running, ...]


@dataclass(frozen=True)
class _Times:
    """When a call came and when its caller stops waiting (None: never), in seconds of `time.monotonic`."""

    came_s: float
    deadline_s: float | None

    def remaining_ms(self, now_s: float, limits: Limits) -> int:
        """The longest solve that can still be answered. DeadlineExceeded if there is no time for any."""
        if self.deadline_s is None:
            return limits.max_solve_ms
        left_ms = int((self.deadline_s - now_s) * 1000)
        usable_ms = left_ms - max(limits.reserve_ms, left_ms // 10)
        if usable_ms < 1:
            left = f"the deadline leaves {max(left_ms, 0)} ms"
            raise DeadlineExceeded(f"{left}, {limits.reserve_ms} are kept to answer; allow more time")
        return min(limits.max_solve_ms, usable_ms)

    def until_s(self, now_s: float, wall_ms: int | None, asked_ms: int, others: int, limits: Limits) -> float | None:
        """When the solve ends, for a budget of `wall_ms` from now; None for a work budget.

        The `asked_ms` of the caller count from the arrival of the call; `others` are in progress as well.
        """
        if wall_ms is None:
            return None
        least_s = now_s + limits.least_ms / 1000
        latest_s = min(now_s + wall_ms / 1000, max(self.came_s + asked_ms / 1000, least_s))
        return max(latest_s - others * limits.crowd_ms / 1000, min(latest_s, least_s))


class PlacementServicer(placement_pb2_grpc.PlacementServiceServicer):
    """Answers calls for one fabric. State lives on the event loop; solves queue for the `solves` threads."""

    def __init__(self, decide: Decide, solves: Executor, limits: Limits, fleet: Fleet | None = None) -> None:
        self._decide = decide
        self._solves = solves
        self._limits = limits
        self._stopping = threading.Event()
        self._calls = 0
        self._held = None if fleet is None else _Held(Fabric.from_fleet(fleet), ())
        _settle()
        self._answers: OrderedDict[str, tuple[bytes, asyncio.Task[pb.PlaceResponse]]] = OrderedDict()

    async def Place(self, request: pb.PlaceRequest, context: _Context) -> pb.PlaceResponse:
        """Decide where the workloads run; see the contract for the status codes."""
        remaining_s = cast("float | None", context.time_remaining())  # the stubs forget calls without deadline
        now_s = time.monotonic()
        times = _Times(now_s, None if remaining_s is None else now_s + remaining_s)
        return await _answered(context, self._place_once(request, times))

    async def GetFabric(self, request: pb.GetFabricRequest, context: _Context) -> pb.GetFabricResponse:
        """Return the fabric the server holds, in canonical order, and the running work."""
        return await _answered(context, self._get())

    async def PutFabric(self, request: pb.PutFabricRequest, context: _Context) -> pb.PutFabricResponse:
        """Replace the fabric and the running work."""
        return await _answered(context, self._put(request))

    def stop(self) -> None:
        """Tell every solve that nobody waits for it any more."""
        self._stopping.set()

    async def _get(self) -> pb.GetFabricResponse:
        held = self._held
        if held is None:
            raise NoFabric
        return await asyncio.to_thread(_encode_fabric, held)

    async def _put(self, request: pb.PutFabricRequest) -> pb.PutFabricResponse:
        expected, held = await asyncio.to_thread(_decode_fabric, request)
        # Checked and replaced without an await between: no other call can slip in.
        self._check_version(expected)
        self._held = held
        await asyncio.to_thread(_settle)
        return pb.PutFabricResponse(fabric_version=held.fabric.version)

    async def _place_once(self, request: pb.PlaceRequest, times: _Times) -> pb.PlaceResponse:
        """Answer a repeated request id from memory, also while its first call is still being solved."""
        key = request.request_id
        if not key:
            return await self._place(request, times)
        body = hashlib.sha256(request.SerializeToString(deterministic=True)).digest()
        known = self._answers.get(key)
        if known is not None and known[0] != body:
            raise Conflict(f"request_id {key[:60]!r} came before with another body; use a new id")
        if known is None:
            known = body, asyncio.create_task(self._place(request, times))
            known[1].add_done_callback(lambda task: self._forget_failure(key, task))
            self._answers[key] = known
            while len(self._answers) > self._limits.kept_answers:
                self._answers.popitem(last=False)
        # The caller may go away; the answer is still wanted by the retry.
        return await asyncio.shield(known[1])

    def _forget_failure(self, key: str, task: asyncio.Task[pb.PlaceResponse]) -> None:
        known = self._answers.get(key)
        if known is not None and known[1] is task and (task.cancelled() or task.exception() is not None):
            del self._answers[key]

    async def _place(self, request: pb.PlaceRequest, times: _Times) -> pb.PlaceResponse:
        body = await asyncio.to_thread(decode, request, PlaceBody, "request")
        self._check_version(body.expected_fabric_version)
        held = self._held
        if held is None:
            raise NoFabric
        gone = threading.Event()
        loop = asyncio.get_running_loop()
        self._calls += 1
        try:
            return await loop.run_in_executor(self._solves, self._solve, body, held, times, gone)
        except asyncio.CancelledError:
            gone.set()  # a thread cannot be cancelled, it has to look
            raise
        finally:
            self._calls -= 1

    def _solve(self, body: PlaceBody, held: _Held, times: _Times, gone: threading.Event) -> pb.PlaceResponse:
        """In a thread of its own. The budget is taken here, after the wait for a free thread."""
        began_s = time.monotonic()
        case = _case(body, held, self._limits, times.remaining_ms(began_s, self._limits))
        asked_ms = body.asked_ms(self._limits.default_solve_ms)
        until_s = times.until_s(began_s, case.budget.wall_ms, asked_ms, self._calls - 1, self._limits)
        response = pb.PlaceResponse(fabric_version=held.fabric.version)

        def cancelled() -> bool:
            return gone.is_set() or self._stopping.is_set()

        decision = self._decide(Snapshot.of(case, held.fabric), cancelled=cancelled, deadline=until_s)
        encode(decision, response.decision)
        return response

    def _check_version(self, expected: str) -> None:
        actual = "" if self._held is None else self._held.fabric.version
        if expected and expected != actual:
            raise NoFabric if self._held is None else StaleVersion(expected, actual)


_Context = grpc.aio.ServicerContext[Any, Any]


def _case(body: PlaceBody, held: _Held, limits: Limits, remaining_ms: int) -> Case:
    """The case of a request. InputError if its parts do not fit together."""
    try:
        return Case(
            fleet=held.fabric.fleet,
            workloads=body.workloads,
            running=held.running if body.use_server_state else body.running,
            tenants=body.tenants,
            groups=body.groups,
            policy=default_policy() if body.policy is None else body.policy,
            budget=body.budget(limits.default_solve_ms, remaining_ms),
            seed=body.seed,
            now_s=int(time.time()) if body.now_s is None else body.now_s,
        )
    except ValidationError as error:
        raise input_error(error, "request") from None


def _decode_fabric(request: pb.PutFabricRequest) -> tuple[str, _Held]:
    body = decode(request, PutBody, "request")
    try:
        case = Case(fleet=body.fleet, running=body.running)  # running work must fit the fleet
    except ValidationError as error:
        raise input_error(error, "request") from None
    return body.expected_version, _Held(Fabric.from_fleet(case.fleet), case.running)


def _settle() -> None:
    """Collect garbage, then hide what lives from the collector until the next fabric.

    A large fleet is hundreds of thousands of objects that live until they are replaced; every full collection would
    walk them all, in the midst of solves and with every thread stopped. Unfreezing first lets go of the last fleet.
    """
    gc.unfreeze()
    gc.collect()
    gc.freeze()


def _encode_fabric(held: _Held) -> pb.GetFabricResponse:
    response = pb.GetFabricResponse(fabric_version=held.fabric.version)
    encode(held.fabric.fleet, response.fleet)
    for running in held.running:
        encode(running, response.running.add())
    return response


async def _answered(context: _Context, answer: Coroutine[Any, Any, T]) -> T:
    """The answer, or the call aborted with the status of its error."""
    try:
        return await answer
    except Exception as error:  # noqa: BLE001 - the border: every error becomes a status
        code, details = status_of(error)
    return await _abort(context, code, details)


async def _abort(context: _Context, code: grpc.StatusCode, details: str) -> NoReturn:
    await context.abort(code, details)
    raise AssertionError("abort always raises")  # pragma: no cover
