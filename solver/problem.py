"""A problem is items, bins and partitions under *atoms*.

An atom speaks of items, bins and integers, never of a tenant or a rack. There are four kinds (see `solver.atoms`):
allow (where a part may sit), charge (a cost of one item's placement), share (a resource of several items) and state
(a cost or limit on what one domain holds). Every engine asks an atom for the same few verbs.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol, Self, TypeVar, cast

from solver.items import Bins, BoolArray, ByteArray, IntArray, Item, Part, PartKey, Ranked
from solver.model import LinearModel
from solver.plan import Plan, Seat

__all__ = ["Atom", "Counts", "Encoding", "ItemAtom", "Joint", "Kept", "Ledger", "Problem", "Violation"]

_T = TypeVar("_T")
_A = TypeVar("_A", bound="Atom")

Counts = Mapping[int, Mapping[int, int]]
"""part index -> bin -> replicas of that part there (of one item); parts and bins without any may be absent."""


@dataclass(frozen=True)
class Violation:
    """A hard atom that a plan breaks."""

    rule: str
    items: tuple[int, ...]
    detail: str


@dataclass(frozen=True)
class Kept:
    """Columns that add up to the replicas of a part on their present seats, and that number in the known plan.

    `homes` are the present seats that each of the columns speaks of.
    """

    columns: tuple[int, ...]
    known: int
    homes: tuple[int, ...]


class Encoding(Protocol):
    """What an atom may use to write itself into the linear model. Cells are merged bins (`solver.cells`)."""

    @property
    def problem(self) -> Problem:
        """The problem being encoded."""

    @property
    def model(self) -> LinearModel:
        """The rows and columns."""

    @property
    def members(self) -> tuple[IntArray, ...]:
        """For each cell its bins."""

    def counts(self, key: PartKey) -> dict[int, int]:
        """Cell -> column with the replicas of a part in it (cells where none may sit are left out)."""

    def most(self, key: PartKey, cell: int) -> int:
        """Replicas of a part that the cell could take alone."""

    def least(self, figures: IntArray | Ranked) -> Sequence[int]:
        """The lowest of an atom's figures per bin in each cell; looked up once for arrays that atoms share."""

    def known(self, key: PartKey) -> dict[int, int]:
        """Cell -> replicas in the known plan."""

    def known_bins(self) -> BoolArray:
        """Bins that hold a replica in the known plan, bool[N]."""

    def on(self, item: int, bundle: int = 0) -> int:
        """0/1 column: the bundle is placed."""

    def domain_of(self, partition: int) -> list[int]:
        """Domain of every cell, -1 where a cell's bins lie in several domains."""

    def home(self, item: int, bundle: int, partition: int, *, may_span: bool) -> int | None:
        """Ties the bundle to one domain; the 0/1 column "in several domains" if it `may_span` (None if not)."""

    def touch(self, item: int, partition: int) -> dict[int, int]:
        """Domain -> 0/1 column: the item has a replica there."""

    def kept(self, key: PartKey) -> Kept:
        """Replicas of a part that stay on the seats they have now (`Problem.homes`); a relaxation may overstate it."""

    def offer(self, cell: int, devices: int) -> tuple[int, int] | None:
        """Column with the chunks of so many whole devices a cell can still offer, and their number before the plan.

        None if the plan cannot change it.
        """


@dataclass(frozen=True)
class Joint:
    """Room shared by several bins: all bins with label g together take at most room[g] further replicas.

    `labels` int64[N], -1 where the limit does not apply; `room` int64[G]. Both belong to the ledger: not to be changed,
    and true until its next `add`. `everywhere`: the one label 0 is that of all bins.
    """

    labels: IntArray
    room: IntArray
    everywhere: bool = False


class Ledger(Protocol):
    """Running state of one atom while a plan is built item by item."""

    def joints(self, key: PartKey, local: Counts) -> list[Joint]:
        """Limits on where further replicas of a part may go; `local` is what the item has already put down."""

    def add(self, item: int, counts: Counts, times: int = 1) -> None:
        """The item has been placed with these counts; with times = -1 that is taken back."""


