"""Suite `certificate`: a gang of 80 GPUs under rack, queue and disruption rules: optimum, or proof of a no."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from bench.instance import CaseInstance, Judged, Spec
from bench.method import Answer, Placements
from bench.suite import Grid, MakeMethod, Suite, points
from bench.suites.certificate_cases import GANG, certificate_case, under
from placement.model import Decision, Verdict

__all__ = ["CertificateInstance", "certificate"]


def certificate(methods: Mapping[str, MakeMethod]) -> Suite:
    """500 nodes, about 1,300 running gangs, 25 seeds; `rules` leaves some of the three out ("+" between them)."""
    return Suite(
        name="certificate",
        about="one gang of 80 GPUs on 500 nearly full nodes under rack, queue and disruption rules",
        grid={"nodes": (500,), "rules": ("rack+queue+disruption",), "seed": tuple(range(25))},
        quick={"nodes": (100,), "seed": (0, 1)},
        specs=_specs,
        methods=methods,
        limits_s=(2.0,),
        quick_limits_s=(1.0,),
        tiers=("refused and evicted work", "price of disturbance"),
    )


def _specs(_data: Path | None, grid: Grid) -> list[Spec]:
    return [Spec(point, partial(_made, point)) for point in points(grid)]


def _made(point: Mapping[str, Any]) -> CaseInstance:
    case = certificate_case(point["nodes"], point["seed"])
    return CertificateInstance(under(case, str(point["rules"]).split("+")))


class CertificateInstance(CaseInstance):
    """A case whose judge also tells how far the one question is answered: each figure is 0 or 1."""

    def judge(self, answer: Answer[Placements]) -> Judged:
        """As of every case. What a decision claims without a proof in it counts for nothing."""
        judged = super().judge(answer)
        told = answer.disturbed
        if judged.violations or not isinstance(told, Decision):
            return judged
        placed = any(placement.workload == GANG for placement in told.placements)
        verdict = next((one.verdict for one in told.unplaced if one.workload == GANG), None)
        known = verdict in (Verdict.IMPOSSIBLE, Verdict.NO_ROOM, Verdict.OUTCOMPETED)
        proven = [tier.value == tier.bound for tier in told.tiers]
        figures = {
            "placed": int(placed),
            "placed, tier 1 proven": int(placed and proven[0]),
            "placed, all proven": int(placed and all(proven)),
            "proven out": int(not placed and known),
            "open": int(not known and not (placed and proven[0])),
        }
        return Judged(judged.values, judged.violations, judged.admitted, figures)
