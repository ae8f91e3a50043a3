"""The exact model with totals beside it: what the coarse cells hold together, as integer columns of their own.

For a linear relaxation the totals add next to nothing. But CP-SAT can branch on them, learn from them and round them:
whether the fleet as a whole can take some numbers of replicas, and how many large chunks then remain, is decided in a
small model without nodes (a few hundred columns) before any replica has a place.
"""

from __future__ import annotations

from dataclasses import replace

from solver.encode import Encoded
from solver.model import Row

__all__ = ["with_totals"]


def with_totals(fine: Encoded, coarse: Encoded) -> Encoded:
    """The fine model, then the coarse one of the same problem and plan, tied by rows: sums over cells are totals.

    Every plan has its values in both, so this cuts off none. Costs, and the columns that are read, are the fine
    model's. Without anything to gain (the coarse cells merge nothing) the fine model itself.
    """
    owner: dict[int, int] = {}
    for cell, members in enumerate(coarse.cells.members):
        owner.update(dict.fromkeys(members.tolist(), cell))
    above = [{owner[b] for b in members.tolist()} for members in fine.cells.members]
    if len(coarse.cells.members) >= len(fine.cells.members) or any(len(cells) != 1 for cells in above):
        return fine
    total_of = [next(iter(cells)) for cells in above]
    first = fine.arrays.variables
    rows = []
    for key, by_cell in fine.columns.items():
        parts: dict[int, list[int]] = {}
        for cell, col in by_cell.items():
            parts.setdefault(total_of[cell], []).append(col)
        rows += [_sum(cols, first + coarse.columns[key][cell]) for cell, cols in parts.items()]
    left: dict[tuple[int, int], list[int]] = {}
    for (cell, devices), (col, _) in fine.offers.items():
        left.setdefault((total_of[cell], devices), []).append(col)
    rows += [_sum(cols, first + coarse.offers[name][0]) for name, cols in left.items()]
    both = fine.arrays.beside(coarse.arrays).extended(0, rows)
    return replace(fine, arrays=both)


def _sum(cols: list[int], total: int) -> Row:
    return Row([*cols, total], [*[1] * len(cols), -1], 0, 0)