class Atom(ABC):
    """One statement about placements; subclasses are frozen dataclasses. `rule` names the rule it was lowered from."""

    rule: str
    tier: int
    """Objective tier, -1 for an atom without a cost."""
    may_limit: ClassVar[bool] = False
    """Whether the kind has a ledger."""
    may_break: ClassVar[bool] = False
    """Whether the kind has violations."""
    exact: ClassVar[bool] = True
    """Whether the encoding over fine cells costs what the plan costs; else it is a lower bound."""

    @abstractmethod
    def items(self) -> Iterable[int]:
        """Items this atom speaks of by name."""

    @abstractmethod
    def encode(self, into: Encoding) -> None:
        """Write rows and costs. On cells that merge unlike bins this must stay a relaxation."""

    @abstractmethod
    def remap(self, new: Mapping[int, int]) -> Atom | None:
        """The atom for renumbered items (old -> new); items that are absent vanish; None if nothing is left."""

    def validate(self, problem: Problem) -> None:  # noqa: B027 - most atoms have nothing to check
        """Raise ValueError if the atom does not fit the problem."""

    def violations(self, problem: Problem, plan: Plan) -> list[Violation]:
        """What the plan breaks, measured from its seats."""
        return []

    def cost(self, problem: Problem, plan: Plan) -> int:
        """The atom's cost in its tier, measured from the plan's seats."""
        return 0

    def signature(self, problem: Problem) -> Iterable[IntArray | ByteArray]:
        """Per-bin figures int64[N] in which merged bins must agree."""
        return ()

    def unpriced(self) -> Atom | None:
        """What is left of the atom without its price; None if it only has a price."""
        return self if self.tier < 0 else None

    def given(self, problem: Problem, fixed: Plan) -> Iterable[Atom]:
        """What the atom says of the other items once those of `fixed` stay where they are (their own cost left out)."""
        yield self

    def mask(self, key: PartKey) -> BoolArray | None:
        """Bins where a part may sit, None for all."""
        return None

    def gathers(self) -> tuple[int, int, int] | None:
        """(bundle, partition, price) if each further domain in which the bundle has a replica costs that much."""
        return None

    def __init_subclass__(cls) -> None:
        """Note whether the kind limits, and whether a plan can break it."""
        super().__init_subclass__()
        cls.may_break = cls.violations is not Atom.violations
        cls.may_limit = cls.ledger is not Atom.ledger

    def ledger(self, problem: Problem) -> Ledger | None:
        """Fresh running state for building a plan, None if the atom never limits."""
        return None


class ItemAtom(Atom):
    """An atom that speaks of one item."""

    item: int

    def items(self) -> Iterable[int]:
        """The item."""
        return (self.item,)

    def remap(self, new: Mapping[int, int]) -> Self | None:
        """The same for the item under its new number; None if it is gone."""
        number = new.get(self.item)
        if number is None or number == self.item:
            return None if number is None else self
        # As `dataclasses.replace`, which takes ten times as long; what was checked once is not checked again.
        found = object.__new__(type(self))
        found.__dict__.update(self.__dict__, item=number)
        return found


_OF_BINS: frozenset[Hashable] = frozenset({("rooms", False), ("rooms", True), "whole"})
"""What `recall` knows of the masks, items and bins alone."""


