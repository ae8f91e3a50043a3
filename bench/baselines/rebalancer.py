"""Meta Rebalancer 1.0 on fleet-j: the real package, in an interpreter of its own.

`MOORAGE_REBALANCER_PYTHON` names the interpreter (3.12 or later, `pip install rebalancer==1.0.4`); else the first of
`python3.12`, `python3.13`, `python3.14` that can import it. Without one the method is skipped.

Model: an object for every node that a gang wants, a container for every free node and one for what is left out, where
everything starts (or greedy's answer is the start). One object per node is a constraint; the terms of J are goals in
one priority class, each at its price. That gangs are placed whole is not a constraint: GroupCount MULTIPLE was tried,
and large gangs then never came in (256 nodes, cold: 64,520 against 1,371 without). A gang that ends up in part is left
out whole by us. Local search with moves of whole gangs to racks and blocks, single moves and swaps, in that order.

Its limits are whole seconds: a limit below two is run as one. What it reports of its objective is not used.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from functools import cached_property
from pathlib import Path

import numpy as np

from bench.fleet_j import FleetJ, GangMethod, Gangs
from bench.method import Answer
from bench.own import Adapter
from solver.greedy import greedy

__all__ = ["ENVIRONMENT", "Rebalancer"]

ENVIRONMENT = "MOORAGE_REBALANCER_PYTHON"
_NAMES = ("python3.12", "python3.13", "python3.14")
_DRIVER = Path(__file__).with_name("rebalancer_driver.py")
_ASK_S = 30
_PATIENCE_S = 120
"""Seconds beyond the limit after which a run is ended by force."""


class Rebalancer(GangMethod):
    """Rebalancer, cold or from our greedy's answer."""

    def __init__(self, start: Adapter[FleetJ, Gangs] | None = None) -> None:
        """`start` makes the problem that greedy answers first; None: a cold start."""
        self.name = "rebalancer" if start is None else "rebalancer-from-greedy"
        self._start = start

    def missing(self) -> str | None:
        """Whether an interpreter with the package is there."""
        if self._python is None:
            return f"no Python 3.12 or later with the package rebalancer; install it and set {ENVIRONMENT}"
        return None

    @cached_property
    def _python(self) -> str | None:
        named = os.environ.get(ENVIRONMENT)
        for name in (named,) if named else _NAMES:
            path = shutil.which(name)
            if path is not None and _imports(path):
                return path
        return None

    def answer(self, subject: FleetJ, *, time_limit_s: float, seed: int) -> Answer[Gangs]:
        """Run the driver; RuntimeError with its last line if it fails."""
        if self._python is None:
            raise RuntimeError(self.missing())
        began = time.perf_counter()
        start: Gangs = (None,) * len(subject.sizes)
        if self._start is not None:
            problem, _ = self._start.lower(subject)
            start = self._start.lift(subject, greedy(problem)[0])
        left = time_limit_s - (time.perf_counter() - began)
        done = subprocess.run(
            # -P: this folder has a module of the same name as the package.
            [self._python, "-P", str(_DRIVER)],
            input=json.dumps(_told(subject, start, left, seed)),
            capture_output=True,
            text=True,
            timeout=time_limit_s + _PATIENCE_S,
            check=False,
            env={"PATH": os.defpath},
        )
        if done.returncode:
            raise RuntimeError((done.stderr.strip().splitlines() or ["it ended without a word"])[-1])
        told = json.loads(done.stdout)
        gangs, partial = [], 0
        for nodes in told["gangs"]:
            whole = all(node is not None for node in nodes)
            partial += not whole and any(node is not None for node in nodes)
            gangs.append(tuple(int(node) for node in nodes) if whole else None)
        timings = {"build_ms": told["build_ms"], "search_ms": told["search_ms"]}
        return Answer(tuple(gangs), timings_ms=timings, note=f"{partial} gangs came in part and were left out")


def _imports(python: str) -> bool:
    code = "import sys, rebalancer; sys.exit(sys.version_info < (3, 12))"
    try:
        done = subprocess.run([python, "-c", code], capture_output=True, timeout=_ASK_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def _told(fleet: FleetJ, start: Gangs, seconds: float, seed: int) -> dict[str, object]:
    """What the driver reads."""
    nodes = np.flatnonzero(fleet.free)
    return {
        "nodes": nodes.tolist(),
        "rack": fleet.rack[nodes].tolist(),
        "block": fleet.block[nodes].tolist(),
        "node_cost": fleet.rack_node_cost[fleet.rack[nodes]].tolist(),
        "block_target": fleet.block_target.tolist(),
        "sizes": fleet.sizes,
        "min_racks": fleet.min_racks,
        "min_blocks": fleet.min_blocks,
        "prices": {
            "unplaced_node": fleet.per_unplaced_node,
            "extra_rack": fleet.per_extra_rack,
            "extra_block": fleet.per_extra_block,
            "node_above_target": fleet.per_node_above_target,
        },
        "start": [None if gang is None else [int(node) for node in gang] for gang in start],
        "seconds": seconds,
        "seed": seed,
    }
