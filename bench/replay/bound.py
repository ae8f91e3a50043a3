"""An upper bound on the GPU milli that any method can have in use, as a linear program over classes.

Nodes of equal shape (CPU, memory, GPUs, model) and pods of equal demand are counted, not told apart:

    maximise    sum milli_c x_sc
    subject to  sum_s x_sc <= pods of class c that have arrived
                sum_c demand_c x_sc <= N_s supply_s          CPU, memory, GPU milli
                sum_c devices_c f(milli_c) x_sc <= N_s GPUs_s     for every cut f
                sum_c floor(whole devices_c / k) x_sc <= N_s floor(GPUs_s / k)   for every number k that is asked for
                x_sc <= N_s (what one node of the shape holds of the class alone)

A cut is a dual feasible function: f(a) + f(b) + ... <= 1 whenever a + b + ... <= 1000, so what shares one device adds
up to at most 1. Families after Fekete and Schepers, "New classes of fast lower bounds for bin packing problems",
Mathematical Programming 91 (2001), with every size of the list as a threshold. Pods without GPUs are dropped and any
pod may be: the bound is on what hindsight with refusals could reach, and no method needs to come near it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import partial

from ortools.linear_solver import pywraplp

from bench.baselines.state import WHOLE, Demand
from bench.replay.sequence import Sequence
from bench.replay.simulate import marks_of

__all__ = ["cuts", "upper_bound"]

_STAIRS = 12
"""Staircases with up to so many steps."""


def upper_bound(sequence: Sequence, percent: int) -> float:
    """GPU milli in use at a load, in percent of the fleet, that no plan exceeds (to the tolerance of the LP solver).

    ValueError if the sequence does not reach the load, RuntimeError if the LP solver fails.
    """
    arrived = marks_of(sequence, (percent,)).get(percent)
    if arrived is None:
        raise ValueError(f"the sequence does not reach {percent} %")
    classes = Counter(sequence.demand(pod) for pod in sequence.pods[:arrived] if pod.num_gpu)
    codes = sequence.codes
    shapes = Counter(
        (node.cpu_milli, node.memory_mib, node.gpu_count, codes.get(node.gpu_model or "", -1))
        for node in sequence.nodes
    )
    solver = pywraplp.Solver.CreateSolver("GLOP")
    functions = list(cuts(sorted({demand.milli for demand in classes if demand.milli < WHOLE})))
    asked = sorted({demand.devices for demand in classes})
    of_class = {demand: solver.Constraint(0, count) for demand, count in classes.items()}
    objective = solver.Objective()
    objective.SetMaximization()
    for (cpu, memory, gpus, model), nodes in shapes.items():
        rows: list[tuple[pywraplp.Constraint, Callable[[Demand], float]]] = [
            (solver.Constraint(0, nodes * cpu), lambda one: one.cpu),
            (solver.Constraint(0, nodes * memory), lambda one: one.memory),
            (solver.Constraint(0, nodes * gpus * WHOLE), lambda one: one.total_milli),
        ]
        for table in functions:
            limit = solver.Constraint(0, nodes * gpus)
            rows.append((limit, lambda one, table=table: one.devices * table[one.milli]))  # type: ignore[misc]
        for size in asked:
            limit = solver.Constraint(0, nodes * (gpus // size))
            rows.append((limit, lambda one, size=size: one.way // size))  # type: ignore[misc]
        for demand, count in classes.items():
            if demand.models and model not in demand.models:
                continue
            alone = _alone(demand, cpu, memory, gpus)
            if not alone:
                continue
            variable = solver.NumVar(0, min(count, nodes * alone), "")
            objective.SetCoefficient(variable, demand.total_milli)
            of_class[demand].SetCoefficient(variable, 1)
            for limit, load in rows:
                weight = load(demand)
                if weight:
                    limit.SetCoefficient(variable, float(weight))
    if solver.Solve() != pywraplp.Solver.OPTIMAL:
        raise RuntimeError("the LP solver did not finish")
    return float(100 * objective.Value() / sequence.capacity_milli)


def cuts(sizes: list[int]) -> Iterator[dict[int, float]]:
    """Dual feasible functions as tables: milli of a share (or 1000) -> value from 0 to 1; each table once."""
    seen = set()
    for function in _functions(sizes):
        table = tuple(float(function(Fraction(size, WHOLE))) for size in (*sizes, WHOLE))
        if table not in seen:
            seen.add(table)
            yield dict(zip((*sizes, WHOLE), table, strict=True))


def _functions(sizes: list[int]) -> Iterator[Callable[[Fraction], Fraction]]:
    """Staircases; thresholds that round large shares up; the same with small ones as equal parts."""
    for steps in range(1, _STAIRS + 1):
        yield partial(_stairs, steps)
    for size in sizes:
        for e in (Fraction(size, WHOLE), Fraction(WHOLE - size, WHOLE)):
            for least in (e, e + Fraction(1, WHOLE)):
                if 0 < least <= Fraction(1, 2):
                    yield partial(_large, least)
                    yield partial(_parts, least)


def _stairs(steps: int, x: Fraction) -> Fraction:
    height = (steps + 1) * x
    return x if height == int(height) else Fraction(int(height), steps)


def _large(least: Fraction, x: Fraction) -> Fraction:
    return x if least <= x <= 1 - least else Fraction(int(x > 1 - least))


def _parts(least: Fraction, x: Fraction) -> Fraction:
    most = int(1 / least)
    if x > Fraction(1, 2):
        return 1 - Fraction(int((1 - x) / least), most)
    return Fraction(int(x >= least), most)


def _alone(demand: Demand, cpu: int, memory: int, gpus: int) -> int:
    """How many replicas of one class an idle node holds."""
    by_gpu = gpus // demand.devices if demand.milli == WHOLE else gpus * (WHOLE // demand.milli)
    limits = [by_gpu]
    if demand.cpu:
        limits.append(cpu // demand.cpu)
    if demand.memory:
        limits.append(memory // demand.memory)
    return min(limits)