@dataclass(frozen=True)
class Problem:
    """Items to place into bins under atoms.

    `partitions` is a tuple of int64[N] arrays (domain index of every bin); `tiers` the number of objective tiers.
    Every tier is minimised, tier 0 first. `homes` are the seats of the items that run now, as in a plan; their
    devices and resources are free in `bins`. The plan in which these stay and all else is refused (`anchor`) is
    feasible by construction.
    """

    bins: Bins
    partitions: tuple[IntArray, ...]
    items: tuple[Item, ...]
    atoms: tuple[Atom, ...]
    tiers: int = 1
    homes: Mapping[int, tuple[tuple[Seat, ...], ...]] = field(default_factory=dict)
    atoms_of: tuple[tuple[Atom, ...], ...] = field(init=False, repr=False, compare=False)
    """For each item the atoms that speak of it by name."""
    own_atoms: tuple[tuple[Atom, ...], ...] = field(init=False, repr=False, compare=False)
    """For each item the atoms that speak of it and of no other: few, where `atoms_of` may be many."""
    among: tuple[Atom, ...] = field(init=False, repr=False, compare=False)
    """The atoms that speak of no item by name, or of several."""
    _sizes: tuple[int, ...] = field(init=False, repr=False, compare=False)
    _lowest: dict[int, tuple[IntArray | Ranked, int]] = field(
        init=False, repr=False, compare=False, default_factory=dict
    )
    _memory: dict[Hashable, Any] = field(init=False, repr=False, compare=False, default_factory=dict)

    def __post_init__(self) -> None:
        sizes = tuple(int(labels.max(initial=-1)) + 1 for labels in self.partitions)
        object.__setattr__(self, "_sizes", sizes)
        width = self.bins.resources.shape[1]
        for _, part in self.parts():
            if len(part.demand.resources) != width:
                raise ValueError(f"part {part.name}: a demand names all {width} resources")
        by_item: list[list[Atom]] = [[] for _ in self.items]
        own: list[list[Atom]] = [[] for _ in self.items]
        among: list[Atom] = []
        last = self.tiers - 1
        for atom in self.atoms:
            atom.validate(self)
            if atom.tier > last:
                raise ValueError(f"{atom.rule}: tier {atom.tier} is beyond the last tier {last}")
            named = tuple(atom.items())
            if len(named) == 1:
                by_item[named[0]].append(atom)
                own[named[0]].append(atom)
                continue
            among.append(atom)
            for index in named:
                by_item[index].append(atom)
        object.__setattr__(self, "atoms_of", tuple(tuple(atoms) for atoms in by_item))
        object.__setattr__(self, "own_atoms", tuple(tuple(atoms) for atoms in own))
        object.__setattr__(self, "among", tuple(among))

    def __getstate__(self) -> dict[str, Any]:
        """What was only looked up does not travel."""
        return {**self.__dict__, "_lowest": {}, "_memory": {}}

    def exchanged(self, other: Mapping[int, Atom]) -> Problem:
        """This problem with other atoms in the place of some: id of the old one -> one that speaks of the same item.

        Items and bins stay, so all that was looked up of them holds as long as no mask changes.
        """
        if not other:
            return self

        def new(atoms: tuple[Atom, ...]) -> tuple[Atom, ...]:
            return tuple(other.get(id(atom), atom) for atom in atoms)

        concerned = {item for atom in self.atoms if id(atom) in other for item in atom.items()}
        own, every = list(self.own_atoms), list(self.atoms_of)
        for item in concerned:
            own[item], every[item] = new(own[item]), new(every[item])
        kept = {key: made for key, made in self._memory.items() if key in _OF_BINS}
        sheets = self._memory.get("sheets")
        if sheets is not None:
            kept["sheets"] = [None if item in concerned else sheet for item, sheet in enumerate(sheets)]
        found: Problem = object.__new__(Problem)
        found.__dict__.update(
            self.__dict__, atoms=new(self.atoms), own_atoms=tuple(own), atoms_of=tuple(every), _memory=kept
        )
        return found

    @property
    def anchor(self) -> Plan:
        """Everything stays as it is: what runs keeps its seats, what waits is refused."""
        return Plan(self.homes)

    def parts(self) -> Iterator[tuple[PartKey, Part]]:
        """All parts with their keys, in order."""
        for i, item in enumerate(self.items):
            for p, part in enumerate(item.parts):
                yield (i, p), part

    def part(self, key: PartKey) -> Part:
        """The part with this key."""
        return self.items[key[0]].parts[key[1]]

    def domains(self, partition: int) -> int:
        """Number of domains of a partition (one more than its highest index)."""
        return self._sizes[partition]

    def recall(self, key: Hashable, make: Callable[[], _T]) -> _T:
        """What was made for the key, made once: facts of a problem that do not change."""
        if key not in self._memory:
            self._memory[key] = make()
        found: _T = self._memory[key]
        return found

    def of(self, kind: type[_A]) -> tuple[_A, ...]:
        """The atoms of a kind, in order."""
        return self.recall(kind, lambda: tuple(self._of(kind)))

    def _of(self, kind: type[_A]) -> Iterator[_A]:
        wanted = {one for one in self.recall("types", lambda: set(map(type, self.atoms))) if issubclass(one, kind)}
        return (cast(_A, atom) for atom in self.atoms if type(atom) in wanted) if wanted else iter(())

    def limiting(self) -> tuple[Atom, ...]:
        """The atoms of kinds that may have a ledger."""
        return self.recall("limiting", lambda: tuple(atom for atom in self.atoms if atom.may_limit))

    def lowest(self, figures: IntArray | Ranked) -> int:
        """The lowest of an atom's figures, 0 if there are none; looked up once for arrays that atoms share."""
        known = self._lowest.get(id(figures))
        if known is None or known[0] is not figures:
            known = self._lowest[id(figures)] = (figures, int(figures.min(initial=0)))
        return known[1]
