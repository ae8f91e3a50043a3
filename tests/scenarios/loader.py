"""Scenario files: small TOML tables that become a real case and what is expected of its decision.

Hosts are host lists: "r[1-8]n[01-18]" is 144 names; in the path of nodes "$1" stands for the first bracket's number.
Amounts are per node or per replica: `gpus`, `cpu` (cores), `price` (USD per GPU-hour). What a table does not name has
the default of the model; what the model does not know is refused.

    [fleet]            levels = [...] coarse to fine; [[fleet.nodes]] hosts, path, gpus, cpu, price, health, labels
    [[running]]        id, on = hosts (one replica each), gpus or cpu; replicas = wanted, where that is more; further
                       fields of a workload; movable, evictable,
                       start_s, last_checkpoint_s, expected_end_s, restart (USD); ids = a host list instead of id:
                       so many workloads with as many replicas each, in the order of the hosts; times = n: every host
                       counts n times in a row
    [[workload]]       id (or ids = host list), replicas, gpus, cpu, segment, ... of its only role, or roles, or
                       subgroups; within = level; further fields of a workload
    [[groups]]         name, level
    [[tenants]]        name, weight, parent, disruption_budget; quota, guaranteed, borrowing_limit, lending_limit (GPUs)
    now_s = seconds    [rules.<name>] parameters that differ from the default policy; a rule that it does not list
                       is an objective among those of money
    [[wrong]]          places = {workload = hosts}, breaks = rule: an answer that the verifier must refuse
    [expect]           placed = ids; unplaced.<id> = {verdict, rule, says, rivals}; subgroups.<id> = names;
                       domains."<id>+<id>".<level> = replicas per domain, largest first;
                       seats."<id>/<role>" = {host = n}; both also for running work, where it is in the end;
                       moves, shrinks, growths = {id = replicas}, evictions = ids (or, where ties leave open whom, how
                       many in all): all that happens to running work, the rest stays; next_moves = replicas that move
                       when it is decided again, where a budget ended the first round
"""

import json
import re
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

from placement.model import (
    Budget,
    Case,
    Device,
    PlacedReplica,
    Placement,
    Verdict,
    Workload,
    default_policy,
)

__all__ = ["Expect", "Refused", "Scenario", "Wrong", "hosts", "read_scenario"]

WORK = 20_000
"""Deterministic milli-units a scenario may use; all of them end far earlier, because they are proved."""
ROLE_KEYS = ("replicas", "min_replicas", "gpus", "gpu_milli", "gpu_models", "cpu", "segment", "spread")
RUNNING_KEYS = ("movable", "evictable", "start_s", "last_checkpoint_s", "expected_end_s")
MICRO = 1_000_000
MONEY = 3
"""Tier of the default policy that is counted in money."""
Table = dict[str, Any]


@dataclass(frozen=True)
class Refused:
    """What is expected of a workload that is not placed; `says` are parts of its reason."""

    verdict: Verdict
    rule: str | None = None
    says: tuple[str, ...] = ()
    rivals: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Wrong:
    """Placements that break a rule."""

    placements: tuple[Placement, ...]
    breaks: str


@dataclass(frozen=True)
class Expect:
    """What is expected of the decision."""

    placed: frozenset[str]
    unplaced: dict[str, Refused] = field(default_factory=dict)
    domains: dict[str, dict[str, list[int]]] = field(default_factory=dict)
    subgroups: dict[str, list[str]] = field(default_factory=dict)
    seats: dict[str, dict[str, int]] = field(default_factory=dict)
    moves: dict[str, int] | int = 0
    shrinks: dict[str, int] | int = 0
    growths: dict[str, int] | int = 0
    evictions: frozenset[str] | int = 0
    next_moves: int = 0


@dataclass(frozen=True)
class Scenario:
    """One file."""

    case: Case
    expect: Expect
    wrong: tuple[Wrong, ...]


