"""The linear models against brute force: exact where they claim to be, relaxations elsewhere."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from solver.cells import Cells, coarse_cells, fine_cells
from solver.certificate import evaluate, with_limits
from solver.check import check
from solver.cpsat import Effort
from solver.encode import Encoded, encode
from solver.greedy import greedy
from solver.model import Arrays
from solver.neighbourhood import part_of
from solver.pack import seat_plan
from solver.plan import Plan
from solver.settle import certain
from solver.totals import with_totals
from tests.verify.blocks import blocks_hold
from tests.verify.brute import Choice, Space
from tests.verify.case import Case
from tests.verify.exact import lexicographic

CellCounts = tuple[tuple[int, int, int, int], ...]


def _hint(name: str, encoded: Encoded, case: Case, plan: Plan, exact: bool) -> Iterator[str]:
    arrays = encoded.arrays
    row = arrays.broken_row(arrays.hint)
    if row is not None:
        yield f"{name}: the hint breaks row {row}"
        return
    values = tuple(arrays.value(tier, arrays.hint) for tier in range(case.problem.tiers))
    measured = check(case.problem, plan).values
    if exact and values != measured:
        yield f"{name}: the hint has {values}, its plan {measured}"
    if not exact and any(a > b for a, b in zip(values, measured, strict=True)):
        yield f"{name}: the relaxed hint costs {values}, its plan only {measured}"


def _guesses(name: str, encoded: Encoded, case: Case) -> Iterator[str]:
    """Random multipliers of both signs never give a bound above the least value."""
    for tier in range(case.problem.tiers):
        limits = case.rng.choice(sorted(case.best.vectors))[:tier]
        limited = with_limits(encoded.arrays, limits)
        raw = [case.rng.choice((0, 0, 0, 1, 2, 5)) * case.rng.choice((-1, 1)) for _ in range(limited.rows)]
        y = np.array(raw, np.int64)
        y[(y > 0) & (limited.row_lo < -(2**59))] = 0
        y[(y < 0) & (limited.row_hi > 2**59)] = 0
        value = evaluate(limited, tier, case.rng.choice((1, 2, 8)), y)
        least = case.best.least(tier, limits)
        if value is None or value > least:
            yield f"{name}: multipliers {raw} prove {value} in tier {tier} under {limits}, a plan has {least}"
        yield from blocks_hold(name, limited, tier, y, least, case.rng)


def fine_is_exact(case: Case) -> Iterator[str]:
    """The fine model has the optimum of brute force, its solutions can be seated, its hints are right."""
    cells = fine_cells(case.problem)
    yield from _hint("fine", encode(case.problem, cells, case.best.plan), case, case.best.plan, exact=case.exact)
    other = case.space.plan(case.rng.choice(case.space.combinations()), case.rng)
    yield from _hint("fine", encode(case.problem, cells, other), case, other, exact=case.exact)
    anchor = case.problem.anchor
    encoded = encode(case.problem, cells, anchor)
    yield from _hint("fine", encoded, case, anchor, exact=case.exact)
    yield from _guesses("fine", encoded, case)
    found = lexicographic(encoded.arrays)
    if found is None or found[0] > case.best.values or (case.exact and found[0] != case.best.values):
        yield f"fine: the model's optimum is {found and found[0]}, brute force {case.best.values}"
        return
    plan = seat_plan(case.problem, cells, encoded.counts(found[1]), encoded.devices(found[1]))
    report = None if plan is None else check(case.problem, plan)
    if report is None or report.violations or (case.exact and report.values != case.best.values):
        yield f"fine: the solution is seated as {plan} with {report}, optimum {case.best.values}"


def totals_change_nothing(case: Case) -> Iterator[str]:
    """The fine model with totals beside it has the optimum of brute force, and its hints are right."""
    cells = fine_cells(case.problem)
    for detail in range(3):
        sums = coarse_cells(case.problem, detail)
        for plan in (case.best.plan, case.space.plan(case.rng.choice(case.space.combinations()), case.rng)):
            both = with_totals(encode(case.problem, cells, plan), encode(case.problem, sums, plan))
            yield from _hint(f"totals {detail}", both, case, plan, exact=case.exact)
        found = lexicographic(both.arrays)
        if found is None or found[0] > case.best.values or (case.exact and found[0] != case.best.values):
            yield f"totals {detail}: the model's optimum is {found and found[0]}, brute force {case.best.values}"


def what_is_certain_is_so(case: Case) -> Iterator[str]:
    """No plan that keeps the first tiers has another number of a part that is called certain."""
    problem, best = case.problem, case.best
    limits = best.values[: case.rng.randrange(1, problem.tiers + 1)]
    cells = case.rng.choice([fine_cells(problem), *(coarse_cells(problem, detail) for detail in range(3))])
    encoded = encode(problem, cells, best.plan)
    parts, _ = certain(encoded, encoded.arrays.hint, limits, encoded.columns, Effort(work=1.0))
    for chosen in case.space.combinations():
        if any(all(a <= b for a, b in zip(found, limits, strict=False)) for found in case.space.vectors(chosen)):
            for i, p in parts:
                number = sum(chosen[i][p]) if i in chosen else 0
                if number != best.plan.count((i, p)):
                    yield f"certain: part {(i, p)} under {limits} is not: {chosen} has {number}"


def fine_knows_every_plan(case: Case) -> Iterator[str]:
    """With the replicas per cell fixed, the fine model is feasible exactly for what a plan can be, at its cost."""
    cells = fine_cells(case.problem)
    encoded = encode(case.problem, cells, Plan())
    known: dict[CellCounts, tuple[int, ...]] = {}
    every = case.space.combinations()
    for chosen in every:
        name = _per_cell(chosen, cells)
        if name is None:
            yield f"cells: a plan uses a bin without a cell: {chosen}"
            return
        least = min(case.space.vectors(chosen))
        known[name] = min(known.get(name, least), least)
    trials = [_per_cell(c, cells) for c in (*case.rng.sample(every, min(2, len(every))), *_strays(case, every))]
    for trial in trials:
        if trial is None:
            continue
        fixed = _with_counts(encoded, trial)
        found = None if fixed is None else lexicographic(fixed)
        wanted = known.get(trial)
        relaxed = not case.exact and found is not None and wanted is not None and found[0] <= wanted
        if (found and found[0]) != wanted and not relaxed:
            yield f"cells: {trial} costs {found and found[0]} in the model, {known.get(trial)} by brute force"


def _per_cell(chosen: Choice, cells: Cells) -> CellCounts | None:
    """The choice as replicas per cell, None if it uses a bin that belongs to none."""
    owner = {b: cell for cell, members in enumerate(cells.members) for b in members.tolist()}
    found: dict[tuple[int, int, int], int] = {}
    for i, rows in chosen.items():
        for p, row in enumerate(rows):
            for b, n in enumerate(row):
                if n and b not in owner:
                    return None
                if n:
                    found[i, p, owner[b]] = found.get((i, p, owner[b]), 0) + n
    return tuple(sorted((*key, n) for key, n in found.items()))


def _strays(case: Case, every: list[Choice]) -> Iterator[Choice]:
    """Choices near plans: a few replicas moved or added."""
    for _ in range(4):
        chosen = {i: [list(row) for row in rows] for i, rows in case.rng.choice(every).items()}
        for _ in range(case.rng.choice((1, 1, 2))):
            row = case.rng.choice(chosen[case.rng.choice(list(chosen))])
            give, take = case.rng.randrange(len(row)), case.rng.randrange(len(row))
            row[take] += 1
            if row[give] and case.rng.random() < 0.7:
                row[give] -= 1
        yield {i: tuple(tuple(row) for row in rows) for i, rows in chosen.items()}


def _with_counts(encoded: Encoded, trial: CellCounts) -> Arrays | None:
    """The model with all replica columns fixed, None if it has no column for one."""
    lower, upper = encoded.arrays.lower.copy(), encoded.arrays.upper.copy()
    for by_cell in encoded.columns.values():
        upper[list(by_cell.values())] = 0
    for i, p, cell, n in trial:
        col = encoded.columns[i, p].get(cell)
        if col is None or n > encoded.arrays.upper[col]:
            return None
        lower[col] = upper[col] = n
    return replace(encoded.arrays, lower=lower, upper=upper)


def coarse_is_a_relaxation(case: Case) -> Iterator[str]:
    """The coarse models are never above brute force and hold every plan."""
    for detail in range(3):
        name = f"coarse {detail}"
        encoded = encode(case.problem, coarse_cells(case.problem, detail), case.best.plan)
        yield from _hint(name, encoded, case, case.best.plan, exact=False)
        yield from _guesses(name, encoded, case)
        found = lexicographic(encoded.arrays)
        if found is None or found[0] > case.best.values:
            yield f"{name}: its optimum is {found and found[0]}, brute force {case.best.values}"


def parts_fit_the_whole(case: Case) -> Iterator[str]:
    """A plan of a neighbourhood, put back into the whole, is valid there; its start is where the whole stands."""
    problem, rng = case.problem, case.rng
    for _ in range(2):
        stand = case.space.plan(rng.choice(case.space.combinations()), rng)
        free = [i for i in range(len(problem.items)) if rng.random() < 0.5]
        bins = np.array([rng.random() < 0.7 for _ in range(problem.bins.count)], np.bool_)
        part = part_of(problem, stand, free, bins)
        if check(part.problem, part.start).violations or part.whole(part.start) != stand:
            yield f"part: from {dict(stand.seats)} with {free} free starts at {part}"
            continue
        inner = Space(part.problem)
        some = rng.sample(inner.combinations(), min(4, len(inner.combinations())))
        # A floor may hold what is free here: then changing nothing is no plan, and greedy has nothing to stand on.
        standing = not check(part.problem, part.problem.anchor).violations
        simple = (greedy(part.problem)[0],) if standing else ()
        for plan in (*simple, *(inner.plan(chosen, rng) for chosen in some)):
            wrong = check(problem, part.whole(plan)).violations
            if wrong:
                yield f"part: {dict(plan.seats)} of items {part.items} around {dict(part.fixed.seats)}: {wrong[0]}"
