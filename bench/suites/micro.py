"""Suite `micro`: time and memory of single operations of the product against size, each checked for what it gives."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from bench.instance import Instance, Judged, Spec
from bench.method import Answer, Method
from bench.suite import Grid, MakeMethod, Suite, points
from bench.suites.fleet import weighted_case
from placement.compile import Lowered, lift, lower
from placement.model import Case
from placement.service.wire import decode, encode
from placement.snapshot import Snapshot
from placement.v1 import placement_pb2 as pb
from placement.verify import verify_placements
from solver import encode as model
from solver.cells import coarse_cells, fine_cells
from solver.check import check
from solver.cpsat import Effort, minimise
from solver.greedy import greedy
from solver.plan import Plan
from solver.problem import Problem
from solver.reduce import merge_items
from topology.model import Fleet

__all__ = ["Outcome", "Subject", "micro"]

_MOST_NODES = 1024
"""Exact models of larger fleets are beyond `solver.search.Limits`."""


class Subject:
    """A case and all that operations start from, each made once."""

    def __init__(self, point: Mapping[str, Any]) -> None:
        self.snapshot = Snapshot.of(weighted_case(point))

    @property
    def case(self) -> Case:
        """The canonical case."""
        return self.snapshot.case

    @cached_property
    def json(self) -> str:
        """The case as JSON."""
        return self.case.to_json()

    @cached_property
    def message(self) -> bytes:
        """The fleet as a protobuf message."""
        return _to_proto(self)

    @cached_property
    def lowered(self) -> Lowered:
        """The lowered case."""
        return lower(self.case, self.snapshot.fabric, usage=self.snapshot.usage)

    @cached_property
    def plan(self) -> Plan:
        """The greedy plan."""
        return greedy(self.lowered.problem, tries=1)[0]

    @cached_property
    def merged(self) -> Problem:
        """The problem that a search gets."""
        return merge_items(self.lowered.problem).problem

    @cached_property
    def coarse(self) -> model.Encoded:
        """The model for bounds."""
        return model.encode(self.merged, coarse_cells(self.merged), self.merged.anchor)

    @cached_property
    def fine(self) -> model.Encoded:
        """The exact model."""
        return model.encode(self.merged, fine_cells(self.merged), self.merged.anchor)


_Do = Callable[[Subject], Any]
_Right = Callable[[Subject, Any], bool]


@dataclass(frozen=True)
class Outcome:
    """What an operation gave, and how to see whether it is right."""

    given: Any
    right: _Right


class _Operation(Method[Subject, Outcome]):
    """One operation: `before` is what it starts from, `right` looks at what it gave.

    It runs once more beforehand, untimed, to see how much memory it takes.
    """

    timed = False

    def __init__(self, name: str, before: _Do, do: _Do, right: _Right, most_nodes: int | None = None) -> None:
        self.name = name
        self._before, self._do, self._right, self._most_nodes = before, do, right, most_nodes
        self._peak_kib: dict[str, int] = {}
        """Most memory that it held at a time on a case (by id), what it gave included."""

    def unfit(self, subject: Subject) -> str | None:
        """Some operations are not meant for large fleets."""
        nodes = len(subject.case.fleet.nodes)
        too_large = self._most_nodes is not None and nodes > self._most_nodes
        return f"no exact model beyond {self._most_nodes} nodes" if too_large else None

    def prepare(self, subject: Subject) -> None:
        """Make what the operation starts from, and trace its memory."""
        self._before(subject)
        if not self._peak_kib:
            self._do(subject)  # what is made once in a process is no part of the operation
        if subject.snapshot.case_id not in self._peak_kib:
            self._peak_kib[subject.snapshot.case_id] = _peak_kib(lambda: self._do(subject))

    def answer(self, subject: Subject, *, time_limit_s: float, seed: int) -> Answer[Outcome]:
        """Run the operation once."""
        return Answer(
            Outcome(self._do(subject), self._right), figures={"peak_kib": self._peak_kib[subject.snapshot.case_id]}
        )


def _peak_kib(do: Callable[[], Any]) -> int:
    """The most memory that a call holds at a time: Python objects and numpy arrays, in KiB rounded up."""
    tracemalloc.start()
    try:
        do()
        return -(-tracemalloc.get_traced_memory()[1] // 1024)
    finally:
        tracemalloc.stop()


def _operations() -> tuple[_Operation, ...]:
    def nothing(_: Subject) -> None:
        return None

    return (
        _Operation("case to JSON", nothing, lambda s: s.case.to_json(), lambda s, text: text == s.json),
        _Operation(
            "case from JSON", lambda s: s.json, lambda s: Case.from_json(s.json), lambda s, case: case == s.case
        ),
        _Operation("fleet to proto", nothing, _to_proto, lambda s, data: len(data) == len(s.message)),
        _Operation("fleet from proto", lambda s: s.message, _from_proto, lambda s, fleet: fleet == s.case.fleet),
        _Operation(
            "snapshot", nothing, lambda s: Snapshot.of(s.case), lambda s, made: made.case_id == s.snapshot.case_id
        ),
        _Operation(
            "lower",
            nothing,
            lambda s: lower(s.case, s.snapshot.fabric, usage=s.snapshot.usage),
            lambda s, made: len(made.problem.atoms) == len(s.lowered.problem.atoms),
        ),
        _Operation(
            "greedy, one order",
            lambda s: s.lowered,
            lambda s: greedy(s.lowered.problem, tries=1)[0],
            lambda s, plan: plan == s.plan,
        ),
        _Operation(
            "merge items",
            lambda s: s.lowered,
            lambda s: merge_items(s.lowered.problem).problem,
            lambda s, made: len(made.items) == len(s.merged.items),
        ),
        _Operation(
            "coarse model",
            lambda s: s.merged,
            lambda s: model.encode(s.merged, coarse_cells(s.merged), s.merged.anchor),
            lambda s, made: made.arrays.variables == s.coarse.arrays.variables,
        ),
        _Operation(
            "exact model",
            lambda s: s.merged,
            lambda s: model.encode(s.merged, fine_cells(s.merged), s.merged.anchor),
            lambda s, made: made.arrays.variables == s.fine.arrays.variables,
            _MOST_NODES,
        ),
        _Operation(
            "exact model into CP-SAT",
            lambda s: s.fine,
            lambda s: minimise(s.fine.arrays, 0, (), s.fine.arrays.hint, Effort(seconds=0.001)),
            lambda s, found: (
                found.bound is None or found.bound <= check(s.lowered.problem, s.lowered.problem.anchor).values[0]
            ),
            _MOST_NODES,
        ),
        _Operation(
            "lift",
            lambda s: s.plan,
            lambda s: lift(s.lowered, s.plan),
            lambda s, made: len(made.placements) == len(s.plan.seats),
        ),
        _Operation(
            "judge",
            lambda s: s.plan,
            lambda s: check(s.lowered.problem, s.plan),
            lambda _, report: not report.violations,
        ),
        _Operation(
            "verify placements",
            lambda s: s.plan,
            lambda s: verify_placements(s.snapshot, lift(s.lowered, s.plan).placements),
            lambda _, found: not found,
        ),
    )


def _to_proto(subject: Subject) -> bytes:
    return bytes(encode(subject.case.fleet, pb.Fleet()).SerializeToString())


def _from_proto(subject: Subject) -> Fleet:
    message = pb.Fleet()
    message.ParseFromString(subject.message)
    return decode(message, Fleet, "fleet")


def micro() -> Suite:
    """All operations on fleets of the suite `fleet`, repeated."""
    made = {one.name: one for one in _operations()}
    methods: dict[str, MakeMethod] = {name: partial(made.__getitem__, name) for name in made}
    return Suite(
        name="micro",
        about="single operations against size: lowering, greedy, models, checker, JSON and proto",
        grid={
            "fleet": ("hgx",),
            "nodes": (128, 1024, 4096, 16384),
            "occupancy": (0.8,),
            "pending": (0, 50, 800),
            "seed": (0, 1, 2),
        },
        quick={"nodes": (128, 512), "pending": (0, 400), "seed": (0,)},
        specs=_specs,
        methods=methods,
        limits_s=(),
        quick_limits_s=(),
        rounds=3,
    )


def _specs(_data: Path | None, grid: Grid) -> list[Spec]:
    """Fleets of all sizes with as many workloads as in `fleet` (pending 0); other numbers on one size only."""
    exact = [nodes for nodes in grid["nodes"] if isinstance(nodes, int) and nodes <= _MOST_NODES]
    at = max(exact) if exact else min(grid["nodes"])
    return [
        Spec(point, partial(_MicroInstance, point))
        for point in points(grid)
        if not point["pending"] or point["nodes"] == at
    ]


class _MicroInstance(Instance[Subject, Outcome]):
    """A case; what an operation gave is right or a violation."""

    def __init__(self, point: Mapping[str, Any]) -> None:
        self.subject = Subject(point)
        case = self.subject.case
        self.idle = ()
        self.size = {"nodes": len(case.fleet.nodes), "running": len(case.running), "asked": len(case.workloads)}

    def judge(self, answer: Answer[Outcome]) -> Judged:
        """Look at what came out."""
        outcome = answer.placements
        right = outcome.right(self.subject, outcome.given)
        return Judged((), () if right else ("the operation gave something else than it should",), 0)
