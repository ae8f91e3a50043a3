"""Suites: which instances, by which methods, with how much time. A suite is a declaration and runs nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any, TypeAlias

from bench.instance import Spec
from bench.method import Method
from placement.errors import InputError

__all__ = ["Arm", "Grid", "MakeMethod", "Suite", "data_file", "points"]

MakeMethod: TypeAlias = Callable[[], Method[Any, Any]]
Value: TypeAlias = str | int | float
Grid: TypeAlias = Mapping[str, tuple[Value, ...]]
"""Values of every parameter of a suite's instances, "seed" among them."""


@dataclass(frozen=True)
class Suite:
    """A declaration.

    `grid` says which parameters instances have and which values a full run takes, `quick` what a quick run takes
    instead; `specs(data, grid)` lists the instances of a grid, `data` being the folder of measured data (None if it is
    not named: a suite that needs it raises InputError). `limits_s` go to every method that takes a limit, `rounds` is
    how often everything is repeated.
    """

    name: str
    about: str
    grid: Grid
    quick: Grid
    specs: Callable[[Path | None, Grid], list[Spec]]
    methods: Mapping[str, MakeMethod]
    limits_s: tuple[float, ...]
    quick_limits_s: tuple[float, ...]
    rounds: int = 1
    needs_data: bool = False
    """Left out of "all" where no folder of measured data is named."""
    scale: str = "nodes"
    """The parameter by which reports group."""
    tiers: tuple[str, ...] = ()
    """What the tiers of its values are, for readers."""

    def settle(self, *, quick: bool, seeds: int | None, chosen: Mapping[str, str]) -> Grid:
        """The grid of a run: full or quick, `seeds` first seeds, and what is `chosen` as texts "value,value".

        `chosen` names parameters of this suite only. InputError for a value of another kind.
        """
        grid = {**self.grid, **(self.quick if quick else {})}
        if seeds is not None:
            if seeds < 1:
                raise InputError("--seeds", f"{seeds} is less than one", "use one or more")
            grid["seed"] = tuple(range(seeds))
        for name, text in chosen.items():
            kind = type(self.grid[name][0])
            try:
                grid[name] = tuple(kind(value) for value in text.split(","))
            except ValueError:
                raise InputError("--set", f"{name}={text} is no list of {kind.__name__}", "write value,value") from None
        return grid


@dataclass(frozen=True)
class Arm:
    """A method with a time limit; None for a method that takes none."""

    method: str
    limit_s: float | None

    @property
    def name(self) -> str:
        """As reports show it."""
        return self.method if self.limit_s is None else f"{self.method} {self.limit_s:g} s"


def data_file(data: Path | None, name: str) -> Path:
    """A file of the folder of measured data; InputError if it is not there."""
    if data is None:
        raise InputError("--data", "no folder of measured data is named", "give --data or set MOORAGE_DATA")
    path = data / name
    if not path.is_file():
        raise InputError("--data", f"there is no file {name} in it", "name the folder that DATA.md describes")
    return path


def points(grid: Grid) -> Iterator[dict[str, Any]]:
    """All combinations of a grid's values; seeds take turns, so that a run that is stopped has seen all kinds."""
    names = sorted(grid, key=lambda name: name != "seed")
    for values in product(*(grid[name] for name in names)):
        point = dict(zip(names, values, strict=True))
        yield {name: point[name] for name in grid}