def hosts(text: str) -> list[tuple[str, tuple[str, ...]]]:
    """Names of a host list, each with the numbers that stand in its brackets; lists are separated by commas."""
    found = []
    for piece in text.replace(" ", "").split(","):
        fixed = re.split(r"\[\d+-\d+\]", piece)
        spans = []
        for low, high in re.findall(r"\[(\d+)-(\d+)\]", piece):
            spans.append([f"{n:0{len(low)}d}" for n in range(int(low), int(high) + 1)])
        for numbers in product(*spans):
            name = fixed[0] + "".join(n + tail for n, tail in zip(numbers, fixed[1:], strict=True))
            found.append((name, numbers))
    return found


def read_scenario(path: Path) -> Scenario:
    """Read a scenario file; unknown keys are errors."""
    table = tomllib.loads(path.read_text(encoding="utf-8"))
    seats = _Seats()
    nodes = [node for row in table["fleet"].pop("nodes") for node in _nodes(row, seats)]
    levels = [{"name": name, "latency_us": 5, "bandwidth_gbps": 400} for name in table["fleet"].pop("levels")]
    fleet = {"name": path.stem, "levels": levels, "nodes": nodes} | table.pop("fleet")
    running = [one for row in table.pop("running", []) for one in _running(row, seats)]
    workloads = [one for row in table.pop("workload", []) for one in _workloads(row)]
    document = {
        "schema_version": 1,
        "fleet": fleet,
        "running": running,
        "workloads": workloads,
        "groups": table.pop("groups", []),
        "tenants": [_tenant(row) for row in table.pop("tenants", [])],
        "policy": _policy(table.pop("rules", {})),
        "now_s": table.pop("now_s", 0),
        "budget": {"work": WORK},
    }
    case = Case.from_json(json.dumps(document))
    assert case.budget == Budget(work=WORK)
    wrong = tuple(_wrong(row, case, seats) for row in table.pop("wrong", []))
    expect = _expect(table.pop("expect"))
    assert not table, f"{path.name}: unknown tables {sorted(table)}"
    return Scenario(case, expect, wrong)


@dataclass
class _Seats:
    """Which devices of each host are taken."""

    taken: Counter[str] = field(default_factory=Counter)
    gpus: dict[str, int] = field(default_factory=dict)

    def take(self, host: str, count: int) -> list[int]:
        """The lowest free devices."""
        first = self.taken[host]
        assert first + count <= self.gpus[host], f"{host} has no {count} free GPUs"
        self.taken[host] += count
        return list(range(first, first + count))


def _nodes(row: Table, seats: _Seats) -> Iterator[Table]:
    row = dict(row)
    path, gpus = row.pop("path", {}), row.pop("gpus", 0)
    shared = {
        "gpu_count": gpus,
        "gpu_model": row.pop("model", "H100") if gpus else None,
        "gpu_memory_mib": 80_000 if gpus else 0,
        "cpu_milli": 1000 * row.pop("cpu", 128),
        "memory_mib": 1_000_000,
        "nics": 8,
        "price_micro_usd_h": round(MICRO * row.pop("price", 0)),
    }
    for name, numbers in hosts(row.pop("hosts")):
        labels: dict[str, str] = dict(path)
        for at, number in enumerate(numbers, 1):
            labels = {level: label.replace(f"${at}", number) for level, label in labels.items()}
        seats.gpus[name] = gpus
        yield {"id": name, "path": labels} | shared | row


def _role(given: Table) -> Table:
    row: Table = {"name": "main"} | given
    if "cpu" in row:
        row["cpu_milli"] = round(1000 * row.pop("cpu"))
    if "within" in row:
        row["proximity"] = {"level": row.pop("within")}
    return row


def _workload(row: Table) -> Table:
    row = dict(row)
    own = {key: row.pop(key) for key in ROLE_KEYS if key in row}
    if "within" in row:
        row["proximity"] = {"level": row.pop("within")}
    subgroups = row.pop("subgroups", None) or [{"name": "main", "roles": row.pop("roles", [own])}]
    built = []
    for subgroup in subgroups:
        roles = subgroup.pop("roles", None) or [{k: subgroup.pop(k) for k in ROLE_KEYS if k in subgroup}]
        built.append(_role(subgroup) | {"roles": [_role(role) for role in roles]})
    return row | {"subgroups": built}


