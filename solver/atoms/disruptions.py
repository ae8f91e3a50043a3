"""Disruptions: only so many of the items that run now may be disturbed at all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from solver.plan import Plan
from solver.problem import Atom, Encoding, Problem, Violation

__all__ = ["Disruptions", "lost"]


@dataclass(frozen=True)
class Disruptions(Atom):
    """At most `limit` of `members` lose any replica from its very seat: by a move, a shrink or an eviction.

    `base` are disturbances that are settled already (of items that are fixed elsewhere).
    """

    rule: str
    name: str
    members: tuple[int, ...]
    limit: int
    base: int = 0
    tier: int = field(default=-1, init=False)

    def items(self) -> Iterable[int]:
        """The members."""
        return self.members

    def remap(self, new: Mapping[int, int]) -> Atom | None:
        """The same for the renumbered members; those that are gone are out of the plan, hence disturbed."""
        members = tuple(new[i] for i in self.members if i in new)
        gone = len(self.members) - len(members)
        return replace(self, members=members, base=self.base + gone) if members else None

    def validate(self, problem: Problem) -> None:
        """All members run now."""
        if not set(self.members) <= problem.homes.keys():
            raise ValueError(f"{self.rule} {self.name}: only what runs can be disturbed")

    def encode(self, into: Encoding) -> None:
        """A 0/1 column per member: kept replicas + homes x column >= homes."""
        if len(self.members) + self.base <= self.limit:
            return
        flags = []
        for item in self.members:
            gaps = []
            for p, seats in enumerate(into.problem.homes[item]):
                if seats:
                    gaps.append((into.kept((item, p)), len(seats)))
            flag = into.model.var(0, 1, int(any(kept.known < homes for kept, homes in gaps)))
            flags.append(flag)
            for kept, homes in gaps:
                ones = [1] * len(kept.columns)
                into.model.row([*kept.columns, flag], [*ones, homes], lo=homes)
        into.model.row(flags, [1] * len(flags), hi=self.limit - self.base)

    def disturbed(self, problem: Problem, plan: Plan) -> list[int]:
        """Members of which a replica has lost its seat."""
        found = []
        for item in self.members:
            held = plan.seats.get(item, ((),) * len(problem.homes[item]))
            if any(lost(home, seats) for home, seats in zip(problem.homes[item], held, strict=True)):
                found.append(item)
        return found

    def given(self, problem: Problem, fixed: Plan) -> Iterable[Atom]:
        """Fixed members that are disturbed become base, the others are no members any more."""
        inside = replace(self, members=tuple(i for i in self.members if i in fixed.seats))
        left = tuple(i for i in self.members if i not in fixed.seats)
        yield replace(self, members=left, base=self.base + len(inside.disturbed(problem, fixed)))

    def violations(self, problem: Problem, plan: Plan) -> list[Violation]:
        """More than the limit."""
        found = self.disturbed(problem, plan)
        if len(found) + self.base <= self.limit:
            return []
        return [Violation(self.rule, tuple(found), f"{self.name}: {len(found)} disturbed, {self.limit} may be")]


def lost(home: tuple[object, ...], seats: tuple[object, ...]) -> bool:
    """Whether a seat of the home is not among the seats; alike seats (shares of one device) count each."""
    return home != seats and bool(Counter(home) - Counter(seats))
