"""What a call sends and what comes back, shared by the sync and the async client."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypedDict, TypeVar

from google.protobuf.message import Message
from pydantic import BaseModel, ValidationError

from placement.model import Placement, PlacementGroup, Policy, Running, Tenant, Workload
from placement.model.document import input_error
from placement.service.bodies import (
    BatchBody,
    CaseAnswer,
    CaseBody,
    CheckAnswer,
    CheckBody,
    EditAnswer,
    EditBody,
    FabricAnswer,
    ListAnswer,
    ListBody,
    PlaceAnswer,
    PlaceBody,
    PutAnswer,
    ReconcileAnswer,
    ReconcileBody,
    ReleaseAnswer,
    ReleaseBody,
    WhatIfAnswer,
    WhatIfBody,
)
from placement.service.wire import decode, encode
from placement.v1 import placement_pb2 as pb
from topology.edits import Edit
from topology.model import Fleet

__all__ = [
    "OPTIONS",
    "Call",
    "CheckOptions",
    "EditOptions",
    "PlaceOptions",
    "ReconcileOptions",
    "Timeouts",
    "WhatIfOptions",
    "case",
    "check",
    "edit",
    "fabric",
    "page",
    "parts",
    "place",
    "read_put",
    "reconcile",
    "release",
    "what_if",
]

A = TypeVar("A", bound=BaseModel)
B = TypeVar("B", bound=BaseModel)

OPTIONS: tuple[tuple[str, Any], ...] = (
    ("grpc.max_receive_message_length", 256 * 2**20),
    ("grpc.max_send_message_length", 256 * 2**20),
)
"""Channel options: answers about large fleets are large."""
_PART_NODES = 1000
_PART_RUNNING = 1000


class CheckOptions(TypedDict, total=False):
    """Beside what, and by which rules; what is left out is that of the server, or the default."""

    running: Sequence[Running] | None
    """What runs, instead of the work that the server knows."""
    tenants: Sequence[Tenant]
    groups: Sequence[PlacementGroup]
    policy: Policy | None
    now_s: int | None
    """The moment of the decision, epoch seconds."""


class WhatIfOptions(CheckOptions, total=False):
    """And how long to think, and what is supposed to be otherwise."""

    edits: Sequence[Edit]
    """Changes of the fabric, one after the other."""
    settings: Mapping[str, Any] | None
    """Names such as `policy.price.weight` or `tenant.a.quota`, with their values."""
    max_solve_s: float | None
    """Wall time of the solve, seconds (default 2)."""
    work: int | None
    """A deterministic budget instead."""
    seed: int


class PlaceOptions(CheckOptions, total=False):
    """And how long to think, and what becomes of the answer."""

    max_solve_s: float | None
    """Wall time of the solve, seconds (default 2)."""
    work: int | None
    """A deterministic budget instead."""
    seed: int
    validate_only: bool
    """Reserve nothing."""
    expected_fabric_version: str
    request_id: str | None
    """Makes your own retries safe; by default each call gets a fresh one."""


class EditOptions(TypedDict, total=False):
    """What an edit depends on, and whether it is done."""

    expected_version: str
    validate_only: bool
    """Tell what would happen and change nothing."""
    request_id: str | None


class ReconcileOptions(TypedDict, total=False):
    """What becomes of the differences."""

    adopt: bool
    """Take the list as the truth."""
    grace_s: int
    """Reservations younger than so many seconds may be missing from the list."""
    expected_state_version: str
    request_id: str | None


@dataclass(frozen=True)
class Call(Generic[A]):
    """One call: the method, its message, the document of its answer, and the solve time it asks for, if any."""

    method: str
    message: Message
    answer: type[A]
    solve_s: float = 0.0

    @property
    def repeatable(self) -> bool:
        """Whether it may be sent again: it changes nothing, or carries a request id."""
        return bool(getattr(self.message, "request_id", "none is needed"))

    def read(self, response: Message) -> A:
        """The document of the response."""
        return decode(response, self.answer, self.method)


@dataclass(frozen=True)
class Timeouts:
    """Seconds to wait: for a call that solves, beyond its solve time; for a whole fleet; for every other call."""

    beyond_solve_s: float = 5.0
    fleet_s: float = 300.0
    other_s: float = 60.0

    def of(self, call: Call[Any]) -> float:
        """How long to wait for the answer to a call."""
        if call.solve_s:
            return call.solve_s + self.beyond_solve_s
        return self.fleet_s if call.method == "GetFabric" else self.other_s


def place(workloads: Sequence[Workload], options: PlaceOptions) -> Call[PlaceAnswer]:
    """See `Client.place`."""
    given = dict(options)
    body = _body(PlaceBody, request_id=_fresh(given.pop("request_id", None)), **_batch(workloads, given))
    return Call("Place", encode(body, pb.PlaceRequest()), PlaceAnswer, _solve_s(body))


def what_if(workloads: Sequence[Workload], options: WhatIfOptions) -> Call[WhatIfAnswer]:
    """See `Client.what_if`."""
    given = dict(options)
    edits, settings = given.pop("edits", ()), given.pop("settings", None)
    place_ = _body(BatchBody, validate_only=True, **_batch(workloads, given))
    body = _body(WhatIfBody, place=place_, edits=edits, set=settings or {})
    return Call("WhatIf", encode(body, pb.WhatIfRequest()), WhatIfAnswer, 2 * _solve_s(place_))


def case(case_id: str) -> Call[CaseAnswer]:
    """See `Client.case`."""
    return Call("GetCase", encode(_body(CaseBody, case_id=case_id), pb.GetCaseRequest()), CaseAnswer)


def release(workloads: Sequence[str], request_id: str | None) -> Call[ReleaseAnswer]:
    """See `Client.release`."""
    body = _body(ReleaseBody, workloads=tuple(workloads), request_id=_fresh(request_id))
    return Call("Release", encode(body, pb.ReleaseRequest()), ReleaseAnswer)


def page(size: int, token: str, tenant: str) -> Call[ListAnswer]:
    """One page of the running work."""
    body = _body(ListBody, page_size=size, page_token=token, tenant=tenant)
    return Call("ListPlacements", encode(body, pb.ListPlacementsRequest()), ListAnswer)


def check(workloads: Sequence[Workload], placements: Sequence[Placement], options: CheckOptions) -> Call[CheckAnswer]:
    """See `Client.check`."""
    body = _body(CheckBody, placements=placements, **_batch(workloads, dict(options)))
    return Call("Check", encode(body, pb.CheckRequest()), CheckAnswer)


def fabric() -> Call[FabricAnswer]:
    """See `Client.fabric`."""
    return Call("GetFabric", pb.GetFabricRequest(), FabricAnswer)


def edit(edits: Sequence[Edit], options: EditOptions) -> Call[EditAnswer]:
    """See `Client.edit_fabric`."""
    given = dict(options)
    body = _body(EditBody, edits=edits, request_id=_fresh(given.pop("request_id", None)), **given)
    return Call("EditFabric", encode(body, pb.EditFabricRequest()), EditAnswer)


def reconcile(running: Sequence[Running], options: ReconcileOptions) -> Call[ReconcileAnswer]:
    """See `Client.reconcile`."""
    given = dict(options)
    body = _body(ReconcileBody, running=running, request_id=_fresh(given.pop("request_id", None)), **given)
    return Call("Reconcile", encode(body, pb.ReconcileRequest()), ReconcileAnswer)


def parts(fleet: Fleet, running: Sequence[Running], expected_version: str) -> Iterator[pb.PutFabricStreamRequest]:
    """A fleet and its running work in parts that fit into messages."""
    head = encode(fleet.model_copy(update={"nodes": ()}), pb.Fleet())
    yield pb.PutFabricStreamRequest(part=pb.PutFabricRequest(fleet=head, expected_version=expected_version))
    for first in range(0, len(fleet.nodes), _PART_NODES):
        message = pb.PutFabricStreamRequest()
        for node in fleet.nodes[first : first + _PART_NODES]:
            encode(node, message.part.fleet.nodes.add())
        yield message
    for first in range(0, len(running), _PART_RUNNING):
        message = pb.PutFabricStreamRequest()
        for one in running[first : first + _PART_RUNNING]:
            encode(one, message.part.running.add())
        yield message


def read_put(response: Message) -> PutAnswer:
    """The document of a PutFabricStreamResponse."""
    return decode(response, PutAnswer, "PutFabricStream")


def _solve_s(body: BatchBody) -> float:
    """The time that one solve may take."""
    return 60.0 if body.work is not None else body.asked_ms(2000) / 1000


def _fresh(request_id: Any) -> str:
    return uuid.uuid4().hex if request_id is None else request_id


def _batch(workloads: Sequence[Workload], given: dict[str, Any]) -> dict[str, Any]:
    """The fields of a body for these workloads and options. Without `running`, the state is that of the server."""
    running, max_solve_s = given.pop("running", None), given.pop("max_solve_s", None)
    found = {key: value for key, value in given.items() if value is not None}
    if max_solve_s is not None:
        found["max_solve_time"] = max(1, round(max_solve_s * 1000))
    return {**found, "workloads": workloads, "running": running or (), "use_server_state": running is None}


def _body(kind: type[B], **fields: Any) -> B:
    """A request as a document. InputError where the server would say so."""
    try:
        return kind(**{name: _tuple(value) for name, value in fields.items()})
    except ValidationError as error:
        raise input_error(error, "request") from None


def _tuple(value: Any) -> Any:
    """A sequence of any kind as the tuple that documents hold."""
    return tuple(value) if isinstance(value, Sequence) and not isinstance(value, str) else value
