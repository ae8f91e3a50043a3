"""Cases from the openb trace: a fleet filled by best-fit in arrival order, the next arrivals pending."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from placement.errors import InputError
from placement.model import (
    Budget,
    Case,
    Device,
    Kind,
    Policy,
    Replica,
    Role,
    Running,
    Subgroup,
    Workload,
    default_policy,
)
from placement.model.document import input_error, read_bytes
from topology.errors import TopologyError
from topology.model import Fleet
from topology.sources.openb import RANK_LABEL, read_openb_nodes

__all__ = ["MAIN", "OpenbCase", "Pod", "expecting", "openb_case", "openb_workload", "read_openb_pods"]

MAIN = "main"
"""Name of the only subgroup and the only role of an openb workload."""
TENANT = "openb"
_LEFT_VALUE = "left_value"


class Pod(NamedTuple):
    """One line of a pod file. `gpu_milli` is per device; `gpu_models` as listed, empty = any."""

    name: str
    cpu_milli: int
    memory_mib: int
    num_gpu: int
    gpu_milli: int
    gpu_models: tuple[str, ...]
    qos: str


@dataclass(frozen=True)
class OpenbCase:
    """The case, and what its reader should know: pods that fitted nowhere, pods that ran out."""

    case: Case
    skipped: int
    notes: tuple[str, ...]


def openb_case(
    nodes: str | Path,
    pods: str | Path,
    *,
    fill: float,
    pending: int,
    seed: int = 0,
    budget: Budget | None = None,
    mix: str | Path | None = None,
) -> OpenbCase:
    """Fill the GPU nodes by best-fit until the share `fill` of their GPU milli is used; the next pods wait.

    Pods come in file order (seed 0) or shuffled by a numpy generator of that seed. Best-fit: of the nodes
    that fit, the highest int(100 x (1 - ((free cpu - cpu)/128000 + (free milli - milli)/8000)/2)), ties to
    the smallest rank (file order); a share goes to the fullest device that fits, whole devices to the lowest
    indices. Where the list never reaches the fill, its last `pending` pods are pending and the others fill.
    `mix` is a pod list whose mix the policy expects (see `expecting`). InputError names the file and the line, or the
    argument.
    """
    if not 0 <= fill <= 1:
        raise InputError("fill", f"{fill} is no share", "use a number from 0 to 1")
    if pending < 0 or seed < 0:
        raise InputError("pending" if pending < 0 else "seed", "it is negative", "use zero or more")
    try:
        fleet = read_openb_nodes(nodes)
    except TopologyError as error:
        raise InputError(f"{nodes}: {error.field}", error.problem, error.mend) from None
    stream = read_openb_pods(pods)
    policy = default_policy() if mix is None else expecting(default_policy(), read_openb_pods(mix))
    if seed:
        stream = [stream[row] for row in np.random.default_rng(seed).permutation(len(stream))]
    try:
        workloads = [openb_workload(pod) for pod in stream]
        state = _State(fleet)
        reached, taken, placed = _fill(state, stream, workloads, fill)
        if not reached:
            # A case without pending work would decide nothing: keep the last pods, fill with those before.
            taken = max(0, len(stream) - pending)
        running = [work for row, work in placed if row < taken]
        case = Case(
            fleet=fleet,
            workloads=tuple(workloads[taken : taken + pending]),
            running=tuple(running),
            policy=policy,
            budget=budget or Budget(wall_ms=2000),
            seed=seed,
        )
    except ValidationError as error:
        raise input_error(error, "case") from None
    notes: list[str] = []
    skipped = taken - len(running)
    if skipped:
        notes.append(f"{skipped} pods fitted nowhere while filling and were left out")
    if not reached:
        used = sum(device.milli for work in running for device in work.replicas[0].devices)
        notes.append(f"the fill is {used / max(1, state.total_milli):.4f}: best-fit does not reach {fill} on this list")
    if len(case.workloads) < pending:
        notes.append(f"only {len(case.workloads)} pods remained for {pending} pending")
    return OpenbCase(case, skipped, tuple(notes))


def read_openb_pods(path: str | Path) -> list[Pod]:
    """Read a raw list (column `name`) or a replay sequence (column `pod`), plain or .gz, in file order.

    InputError names the file and the line.
    """
    try:
        text = read_bytes(path).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(str(path), "the file is not UTF-8 text", "save it as UTF-8") from None
    rows = csv.DictReader(io.StringIO(text))
    header = set(rows.fieldnames or ())
    key = "pod" if "pod" in header else "name"
    needed = {key, "cpu_milli", "memory_mib", "num_gpu", "gpu_milli", "gpu_spec"}
    if not needed <= header:
        missing = ", ".join(sorted(needed - header))
        raise InputError(f"{path} line 1", f"there is no column {missing}", "give an openb pod list")
    pods: list[Pod] = []
    for row in rows:
        where = f"{path} line {rows.line_num}"
        if None in row or any(value is None for value in row.values()):
            raise InputError(where, "it has more or fewer cells than the header", "mend the line")
        columns = ("cpu_milli", "memory_mib", "num_gpu", "gpu_milli")
        numbers = [_integer(row, column, where) for column in columns]
        cpu_milli, memory_mib, num_gpu, gpu_milli = numbers
        if num_gpu == 1 and not 1 <= gpu_milli <= 1000:
            raise InputError(f"{where}, gpu_milli", f"{gpu_milli} is no share of a device", "use 1 to 1000")
        models = tuple(model for model in row["gpu_spec"].split("|") if model)
        gpu_milli = 0 if num_gpu == 0 else gpu_milli if num_gpu == 1 else 1000
        pods.append(Pod(row[key], cpu_milli, memory_mib, num_gpu, gpu_milli, models, row.get("qos", "")))
    return pods


def _integer(row: dict[str, str], column: str, where: str) -> int:
    """A cell of decimal digits."""
    cell = row[column]
    if not (cell.isascii() and cell.isdigit() and len(cell) <= 15):
        raise InputError(f"{where}, {column}", f"{cell[:40]!r} is no whole number", "give decimal digits")
    return int(cell)


def openb_workload(pod: Pod) -> Workload:
    """A pod as a workload of one replica; the kind is a guess from the service class or the size."""
    if pod.num_gpu == 0:
        kind = Kind.CPU
    elif pod.qos:
        kind = Kind.INFERENCE if pod.qos == "LS" else Kind.BATCH_INFERENCE
    else:
        kind = Kind.INFERENCE if pod.gpu_milli < 1000 else Kind.TRAINING
    role = Role(
        name=MAIN,
        gpus=pod.num_gpu if pod.gpu_milli == 1000 else 0,
        gpu_milli=pod.gpu_milli if pod.gpu_milli < 1000 else 0,
        gpu_models=tuple(sorted(set(pod.gpu_models))) if pod.num_gpu else (),
        cpu_milli=pod.cpu_milli,
        memory_mib=pod.memory_mib,
    )
    return Workload(id=pod.name, kind=kind, tenant=TENANT, subgroups=(Subgroup(name=MAIN, roles=(role,)),))


def expecting(policy: Policy, pods: Sequence[Pod]) -> Policy:
    """The policy with the mix of these pods as what is expected.

    Its rule `left_value` gets the mix. Where it has none, `left_value` takes the place of `stranded`, at the same rate.
    """
    counts = Counter(
        (pod.num_gpu, pod.gpu_milli % 1000, pod.cpu_milli, pod.memory_mib, pod.gpu_models if pod.num_gpu else ())
        for pod in pods
    )
    mix: list[dict[str, Any]] = []
    for (gpus, share, cpu_milli, memory_mib, models), count in sorted(counts.items()):
        asked = {"gpu_milli": share} if share else {"gpus": gpus}
        named = {"gpu_models": sorted(set(models))} if models else {}
        mix.append({"count": count, "cpu_milli": cpu_milli, "memory_mib": memory_mib, **asked, **named})
    valued = any(rule.name == _LEFT_VALUE for rule in policy.rules)
    rules = []
    for rule in policy.rules:
        params = {**rule.params, "mix": mix}
        if rule.name == (_LEFT_VALUE if valued else "stranded"):
            rules.append(rule.model_copy(update={"name": _LEFT_VALUE, "params": params}))
        else:
            rules.append(rule)
    return policy.model_copy(update={"rules": tuple(rules)})


class _State:
    """What is free, by node in tie-break order: CPU, memory, the milli of each device (0 where none is)."""

    def __init__(self, fleet: Fleet) -> None:
        # sorted() is stable: nodes without a rank keep the order of the file.
        nodes = sorted(fleet.nodes, key=lambda node: int(node.labels.get(RANK_LABEL, "0")))
        self.ids = [node.id for node in nodes]
        self.cpu = np.array([node.cpu_milli for node in nodes], dtype=np.int64)
        self.memory = np.array([node.memory_mib for node in nodes], dtype=np.int64)
        count = np.array([node.gpu_count for node in nodes], dtype=np.int64)
        slots = np.arange(int(count.max(initial=1)))
        self.device: NDArray[np.int64] = np.where(slots < count[:, None], 1000, 0).astype(np.int64)
        self.milli = self.device.sum(axis=1)
        self.models = np.array([node.gpu_model or "" for node in nodes])
        self.total_milli = int(self.milli.sum())
        self.used_milli = 0

    def place(self, pod: Pod) -> tuple[str, tuple[Device, ...]] | None:
        """Best-fit one pod: its node and devices, taken from the state; None if it fits nowhere."""
        demand = pod.num_gpu * pod.gpu_milli
        fits = (self.cpu >= pod.cpu_milli) & (self.memory >= pod.memory_mib)
        if pod.num_gpu == 1:
            fits &= self.device.max(axis=1) >= pod.gpu_milli
        elif pod.num_gpu:
            fits &= (self.device == 1000).sum(axis=1) >= pod.num_gpu
        if pod.gpu_models and pod.num_gpu:
            fits &= np.isin(self.models, pod.gpu_models)
        rows = np.flatnonzero(fits)
        if not rows.size:
            return None
        slack = (self.cpu[rows] - pod.cpu_milli) / 128000 + (self.milli[rows] - demand) / 8000
        row = int(rows[np.argmax((100 * (1 - slack / 2)).astype(np.int64))])
        free = self.device[row]
        if pod.num_gpu == 1:
            chosen = [int(np.argmin(np.where(free >= pod.gpu_milli, free, 1001)))]
        else:
            chosen = [int(slot) for slot in np.flatnonzero(free == 1000)[: pod.num_gpu]]
        free[chosen] -= pod.gpu_milli
        self.cpu[row] -= pod.cpu_milli
        self.memory[row] -= pod.memory_mib
        self.milli[row] -= demand
        self.used_milli += demand
        return self.ids[row], tuple(Device(index=slot, milli=pod.gpu_milli) for slot in chosen)


def _fill(
    state: _State, stream: list[Pod], workloads: list[Workload], fill: float
) -> tuple[bool, int, list[tuple[int, Running]]]:
    """Place pods in order: whether the fill was reached, the pods that took, and (position, running work)."""
    placed: list[tuple[int, Running]] = []
    for row, pod in enumerate(stream):
        if state.used_milli >= fill * state.total_milli:
            return True, row, placed
        found = state.place(pod)
        if found is not None:
            node, devices = found
            replica = Replica(subgroup=MAIN, role=MAIN, node=node, devices=devices)
            placed.append((row, Running(workload=workloads[row], replicas=(replica,))))
    return state.used_milli >= fill * state.total_milli, len(stream), placed
