"""The methods of the suite, by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from bench.baselines.best_fit import BestFit
from bench.baselines.dot_product import DotProduct
from bench.baselines.fgd import Fgd, typical
from bench.baselines.first_fit import FirstFit
from bench.baselines.gpu_clustering import GpuClustering
from bench.baselines.gpu_packing import GpuPacking
from bench.replay.sequence import Sequence
from bench.replay.simulate import Dispatcher, OneByOne

__all__ = ["ONLINE", "REFERENCE_NAMES", "MakeDispatcher", "fgd"]

MakeDispatcher: TypeAlias = Callable[[Sequence], Dispatcher]


def fgd(sequence: Sequence) -> Dispatcher:
    """FGD that knows the mix of the original list."""
    classes = typical(sequence.demand(pod) for pod in sequence.original)
    return OneByOne(sequence, Fgd(classes, len(sequence.models)))


ONLINE: dict[str, MakeDispatcher] = {
    "first-fit": lambda sequence: OneByOne(sequence, FirstFit()),
    "best-fit": lambda sequence: OneByOne(sequence, BestFit()),
    "dot-product": lambda sequence: OneByOne(sequence, DotProduct()),
    "gpu-packing": lambda sequence: OneByOne(sequence, GpuPacking()),
    "gpu-clustering": lambda sequence: OneByOne(sequence, GpuClustering()),
    "fgd": fgd,
}
"""Methods that place one pod after another: batches make no difference to them."""

REFERENCE_NAMES = {
    "best-fit": "BestFit",
    "dot-product": "DotProd",
    "gpu-packing": "GpuPacking",
    "gpu-clustering": "GpuClustering",
    "fgd": "FGD",
}
"""Name of a method -> its name in `reference_curves.csv`."""
