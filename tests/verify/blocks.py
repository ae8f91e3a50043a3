"""Bounds of blocks at random multipliers: never above a plan, and what they cut off is never what is looked for."""

from collections.abc import Iterator
from dataclasses import replace
from random import Random

import numpy as np

from solver.blocks import Blocks, block_of
from solver.certificate import evaluate
from solver.items import IntArray
from solver.model import Arrays
from solver.patterns import with_patterns
from tests.verify.exact import lexicographic

_PATTERNS = 400
_SOLVED = 0.2
"""Share of the models that are solved as well."""


def blocks_hold(name: str, limited: Arrays, tier: int, y: IntArray, least: int, rng: Random) -> Iterator[str]:
    """Random rows kept beside these multipliers, in a model under limits in which a plan has `least` at best."""
    kept = _disjoint(limited, rng)
    scale = rng.choice((1, 2, 8))
    plain, value = evaluate(limited, tier, scale, y), evaluate(limited, tier, scale, y, kept)
    priced = Blocks(limited, kept).priced(tier, scale, y)
    if value is None or plain is None or priced is None or not plain <= value <= least:
        yield f"{name}: rows {kept} beside {y.tolist()} prove {value}, without them {plain}, a plan has {least}"
        return
    if priced.bound != value:
        yield f"{name}: rows {kept} prove {value} and {priced.bound}"
    if rng.random() > _SOLVED:
        return
    whole = _least(limited, tier)
    if whole is None:
        return
    ranged = replace(limited, lower=(ends := priced.ranges(whole * scale - priced.total))[0], upper=ends[1])
    for model in (ranged, with_patterns(priced, whole, _PATTERNS)):
        found = whole if model is None else _least(model, tier)
        if found != whole:
            yield f"{name}: blocks {kept} at {y.tolist()}/{scale} leave {found} of a model that has {whole}"


def _disjoint(limited: Arrays, rng: Random) -> list[int]:
    rows = list(range(limited.rows))
    rng.shuffle(rows)
    kept: list[int] = []
    taken: set[int] = set()
    for row in rows:
        columns = set(limited.columns[int(limited.indptr[row]) : int(limited.indptr[row + 1])].tolist())
        if columns and not taken & columns and rng.random() < 0.7:
            try:
                block_of(limited, row)
            except ValueError:
                continue
            kept.append(row)
            taken |= columns
    return kept


def _least(arrays: Arrays, tier: int) -> int | None:
    one = replace(
        arrays,
        objective=(arrays.objective[tier],),
        constant=(arrays.constant[tier],),
        hint=np.clip(arrays.hint, arrays.lower, arrays.upper),
    )
    found = lexicographic(one)
    return None if found is None else found[0][0]
