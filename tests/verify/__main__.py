"""`python -m tests.verify --cases 20000`: random tiny problems against brute force. Exit code 1 on any failure.

With every twentieth problem of the solver comes a contended case of placement: its decision, verdicts, conflicts,
repairs, prices, second call and defragmentation are held against all of its end states. With every fortieth comes a
case of 16 to 48 nodes, whose values, bounds and proofs are held against the exact model.
"""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial

from solver.problem import Atom, Problem
from tests.verify.case import make, of
from tests.verify.checks import failures
from tests.verify.contended.checks import examine
from tests.verify.middle import examine_middle
from tests.verify.packing import freed_chunks
from tests.verify.shrink import picture, shrink

CHUNK = 25
CONTENDED = 20
"""One contended case with so many problems of the solver."""
MIDDLE = 40
"""One case of a middle size with so many problems of the solver."""


@dataclass
class Tally:
    """What a run has seen."""

    cases: int = 0
    plans: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    checked: Counter[str] = field(default_factory=Counter)
    """What was held against all end states of a contended case, freed chunks against packings, and claims about a case
    of a middle size against the exact model, by name."""
    failed: list[tuple[int, list[str]]] = field(default_factory=list)

    def add(self, other: "Tally") -> None:
        self.cases += other.cases
        self.plans += other.plans
        self.kinds.update(other.kinds)
        self.checked.update(other.checked)
        self.failed.extend(other.failed)


def kind(atom: Atom) -> str:
    """Name of the atom's class, and whether it is priced."""
    return type(atom).__name__ + ("" if atom.tier < 0 else " priced")


def run_chunk(seed: int, numbers: range) -> Tally:
    """Examine some cases of a seed."""
    tally = Tally()
    for number in numbers:
        case = make(seed, number)
        tally.cases += 1
        tally.plans += case.best.plans
        tally.kinds.update({kind(atom) for atom in case.problem.atoms})
        tally.checked["chunk capacities"] += freed_chunks(case)
        found = failures(case)
        if number % CONTENDED == 0:
            examined = examine(seed, number)
            tally.checked.update(examined.counts)
            found += examined.failed
        if number % MIDDLE == 0:
            counts, wrong = examine_middle(seed, number)
            tally.checked.update(counts)
            found += wrong
        if found:
            tally.failed.append((number, found))
    return tally


def run(seed: int, cases: int, jobs: int) -> Iterator[Tally]:
    """Examine cases 0..cases-1, told chunk by chunk."""
    chunks = [range(at, min(at + CHUNK, cases)) for at in range(0, cases, CHUNK)]
    if jobs == 1:
        yield from map(partial(run_chunk, seed), chunks)
        return
    with ProcessPoolExecutor(jobs) as pool:
        yield from pool.map(partial(run_chunk, seed), chunks)


def explain(seed: int, number: int) -> str:
    """The case, and the smallest problem that fails in the same check."""
    case = make(seed, number)
    found = failures(case)
    if not found:
        contended = examine(seed, number).failed if number % CONTENDED == 0 else ()
        middle = examine_middle(seed, number)[1] if number % MIDDLE == 0 else ()
        return "\n".join([*contended, *middle, picture(case.problem)])
    name = found[0].split(":")[0]

    def fails(problem: Problem) -> bool:
        return any(text.startswith(f"{name}:") for text in failures(of(problem, f"{seed}:{number}")))

    small = shrink(case.problem, fails) if fails(case.problem) else case.problem
    return "\n".join([*found, "smallest:", picture(small), *failures(of(small, f"{seed}:{number}"))])


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m tests.verify", description=__doc__)
    parser.add_argument("--cases", type=int, default=1000, help="how many random problems")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument("--only", type=int, help="examine, shrink and print this one case")
    options = parser.parse_args()
    if options.only is not None:
        sys.stdout.write(explain(options.seed, options.only) + "\n")
        return 0
    began, total, shown = time.monotonic(), Tally(), 0
    for tally in run(options.seed, options.cases, options.jobs):
        total.add(tally)
        for number, found in tally.failed:
            sys.stdout.write(f"\nFAILED: python -m tests.verify --seed {options.seed} --only {number}\n")
            sys.stdout.writelines(f"    {text[:400]}\n" for text in found)
        if time.monotonic() - began > shown or total.cases == options.cases:
            shown += 5
            sys.stdout.write(f"{total.cases}/{options.cases} cases, {len(total.failed)} failed\n")
            sys.stdout.flush()
    seen, checked = (
        ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))
        for counts in (total.kinds, total.checked)
    )
    sys.stdout.write(
        f"seed {options.seed}: {total.cases} cases, {total.plans} plans, {len(total.failed)} failed, "
        f"{time.monotonic() - began:.0f} s\ncases per atom: {seen}\nchecked: {checked}\n"
    )
    return 1 if total.failed else 0


if __name__ == "__main__":
    sys.exit(main())
