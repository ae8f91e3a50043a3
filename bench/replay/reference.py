"""What the policies of the paper reached on the published sequences, as files at hand tell."""

from __future__ import annotations

import csv
from pathlib import Path

from placement.errors import InputError

__all__ = ["read_reference"]


def read_reference(folder: Path) -> dict[tuple[str, str], dict[int, tuple[float, int]]]:
    """(trace, policy) -> load in percent -> (allocation in percent, failed pods), of `reference_curves.csv`."""
    path = folder / "openb_replay" / "reference_curves.csv"
    found: dict[tuple[str, str], dict[int, tuple[float, int]]] = {}
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            for row in csv.DictReader(stream):
                curve = found.setdefault((row["trace"], row["policy"]), {})
                curve[int(row["arrived_pct"])] = (float(row["alloc_pct"]), int(row["failed_pods"]))
    except OSError as error:
        raise InputError("--data", f"{path.name} cannot be read: {error.strerror}", "name the data's folder") from None
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(path.name, f"it is no file of curves: {error}", "use the file as published") from None
    return found
