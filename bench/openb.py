"""Suite `openb`: the fleet of the openb trace, filled by best-fit in arrival order, the next arrivals pending."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from bench.rows import Job
from placement.cases.openb import openb_case
from placement.errors import InputError
from placement.model import Case

__all__ = ["ABOUT", "jobs"]

ABOUT = "1,213 nodes of the openb trace filled to 0.85 or 0.95, the next 200 or 1,000 pods pending"
_NODES, _PODS = "default_seed42_nodes.csv.gz", "default_seed42_pods.csv.gz"
_FILLS = (0.85, 0.95)
_PENDING = (200, 1000)


def jobs(folder: Path, *, time_limit_ms: int) -> list[Job]:
    """The four cases from the replay files in a folder; InputError if a file is missing."""
    for name in (_NODES, _PODS):
        if not (folder / name).is_file():
            raise InputError("--data", f"there is no file openb_replay/{name}", "name the folder of measured data")
    return [
        Job("openb", {"fill": fill, "pending": pending}, time_limit_ms, partial(_case, folder, fill, pending))
        for fill in _FILLS
        for pending in _PENDING
    ]


def _case(folder: Path, fill: float, pending: int) -> Case:
    return openb_case(folder / _NODES, folder / _PODS, fill=fill, pending=pending).case
