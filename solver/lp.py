"""The LP relaxation of a model, solved in floats only to obtain multipliers (see `solver.certificate`)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from ortools.linear_solver.python import model_builder_helper as mbh

from solver.certificate import Certificate, evaluate, round_multipliers, with_limits
from solver.model import FREE, Arrays

__all__ = ["lp_bound"]

Floats = npt.NDArray[np.float64]


def _duals(arrays: Arrays, tier: int, seconds: float | None) -> Floats | None:
    helper = mbh.ModelBuilderHelper()
    for low, high, cost in zip(
        arrays.lower.tolist(), arrays.upper.tolist(), arrays.objective[tier].tolist(), strict=True
    ):
        index = helper.add_var()
        helper.set_var_lower_bound(index, low)
        helper.set_var_upper_bound(index, high)
        if cost:
            helper.set_var_objective_coefficient(index, cost)
    ends = arrays.indptr.tolist()
    columns, coefficients = arrays.columns.tolist(), arrays.coefficients.astype(np.float64).tolist()
    for row, (low, high) in enumerate(zip(arrays.row_lo.tolist(), arrays.row_hi.tolist(), strict=True)):
        index = helper.add_linear_constraint()
        helper.set_constraint_lower_bound(index, -np.inf if low <= -FREE else float(low))
        helper.set_constraint_upper_bound(index, np.inf if high >= FREE else float(high))
        for at in range(ends[row], ends[row + 1]):
            helper.add_term_to_constraint(index, columns[at], coefficients[at])
    solver = mbh.ModelSolverHelper("GLOP")
    if seconds is not None:
        solver.set_time_limit_in_seconds(seconds)
    solver.solve(helper)
    if not solver.has_solution():
        return None
    duals: Floats = np.asarray(solver.dual_values(), dtype=np.float64)
    return duals


def lp_bound(
    arrays: Arrays, tier: int, limits: tuple[int, ...], model: str, seconds: float | None
) -> tuple[int, Certificate] | None:
    """A bound on a tier under limits on the earlier ones, with its certificate; None if the LP did not end in time."""
    limited = with_limits(arrays, limits)
    duals = _duals(limited, tier, seconds)
    if duals is None:
        return None
    scale, y = round_multipliers(limited, tier, duals)
    value = evaluate(limited, tier, scale, y)
    if value is None:
        return None
    rows = np.flatnonzero(y)
    return value, Certificate(tier, model, limits, scale, tuple(rows.tolist()), tuple(y[rows].tolist()))
