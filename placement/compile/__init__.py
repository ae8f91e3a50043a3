"""Compile: lower a case to a problem of the solver, lift a plan back to placements and terms."""

from __future__ import annotations

from placement.compile.lifting import Lifted, lift, lower_placements, terms, whole
from placement.compile.loosening import min_runtime_s
from placement.compile.lowering import Lowered, count_usage, lower
from placement.compile.resuming import Earlier, earlier

__all__ = [
    "Earlier",
    "Lifted",
    "Lowered",
    "count_usage",
    "earlier",
    "lift",
    "lower",
    "lower_placements",
    "min_runtime_s",
    "terms",
    "whole",
]
