"""CP-SAT over a linear integer model. Its status words are not believed: callers compare integers."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from ortools.sat.python import cp_model

from solver.certificate import with_limits
from solver.items import IntArray
from solver.model import FREE, Arrays

__all__ = ["Effort", "Found", "find", "minimise"]

_LOW, _HIGH = -(2**62), 2**62


@dataclass(frozen=True)
class Effort:
    """How long one search may last: wall seconds, deterministic time, or both (None = no limit)."""

    seconds: float | None = None
    work: float | None = None
    seed: int = 0
    threads: int = 1
    rough: bool = False
    """For small parts that prove nothing: no presolve, and good enough is enough."""
    light: bool = False
    """For a search of less than a few seconds: one short round of presolve."""


@dataclass(frozen=True)
class Found:
    """The best solution found (None if none) and CP-SAT's claimed lower bound (None if none)."""

    x: IntArray | None
    bound: int | None
    work: float


class _Watch(cp_model.CpSolverSolutionCallback):  # type: ignore[misc]  # untyped base
    """Hands every improving solution to a listener, at most every tenth of a second."""

    def __init__(self, listen: Callable[[IntArray], None]) -> None:
        super().__init__()
        self._listen = listen
        self._last = time.monotonic()

    def on_solution_callback(self) -> None:
        """A solution was found."""
        now = time.monotonic()
        if now - self._last >= 0.1:
            self._last = now
            self._listen(np.array(self.response_proto.solution, np.int64)[:-1])


def _rows(arrays: Arrays) -> cp_model.CpModel:
    """Variables and rows, no objective and no hint."""
    model = cp_model.CpModel()
    proto = model.proto
    for low, high in zip(arrays.lower.tolist(), arrays.upper.tolist(), strict=True):
        proto.variables.add().domain.extend([low, high])
    ends = arrays.indptr.tolist()
    columns, coefficients = arrays.columns.tolist(), arrays.coefficients.tolist()
    for row, (low, high) in enumerate(zip(arrays.row_lo.tolist(), arrays.row_hi.tolist(), strict=True)):
        linear = proto.constraints.add().linear
        linear.vars.extend(columns[ends[row] : ends[row + 1]])
        linear.coeffs.extend(coefficients[ends[row] : ends[row + 1]])
        linear.domain.extend([_LOW if low <= -FREE else low, _HIGH if high >= FREE else high])
    return model


def _proto(arrays: Arrays, tier: int, hint: IntArray) -> cp_model.CpModel:
    model = _rows(arrays)
    proto = model.proto
    used = np.flatnonzero(arrays.objective[tier])
    proto.objective.vars.extend(used.tolist())
    proto.objective.coeffs.extend(arrays.objective[tier][used].tolist())
    # CP-SAT reports 0 where it has no bound yet: a fixed column lifts the objective so that 0 is the trivial bound.
    proto.variables.add().domain.extend([1, 1])
    proto.objective.vars.append(arrays.variables)
    proto.objective.coeffs.append(_lift(arrays, tier))
    proto.solution_hint.vars.extend(range(arrays.variables + 1))
    proto.solution_hint.values.extend([*hint.tolist(), 1])
    return model


def _lift(arrays: Arrays, tier: int) -> int:
    """What to add to the objective (without its constant) so that it is never negative."""
    used = np.flatnonzero(arrays.objective[tier])
    costs = arrays.objective[tier][used].tolist()
    ends = zip(costs, arrays.lower[used].tolist(), arrays.upper[used].tolist(), strict=True)
    lowest: int = sum(min(c * low, c * high) for c, low, high in ends)
    return -lowest


def _solver(effort: Effort) -> cp_model.CpSolver:
    solver = cp_model.CpSolver()
    parameters = solver.parameters
    parameters.num_workers = effort.threads
    parameters.random_seed = effort.seed % 2**31  # CP-SAT takes 31 bits of it
    parameters.linearization_level = 2
    if effort.rough:
        parameters.cp_model_presolve = False
        parameters.relative_gap_limit = 0.002
    if effort.light:
        parameters.max_presolve_iterations = 1
        parameters.cp_model_probing_level = 0
        parameters.symmetry_level = 0
    if effort.seconds is not None:
        parameters.max_time_in_seconds = max(0.001, effort.seconds)
    if effort.work is not None:
        parameters.max_deterministic_time = effort.work
    return solver


def find(arrays: Arrays, effort: Effort) -> tuple[IntArray | None, bool, float, float]:
    """Any solution (None if none was found), whether CP-SAT says that there is none, work and seconds taken."""
    solver = _solver(effort)
    status = solver.solve(_rows(arrays))
    solution = solver.response_proto.solution
    x = np.array(solution, np.int64) if len(solution) else None
    return x, bool(status == cp_model.INFEASIBLE), float(solver.deterministic_time), float(solver.wall_time)


def minimise(
    arrays: Arrays,
    tier: int,
    limits: tuple[int, ...],
    hint: IntArray,
    effort: Effort,
    listen: Callable[[IntArray], None] | None = None,
    at_least: int | None = None,
    at_most: int | None = None,
) -> Found:
    """Search one tier under limits on the earlier ones, starting from a complete feasible hint.

    `at_least` is a known bound: a solution that reaches it ends the search. Solutions above `at_most` are none; if
    there is no other, the bound is `at_most` + 1.
    """
    began = time.monotonic()
    limited = with_limits(arrays, limits)
    model = _proto(limited, tier, hint)
    if effort.seconds is not None:
        effort = replace(effort, seconds=effort.seconds - (time.monotonic() - began))
    solver = _solver(effort)
    lift = _lift(arrays, tier) - arrays.constant[tier]
    if at_least is not None or at_most is not None:
        ends = _LOW if at_least is None else at_least + lift, _HIGH if at_most is None else at_most + lift
        if ends[0] > ends[1]:
            return Found(None, at_least, 0.0)
        model.proto.objective.domain.extend(ends)
    status = solver.solve(model, None if listen is None else _Watch(listen))
    response = solver.response_proto
    if status == cp_model.MODEL_INVALID:
        raise ValueError("CP-SAT refuses the model: figures too large")
    x = np.array(response.solution, np.int64)[:-1] if len(response.solution) else None
    bound = None
    if status in (cp_model.OPTIMAL, cp_model.FEASIBLE, cp_model.UNKNOWN):
        inner = int(response.inner_objective_lower_bound)
        stated = solver.best_objective_bound
        if math.isfinite(stated) and abs(stated) < 2**53:
            bound = min(inner, math.ceil(stated - 1e-6)) - lift
    elif status == cp_model.INFEASIBLE and at_most is not None:
        bound = at_most + 1
    return Found(x, bound, float(solver.deterministic_time))
