"""Arrival sequences of the openb trace: the published one of seed 42, and permutations of the same list."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from bench.baselines.state import WHOLE, Demand, NodeState
from placement.cases.openb import Pod, read_openb_pods
from placement.errors import InputError
from topology.errors import TopologyError
from topology.model import Node
from topology.sources.openb import RANK_LABEL, read_openb_nodes

__all__ = ["PUBLISHED_SEED", "TRACES", "Sequence", "permuted", "read_sequence"]

TRACES = ("default", "gpuspec10")
"""Traces whose arrival order of seed 42 is at hand."""
PUBLISHED_SEED = 42
_LOAD = 1.06
"""How much a permutation asks for, as a share of the fleet's GPUs."""


@dataclass(frozen=True, eq=False)
class Sequence:
    """A fleet whose nodes stand in tie-break order, and pods in the order in which they arrive.

    `original` is the list of the trace: what is known of the mix in advance. Names of pods are unique.
    """

    trace: str
    seed: int
    nodes: tuple[Node, ...]
    pods: tuple[Pod, ...]
    original: tuple[Pod, ...]

    @cached_property
    def models(self) -> tuple[str, ...]:
        """GPU models of the fleet; a code is an index into it."""
        return tuple(sorted({node.gpu_model for node in self.nodes if node.gpu_model}))

    @cached_property
    def codes(self) -> dict[str, int]:
        """GPU model -> its code."""
        return {model: code for code, model in enumerate(self.models)}

    @property
    def capacity_milli(self) -> int:
        """GPU milli of the idle fleet."""
        return WHOLE * sum(node.gpu_count for node in self.nodes)

    def state(self) -> NodeState:
        """The idle fleet."""
        count = np.array([node.gpu_count for node in self.nodes], np.int64)
        slots = np.arange(int(count.max(initial=1)))
        return NodeState(
            cpu=np.array([node.cpu_milli for node in self.nodes], np.int64),
            memory=np.array([node.memory_mib for node in self.nodes], np.int64),
            nics=np.zeros(count.size, np.int64),
            device=np.where(slots < count[:, None], WHOLE, 0).astype(np.int64),
            model=np.array([self.codes.get(node.gpu_model or "", -1) for node in self.nodes], np.int64),
            device_memory=np.zeros(count.size, np.int64),
        )

    def demand(self, pod: Pod) -> Demand:
        """What a pod takes. A model that the fleet does not have gets a code of its own that no node has."""
        models = tuple(self.codes.get(model, len(self.codes)) for model in pod.gpu_models) if pod.num_gpu else ()
        return Demand(pod.cpu_milli, pod.memory_mib, pod.num_gpu, pod.gpu_milli, models)


def read_sequence(folder: Path, trace: str) -> Sequence:
    """The published sequence of seed 42 and its original list; InputError names a file that is missing or malformed.

    `folder` holds `openb_replay/` and `workloads/`.
    """
    replay = folder / "openb_replay"
    paths = (
        replay / f"{trace}_seed42_nodes.csv.gz",
        replay / f"{trace}_seed42_pods.csv.gz",
        folder / "workloads" / f"openb2023_pods_{trace}.csv.gz",
    )
    for path in paths:
        if not path.is_file():
            raise InputError("--data", f"there is no file {path.parent.name}/{path.name}", "name the folder of data")
    try:
        fleet = read_openb_nodes(paths[0])
    except TopologyError as error:
        raise InputError(f"{paths[0].name}: {error.field}", error.problem, error.mend) from None
    nodes = tuple(sorted(fleet.nodes, key=lambda node: int(node.labels[RANK_LABEL])))
    pods, original = (tuple(read_openb_pods(path)) for path in paths[1:])
    return Sequence(trace, PUBLISHED_SEED, nodes, _distinct(pods), original)


def permuted(sequence: Sequence, seed: int) -> Sequence:
    """The original list in another order, then clones drawn from it until 106 % of the GPUs are asked for.

    Ranks of nodes are shuffled too. All chance comes from numpy's default generator of that seed.
    """
    chance = np.random.default_rng(seed)
    original = sequence.original
    picked = [original[row] for row in chance.permutation(len(original))]
    wanted = round(_LOAD * sequence.capacity_milli)
    taken: list[Pod] = []
    asked = 0
    while asked < wanted:
        pod = picked[len(taken)] if len(taken) < len(picked) else original[int(chance.integers(len(original)))]
        taken.append(pod)
        asked += pod.num_gpu * pod.gpu_milli
    nodes = sorted(sequence.nodes, key=lambda node: node.id)
    shuffled = tuple(nodes[row] for row in chance.permutation(len(nodes)))
    return replace(sequence, seed=seed, nodes=shuffled, pods=_distinct(tuple(taken)))


def _distinct(pods: tuple[Pod, ...]) -> tuple[Pod, ...]:
    """The same pods; a clone's name gets its number."""
    seen: dict[str, int] = {}
    found = []
    for pod in pods:
        again = seen[pod.name] = seen.get(pod.name, -1) + 1
        found.append(pod._replace(name=f"{pod.name}.{again}") if again else pod)
    return tuple(found)
