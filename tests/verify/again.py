"""Deciding again: what a best plan leaves running is left alone by the next decision."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from solver.atoms import Disruptions, Stay
from solver.check import check
from solver.plan import Seat
from solver.problem import Atom, Problem
from tests.verify.brute import Space, TooLargeError
from tests.verify.case import Case

LIMIT = 800


def deciding_again_changes_nothing(case: Case) -> Iterator[str]:
    """A best plan is a best one from the state that it leads to: what grew does not shrink, what moved stays.

    Where each replica that starts elsewhere has its price, and to end an item is no cheaper than to move it all: so no
    detour is cheaper than the way. (`move_once` is left out: a growth and then a shrink spare it. In a case the lost
    replica then costs more than the growth brought.) Budgets of disruptions are left out, as they begin anew.
    """
    if not case.problem.homes:
        return
    first = replace(case.problem, atoms=tuple(_plain(case.problem)))
    try:
        best = Space(first, LIMIT).best()
        then = replace(first, homes=dict(best.plan.seats), atoms=tuple(_at_home(first, best.plan.seats)))
        again = Space(then, LIMIT).best()
    except TooLargeError:
        return
    stays = check(then, best.plan)
    if stays.violations or stays.values != again.values:
        yield f"again: to stay costs {stays.values} {stays.violations}, best is {again.values} {dict(again.plan.seats)}"


def _plain(problem: Problem) -> Iterator[Atom]:
    for atom in problem.atoms:
        if isinstance(atom, Stay):
            whole = atom.move_each * sum(part.count for part in problem.items[atom.item].parts)
            yield replace(atom, move_once=0, leave_once=max(atom.leave_once, whole))
        elif not isinstance(atom, Disruptions):
            yield atom


def _at_home(problem: Problem, seats: Mapping[int, tuple[tuple[Seat, ...], ...]]) -> Iterator[Atom]:
    """What was ended waits again, at no price of its own."""
    for atom in problem.atoms:
        if not isinstance(atom, Stay):
            yield atom
        elif atom.item in seats:
            yield replace(atom, home=seats[atom.item])
