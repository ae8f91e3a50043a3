"""The bottom rung of the ladder of time limits: below it no decision is begun."""

from __future__ import annotations

import math

from placement.errors import DeadlineExceeded, InputError
from placement.snapshot import Snapshot

__all__ = ["least_ms", "refuse_hurry"]

_NODE_US, _RUNNING_US, _WAITING_US = 20, 15, 100
"""Microseconds for each node, running workload and waiting workload: lowering, judging and lifting grow with them."""


def least_ms(snapshot: Snapshot) -> int:
    """The shortest time limit of a case, milliseconds: a prepared case is lowered, judged and answered in it.

    About half as much again as an answer without any placement takes on a core of a server of 2023 (suite `late` of the
    bench): there is time for a part of a greedy plan, and the answer is in time. Greedy goes through all items in two
    to three times as long.
    """
    case = snapshot.case
    spent_us = _NODE_US * len(snapshot.fabric.nodes) + _RUNNING_US * len(case.running)
    return math.ceil((spent_us + _WAITING_US * len(case.workloads)) / 1000)


def refuse_hurry(snapshot: Snapshot, asked_ms: int, field: str, *, left_ms: int | None = None) -> None:
    """Refuse a solve time below the least one: InputError about `field` if asked for, DeadlineExceeded if only left."""
    case, least = snapshot.case, least_ms(snapshot)
    nodes, running, waiting = len(snapshot.fabric.nodes), len(case.running), len(case.workloads)
    size = f"{nodes} nodes, {running} running and {waiting} waiting workloads"
    if asked_ms < least:
        raise InputError(field, f"{asked_ms} ms is too short for {size}", f"allow at least {least} ms to decide them")
    if left_ms is not None and left_ms < least:
        raise DeadlineExceeded(f"the deadline leaves {left_ms} ms, deciding {size} takes {least}; allow more time")
