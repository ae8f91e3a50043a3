"""Runs inside the interpreter that has the package `rebalancer`: a fleet-j instance on stdin, an answer on stdout.

It imports nothing of this project. Input and output are one JSON object each; see `bench.baselines.rebalancer`.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from typing import Any

__all__ = ["main"]

# The binding takes enums as their numbers: 0 is none of them.
_ABSOLUTE = 1
_OUT = "out"
"""The container of work that is not placed."""


def main() -> None:
    """Model, solve, tell which node each object is on, and how long both took."""
    told = json.load(sys.stdin)
    # The library logs to stdout: keep the real one for the answer.
    answer = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    began = time.monotonic()
    solver, size_of = _model(told)
    built = time.monotonic()
    # It knows whole seconds only; building counts, as it does for everybody.
    seconds = max(1, int(told["seconds"] - (built - began)))
    solver.add_solver({"localSearchSolverSpec": _search(seconds, told["seed"])})
    solution = solver.solve()
    done = time.monotonic()
    where = {name: box for name, box in solution["assignment"].items() if box != _OUT}
    gangs = [[where.get(f"{gang}.{row}") for row in range(size)] if size else [] for gang, size in enumerate(size_of)]
    json.dump({"gangs": gangs, "build_ms": (built - began) * 1e3, "search_ms": (done - built) * 1e3}, answer)
    answer.flush()


def _search(seconds: int, seed: int) -> dict[str, Any]:
    """Local search: whole gangs to domains first, then single replicas and swaps."""
    moves: list[dict[str, Any]] = [
        {"greedyGroupToScopeItemMoveTypeSpec": {"scopeItemMovesScope": scope, "groupMovesPartition": "gang"}}
        for scope in ("rack", "block")
    ]
    moves += [{"singleMoveTypeSpec": {}}, {"swapMoveTypeSpec": {}}]
    return {"solveTime": seconds, "randomSeed": seed, "moveTypeList": moves}


def _model(told: dict[str, Any]) -> tuple[Any, list[int]]:
    """Objects are the nodes that gangs want, containers the free nodes and one for what is left out."""
    nodes, rack, block = told["nodes"], told["rack"], told["block"]
    sizes: list[int] = told["sizes"]
    groups = {str(gang): [f"{gang}.{row}" for row in range(size)] for gang, size in enumerate(sizes)}
    start: dict[str, list[str]] = {name: [] for name in (*map(str, nodes), _OUT)}
    for gang, placed in enumerate(told["start"]):
        for row, name in enumerate(groups[str(gang)]):
            start[_OUT if placed is None else str(placed[row])].append(name)
    solver = importlib.import_module("rebalancer").ProblemSolver(service_name="bench", service_scope="fleet-j")
    solver.set_log_level("ERROR")
    solver.set_object_name("replica")
    solver.set_container_name("node")
    solver.set_assignment(start)
    solver.add_partition("gang", groups)
    for name, label in (("rack", rack), ("block", block)):
        solver.add_scope(name, {str(node): str(label[at]) for at, node in enumerate(nodes)} | {_OUT: _OUT})
    _one_per_node(solver, sum(sizes))
    _goals(solver, told)
    return solver, sizes


def _one_per_node(solver: Any, replicas: int) -> None:
    room = {"type": _ABSOLUTE, "globalLimit": 1, "scopeItemLimits": {_OUT: float(replicas)}}
    solver.add_constraint(
        {"capacitySpec": {"name": "one per node", "scope": "node", "dimension": "replica_count", "limit": room}}
    )


def _goals(solver: Any, told: dict[str, Any]) -> None:
    """The terms of J in one priority class, each at its price."""
    prices = told["prices"]
    solver.add_goal({"toFreeSpec": {"name": "unplaced", "containers": [_OUT]}}, weight=float(prices["unplaced_node"]))
    for scope, least in (("rack", told["min_racks"]), ("block", told["min_blocks"])):
        limits = {"type": _ABSOLUTE, "globalLimit": 1, "groupLimits": {str(g): float(n) for g, n in enumerate(least)}}
        spec = {"name": f"extra {scope}", "scope": scope, "partitionName": "gang", "limits": limits}
        solver.add_goal({"colocateGroupsSpec": spec}, weight=float(prices[f"extra_{scope}"]))
    by_cost: dict[int, list[str]] = {}
    for at, node in enumerate(told["nodes"]):
        by_cost.setdefault(told["node_cost"][at], []).append(str(node))
    for cost, containers in sorted(by_cost.items()):
        if cost:
            solver.add_goal({"toFreeSpec": {"name": f"nodes at {cost}", "containers": containers}}, weight=float(cost))
    targets = {str(b): float(target) for b, target in enumerate(told["block_target"])}
    limit = {"type": _ABSOLUTE, "globalLimit": 1, "scopeItemLimits": targets | {_OUT: float(sum(told["sizes"]))}}
    spec = {"name": "block target", "scope": "block", "dimension": "replica_count", "limit": limit}
    solver.add_goal({"capacitySpec": spec}, weight=float(prices["node_above_target"]))


if __name__ == "__main__":
    main()
