"""The peers, by kind of instance."""

from __future__ import annotations

from bench.baselines.best_fit import BestFit
from bench.baselines.dot_product import DotProduct
from bench.baselines.first_fit import FirstFit
from bench.baselines.flat import FlatCase, FlatProblem
from bench.baselines.gangs import MakeScoring, ScoringMethod, case_fgd
from bench.baselines.gpu_clustering import GpuClustering
from bench.baselines.gpu_packing import GpuPacking
from bench.baselines.rebalancer import Rebalancer
from bench.fleet_j import FleetJ, Gangs
from bench.own import Adapter
from bench.suite import MakeMethod

__all__ = ["CASE_METHODS", "gang_methods"]


def _scoring(name: str, make: MakeScoring) -> tuple[str, MakeMethod]:
    return name, lambda: ScoringMethod(name, make)


CASE_METHODS: dict[str, MakeMethod] = dict(
    (
        _scoring("first-fit", lambda _: FirstFit()),
        _scoring("best-fit", lambda _: BestFit()),
        _scoring("dot-product", lambda _: DotProduct()),
        _scoring("gpu-packing", lambda _: GpuPacking()),
        _scoring("gpu-clustering", lambda _: GpuClustering()),
        _scoring("fgd", case_fgd),
        ("flat-counts", lambda: FlatCase(booleans=False)),
        ("flat-booleans", lambda: FlatCase(booleans=True)),
    )
)
"""Methods on cases."""


def gang_methods(adapter: Adapter[FleetJ, Gangs]) -> dict[str, MakeMethod]:
    """Methods on fleet-j; `adapter` makes the solver's problem of an instance."""
    return {
        "rebalancer": Rebalancer,
        "rebalancer-from-greedy": lambda: Rebalancer(adapter),
        "flat-counts": lambda: FlatProblem(adapter, booleans=False),
        "flat-booleans": lambda: FlatProblem(adapter, booleans=True),
    }
