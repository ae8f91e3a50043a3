"""ROADEF/EURO 2012 machine reassignment: instances, their cost and their constraints, as the challenge states them."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from placement.errors import InputError
from solver.items import BoolArray, IntArray

__all__ = ["Balance", "Reassignment", "cost_of", "faults_of", "known_costs", "read_reassignment"]


@dataclass(frozen=True)
class Balance:
    """Free amount of `second` should be at least `target` times that of `first` on every machine."""

    first: int
    second: int
    target: int
    weight: int


@dataclass(frozen=True, eq=False)
class Reassignment:
    """One instance with M machines, R resources, S services and P processes; all amounts in units of the challenge."""

    transient: BoolArray
    """bool[R]: also used on the machine that a process leaves."""
    load_weight: IntArray
    neighbourhood: IntArray
    """int64[M]"""
    location: IntArray
    """int64[M]"""
    capacity: IntArray
    """int64[M, R]"""
    safety: IntArray
    """int64[M, R]: load above it costs."""
    machine_move: IntArray
    """int64[M, M]: cost of moving from a machine to another."""
    least_locations: tuple[int, ...]
    """Per service."""
    needs: tuple[tuple[int, ...], ...]
    """Per service those that must have a process in the neighbourhood of each of its own."""
    service: IntArray
    """int64[P]"""
    use: IntArray
    """int64[P, R]"""
    process_move: IntArray
    """int64[P]"""
    balances: tuple[Balance, ...]
    process_weight: int
    service_weight: int
    machine_weight: int
    start: IntArray
    """int64[P]: machine of every process before."""


class _Numbers:
    """The whole numbers of a text, taken in order."""

    def __init__(self, text: str) -> None:
        self._all = np.array(text.split(), np.int64)
        self._at = 0

    def one(self) -> int:
        return int(self.many(1)[0])

    def many(self, count: int) -> IntArray:
        found = self._all[self._at : self._at + count]
        if found.size < count:
            raise ValueError("it ends too early")
        self._at += count
        return found


def read_reassignment(model: Path, start: Path) -> Reassignment:
    """Read a model and its initial assignment (.txt.gz); InputError if they are missing or malformed."""
    try:
        told, begun = (gzip.decompress(path.read_bytes()).decode() for path in (model, start))
        return _parse(_Numbers(told), np.array(begun.split(), np.int64))
    except (OSError, ValueError, IndexError) as error:
        raise InputError(model.name, f"it is no such instance: {error}", "use the files as published") from None


def _parse(numbers: _Numbers, start: IntArray) -> Reassignment:
    resources = numbers.one()
    flags = numbers.many(2 * resources).reshape(resources, 2)
    machines = numbers.one()
    rows = numbers.many(machines * (2 + 2 * resources + machines)).reshape(machines, -1)
    least, needs = [], []
    for _ in range(numbers.one()):
        least.append(numbers.one())
        needs.append(tuple(numbers.many(numbers.one()).tolist()))
    count = numbers.one()
    processes = numbers.many(count * (2 + resources)).reshape(count, -1)
    balances = tuple(Balance(*numbers.many(4).tolist()) for _ in range(numbers.one()))
    weights = numbers.many(3).tolist()
    if start.size != count:
        raise ValueError("the assignment has another number of processes")
    return Reassignment(
        transient=flags[:, 0] == 1,
        load_weight=flags[:, 1],
        neighbourhood=rows[:, 0],
        location=rows[:, 1],
        capacity=rows[:, 2 : 2 + resources],
        safety=rows[:, 2 + resources : 2 + 2 * resources],
        machine_move=rows[:, 2 + 2 * resources :],
        least_locations=tuple(least),
        needs=tuple(needs),
        service=processes[:, 0],
        use=processes[:, 1 : 1 + resources],
        process_move=processes[:, 1 + resources],
        balances=balances,
        process_weight=weights[0],
        service_weight=weights[1],
        machine_weight=weights[2],
        start=start,
    )


def known_costs(index: Path) -> dict[str, tuple[int, int]]:
    """Per instance the cost of the initial assignment, and the best known one, or a lower bound where none is known."""
    try:
        with index.open(encoding="utf-8", newline="") as stream:
            rows = list(csv.DictReader(stream))
        return {
            row["instance"]: (int(row["initial_cost"]), int(row["known_best"] or row["lower_bound"])) for row in rows
        }
    except (OSError, KeyError, ValueError) as error:
        raise InputError(index.name, f"it cannot be read: {error}", "use the file as published") from None


def cost_of(told: Reassignment, machines: Sequence[int] | IntArray) -> int:
    """Total cost: load, balance, process move, service move and machine move, each with its weight."""
    now = np.asarray(machines, np.int64)
    load = _load(told, now)
    total = int((np.maximum(load - told.safety, 0).sum(axis=0) * told.load_weight).sum())
    free = told.capacity - load
    for one in told.balances:
        missing = np.maximum(one.target * free[:, one.first] - free[:, one.second], 0)
        total += one.weight * int(missing.sum())
    moved = now != told.start
    total += told.process_weight * int(told.process_move[moved].sum())
    total += told.service_weight * int(np.bincount(told.service[moved], minlength=1).max())
    return total + told.machine_weight * int(told.machine_move[told.start, now].sum())


def faults_of(told: Reassignment, machines: Sequence[int] | IntArray) -> tuple[str, ...]:
    """What an assignment breaks: capacity (transient too), conflict, spread, dependency."""
    now = np.asarray(machines, np.int64)
    if now.shape != told.start.shape or int(now.min()) < 0 or int(now.max()) >= told.location.size:
        return ("a process is missing or on a machine that does not exist",)
    load = _load(told, now)
    moved = np.flatnonzero(now != told.start)
    for resource in np.flatnonzero(told.transient).tolist():
        np.add.at(load[:, resource], told.start[moved], told.use[moved, resource])
    over = [f"machine {m} is over its capacity of resource {r}" for m, r in np.argwhere(load > told.capacity).tolist()]
    hosts = [now[told.service == service] for service in range(len(told.needs))]
    for service, (on, least) in enumerate(zip(hosts, told.least_locations, strict=True)):
        if np.unique(on).size < on.size:
            over.append(f"service {service} has two processes on one machine")
        if np.unique(told.location[on]).size < least:
            over.append(f"service {service} is in fewer than {least} locations")
        over += [
            f"service {service} lacks service {needed} in a neighbourhood"
            for needed in told.needs[service]
            if not np.isin(told.neighbourhood[on], told.neighbourhood[hosts[needed]]).all()
        ]
    return tuple(over)


def _load(told: Reassignment, now: IntArray) -> IntArray:
    load = np.zeros_like(told.capacity)
    np.add.at(load, now, told.use)
    return load
