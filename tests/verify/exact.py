"""A second, plain CP-SAT driver over `Arrays`, so that an encoding is judged apart from `solver.search`."""

from dataclasses import dataclass

import numpy as np
from ortools.sat.python import cp_model

from solver.items import IntArray
from solver.model import FREE, Arrays


class UnprovenError(Exception):
    """CP-SAT did not prove a tiny model."""


@dataclass(frozen=True)
class Minimum:
    """The least value that a search has found with its solution, and whether it is proven to be the least."""

    value: int
    x: IntArray
    proven: bool


def lexicographic(arrays: Arrays) -> tuple[tuple[int, ...], IntArray] | None:
    """Optimum of all tiers in order and one solution that has it; None if no solution exists."""
    model, cols = _model(arrays)
    solver = _solver(arrays)
    values: list[int] = []
    x = arrays.hint
    for tier in range(len(arrays.objective)):
        goal = _goal(arrays, tier, cols)
        model.minimize(goal)
        status = solver.solve(model)
        if status == cp_model.INFEASIBLE:
            return None
        if status != cp_model.OPTIMAL:
            raise UnprovenError(solver.status_name(status))
        x = np.array([solver.value(col) for col in cols], np.int64)
        values.append(arrays.value(tier, x))
        if arrays.objective[tier].any():
            model.add(goal <= values[tier] - arrays.constant[tier])
        model.clear_objective()
    return tuple(values), x


def minimum(arrays: Arrays, tier: int, work: float) -> Minimum | None:
    """The least value of a tier by that much deterministic work; None if no solution was found."""
    model, cols = _model(arrays)
    solver = _solver(arrays)
    solver.parameters.max_deterministic_time = work
    model.minimize(_goal(arrays, tier, cols))
    status = solver.solve(model)
    if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        return None
    x = np.array([solver.value(col) for col in cols], np.int64)
    return Minimum(arrays.value(tier, x), x, status == cp_model.OPTIMAL)


def _model(arrays: Arrays) -> tuple[cp_model.CpModel, list[cp_model.IntVar]]:
    model = cp_model.CpModel()
    cols = [
        model.new_int_var(low, high, "") for low, high in zip(arrays.lower.tolist(), arrays.upper.tolist(), strict=True)
    ]
    columns, coefficients = arrays.columns.tolist(), arrays.coefficients.tolist()
    ends = arrays.indptr.tolist()
    for row, (lo, hi) in enumerate(zip(arrays.row_lo.tolist(), arrays.row_hi.tolist(), strict=True)):
        here = slice(ends[row], ends[row + 1])
        domain = cp_model.Domain(max(lo, -FREE), min(hi, FREE))
        terms = cp_model.LinearExpr.weighted_sum([cols[c] for c in columns[here]], coefficients[here])
        model.add_linear_expression_in_domain(terms, domain)
    for col, value in zip(cols, arrays.hint.tolist(), strict=True):
        model.add_hint(col, value)
    return model, cols


def _solver(arrays: Arrays) -> cp_model.CpSolver:
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.cp_model_presolve = arrays.variables > 60
    solver.parameters.symmetry_level = 0
    return solver


def _goal(arrays: Arrays, tier: int, cols: list[cp_model.IntVar]) -> cp_model.LinearExprT:
    used = np.flatnonzero(arrays.objective[tier]).tolist()
    return cp_model.LinearExpr.weighted_sum([cols[c] for c in used], arrays.objective[tier][used].tolist())
