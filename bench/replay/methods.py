"""The methods of the suite, by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from bench.baselines.best_fit import BestFit
from bench.baselines.dot_product import DotProduct
from bench.baselines.fgd import Fgd, typical
from bench.baselines.first_fit import FirstFit
from bench.baselines.gpu_clustering import GpuClustering
from bench.baselines.gpu_packing import GpuPacking
from bench.baselines.slots import Slots
from bench.replay.ours import DecideBatches, GreedyBatches
from bench.replay.sequence import Sequence
from bench.replay.simulate import Dispatcher, OneByOne
from placement.cases.openb import expecting
from placement.model import Budget, Policy, read_policy
from solver.workers import Workers

__all__ = ["METHODS", "Given", "ReplayMethod", "fgd"]

_POLICY = Path(__file__).resolve().parents[1] / "policies" / "trace.toml"


@dataclass(frozen=True)
class Given:
    """What our own methods need: who runs searches (None where none is asked for), and how long a batch may take."""

    workers: Workers | None
    batch_ms: int


_Make: TypeAlias = Callable[[Sequence, Given], Dispatcher]


@dataclass(frozen=True)
class ReplayMethod:
    """A way to place arriving pods; `reference` is its name in `reference_curves.csv`, if it is there."""

    name: str
    make: _Make
    batched: bool = False
    """Whether the size of a batch makes a difference."""
    searches: bool = False
    """Whether it needs workers."""
    reference: str | None = None


def fgd(sequence: Sequence) -> OneByOne:
    """FGD that knows the mix of the original list."""
    classes = typical(sequence.demand(pod) for pod in sequence.original)
    return OneByOne(sequence, Fgd(classes, len(sequence.models)))


def _slots(sequence: Sequence, _given: Given) -> Dispatcher:
    classes = typical((sequence.demand(pod) for pod in sequence.original), memory=True)
    return OneByOne(sequence, Slots(classes, len(sequence.models)))


def _policy(sequence: Sequence) -> Policy:
    """The policy of the replays, with the mix of the original list as what is expected."""
    return expecting(read_policy(_POLICY), sequence.original)


def _stranded() -> Policy:
    """The same with the fragmentation rule of the default policy, at the same rate; it knows what runs and waits."""
    policy = read_policy(_POLICY)
    swapped = {"left_value": "stranded"}
    rules = tuple(rule.model_copy(update={"name": swapped.get(rule.name, rule.name)}) for rule in policy.rules)
    return policy.model_copy(update={"rules": rules})


def _decide(sequence: Sequence, given: Given) -> Dispatcher:
    if given.workers is None:
        raise ValueError("decide needs workers")
    return DecideBatches(sequence, given.workers, _policy(sequence), Budget(wall_ms=given.batch_ms))


METHODS = (
    ReplayMethod("first-fit", lambda sequence, _: OneByOne(sequence, FirstFit())),
    ReplayMethod("best-fit", lambda sequence, _: OneByOne(sequence, BestFit()), reference="BestFit"),
    ReplayMethod("dot-product", lambda sequence, _: OneByOne(sequence, DotProduct()), reference="DotProd"),
    ReplayMethod("gpu-packing", lambda sequence, _: OneByOne(sequence, GpuPacking()), reference="GpuPacking"),
    ReplayMethod("gpu-clustering", lambda sequence, _: OneByOne(sequence, GpuClustering()), reference="GpuClustering"),
    ReplayMethod("fgd", lambda sequence, _: fgd(sequence), reference="FGD"),
    ReplayMethod("fgd-slots", _slots),
    ReplayMethod("greedy", lambda sequence, _: GreedyBatches(sequence, _policy(sequence)), batched=True),
    ReplayMethod("greedy-default", lambda sequence, _: GreedyBatches(sequence, _stranded()), batched=True),
    ReplayMethod("moorage", _decide, batched=True, searches=True),
)
"""Peers first, then ours."""
