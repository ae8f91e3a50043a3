"""What a call sends and what comes back, shared by the sync and the async client."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from google.protobuf.message import Message
from pydantic import BaseModel, ValidationError

from placement.model import Placement, Running, Workload
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
    "Timeouts",
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


@dataclass(frozen=True)
class Timeouts:
    """Seconds to wait: for a call that solves, beyond its solve time; for a whole fleet; for every other call."""

    beyond_solve_s: float = 5.0
    fleet_s: float = 300.0
    other_s: float = 60.0


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


def place(
    workloads: Sequence[Workload],
    *,
    running: Sequence[Running] | None,
    validate_only: bool,
    max_solve_s: float | None,
    work: int | None,
    request_id: str | None,
    **more: Any,
) -> Call[PlaceAnswer]:
    """See `Client.place`."""
    body = _body(
        PlaceBody,
        workloads=tuple(workloads),
        running=tuple(running or ()),
        use_server_state=running is None,
        validate_only=validate_only,
        max_solve_time=None if max_solve_s is None else max(1, round(max_solve_s * 1000)),
        work=work,
        request_id=_fresh(request_id),
        **_context(more),
    )
    return Call("Place", encode(body, pb.PlaceRequest()), PlaceAnswer, _solve_s(body))


def what_if(
    workloads: Sequence[Workload],
    *,
    edits: Sequence[Edit],
    settings: Mapping[str, Any],
    running: Sequence[Running] | None,
    max_solve_s: float | None,
    work: int | None,
    **more: Any,
) -> Call[WhatIfAnswer]:
    """See `Client.what_if`."""
    place_ = _body(
        BatchBody,
        workloads=tuple(workloads),
        running=tuple(running or ()),
        use_server_state=running is None,
        validate_only=True,
        max_solve_time=None if max_solve_s is None else max(1, round(max_solve_s * 1000)),
        work=work,
        **_context(more),
    )
    body = _body(WhatIfBody, place=place_, edits=tuple(edits), set=dict(settings))
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


def check(
    workloads: Sequence[Workload], placements: Sequence[Placement], running: Sequence[Running] | None, **more: Any
) -> Call[CheckAnswer]:
    """See `Client.check`."""
    body = _body(
        CheckBody,
        workloads=tuple(workloads),
        placements=tuple(placements),
        running=tuple(running or ()),
        use_server_state=running is None,
        **_context(more),
    )
    return Call("Check", encode(body, pb.CheckRequest()), CheckAnswer)


def fabric() -> Call[FabricAnswer]:
    """See `Client.fabric`."""
    return Call("GetFabric", pb.GetFabricRequest(), FabricAnswer)


def edit(edits: Sequence[Edit], expected_version: str, validate_only: bool, request_id: str | None) -> Call[EditAnswer]:
    """See `Client.edit_fabric`."""
    body = _body(
        EditBody,
        edits=tuple(edits),
        expected_version=expected_version,
        validate_only=validate_only,
        request_id=_fresh(request_id),
    )
    return Call("EditFabric", encode(body, pb.EditFabricRequest()), EditAnswer)


def reconcile(
    running: Sequence[Running], adopt: bool, grace_s: int, expected_state_version: str, request_id: str | None
) -> Call[ReconcileAnswer]:
    """See `Client.reconcile`."""
    body = _body(
        ReconcileBody,
        running=tuple(running),
        adopt=adopt,
        grace_s=grace_s,
        expected_state_version=expected_state_version,
        request_id=_fresh(request_id),
    )
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


def _fresh(request_id: str | None) -> str:
    return uuid.uuid4().hex if request_id is None else request_id


def _context(more: dict[str, Any]) -> dict[str, Any]:
    """Tenants, groups, policy and the rest, without what the caller left out."""
    given = {key: value for key, value in more.items() if value is not None}
    return {key: tuple(value) if key in ("tenants", "groups") else value for key, value in given.items()}


def _body(kind: type[B], **fields: Any) -> B:
    """A request as a document. InputError where the server would say so."""
    try:
        return kind(**fields)
    except ValidationError as error:
        raise input_error(error, "request") from None