def _workloads(row: Table) -> Iterator[Table]:
    row = dict(row)
    names = [name for name, _ in hosts(row.pop("ids"))] if "ids" in row else [row.pop("id")]
    for name in names:
        yield {"id": name} | _workload({key: _copy(value) for key, value in row.items()})


def _copy(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _copy(one) for key, one in value.items()}
    return [_copy(one) for one in value] if isinstance(value, list) else value


def _running(row: Table, seats: _Seats) -> Iterator[Table]:
    row = dict(row)
    times = row.pop("times", 1)
    on = [name for name, _ in hosts(row.pop("on")) for _ in range(times)]
    ids = [name for name, _ in hosts(row.pop("ids"))] if "ids" in row else [row.pop("id")]
    state: Table = {key: row.pop(key) for key in RUNNING_KEYS if key in row}
    if "restart" in row:
        state["restart_cost_micro_usd"] = round(MICRO * row.pop("restart"))
    each, rest = divmod(len(on), len(ids))
    assert not rest, f"{len(on)} hosts for {len(ids)} workloads"
    for at, name in enumerate(ids):
        replicas = [
            {
                "subgroup": "main",
                "role": "main",
                "node": host,
                "devices": [{"index": i} for i in seats.take(host, row.get("gpus", 0))],
            }
            for host in on[at * each : (at + 1) * each]
        ]
        workload = {"id": name} | _workload({"replicas": each} | {key: _copy(value) for key, value in row.items()})
        yield {"workload": workload, "replicas": replicas} | state


def _tenant(row: Table) -> Table:
    row = dict(row)
    for name in ("quota", "guaranteed", "borrowing_limit", "lending_limit"):
        if name in row:
            row[f"{name}_gpu_milli"] = 1000 * row.pop(name)
    return row


def _policy(changes: Table) -> Table:
    """The default policy with other parameters, and with objectives that it does not list."""
    policy: Table = default_policy().model_dump(mode="json")
    for name, params in changes.items():
        found = [rule for rule in policy["rules"] if rule["name"] == name]
        if not found:
            found = [{"name": name, "mode": "prefer", "tier": MONEY, "params": {}}]
            policy["rules"] += found
        found[0]["params"] |= params
    return policy


def _wrong(row: Table, case: Case, seats: _Seats) -> Wrong:
    """One replica of the workload's only role per host, on the lowest free devices."""
    known = {workload.id: workload for workload in case.workloads}
    used = _Seats(Counter(seats.taken), seats.gpus)
    placements = tuple(_placement(known[name], text, used) for name, text in sorted(row["places"].items()))
    return Wrong(placements, row["breaks"])


def _placement(workload: Workload, text: str, seats: _Seats) -> Placement:
    (subgroup,) = workload.subgroups
    (role,) = subgroup.roles
    replicas = tuple(
        PlacedReplica(
            subgroup=subgroup.name,
            role=role.name,
            node=host,
            devices=tuple(Device(index=index) for index in seats.take(host, role.gpus)),
        )
        for host, _ in hosts(text)
    )
    return Placement(workload=workload.id, replicas=replicas)


def _expect(row: Table) -> Expect:
    unplaced = {name: _refused(dict(value)) for name, value in row.pop("unplaced", {}).items()}
    placed = frozenset(_names(row.pop("placed")))
    evictions = row.pop("evictions", 0)
    expect = Expect(
        placed,
        unplaced,
        row.pop("domains", {}),
        row.pop("subgroups", {}),
        row.pop("seats", {}),
        row.pop("moves", 0),
        row.pop("shrinks", 0),
        row.pop("growths", 0),
        evictions if isinstance(evictions, int) else frozenset(_names(evictions)),
        row.pop("next_moves", 0),
    )
    assert not row, f"unknown expectations {sorted(row)}"
    return expect


def _refused(row: Table) -> Refused:
    rivals = row.pop("rivals", None)
    verdict, rule, says = Verdict(row.pop("verdict")), row.pop("rule", None), tuple(row.pop("says", ()))
    assert not row, f"unknown expectations {sorted(row)}"
    return Refused(verdict, rule, says, None if rivals is None else tuple(_names(rivals)))


def _names(texts: Iterable[str]) -> list[str]:
    return [name for text in texts for name, _ in hosts(text)]
