"""What is printed for people: tables without lines, figures, and plain text where it is piped."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.table import Table

from placement.cli.streams import one_line

__all__ = ["amount", "grid", "percent", "printed"]

_PIPED_WIDTH = 10_000
"""Columns where no terminal sets them: nothing wraps, so that a line holds a whole entry."""


@contextmanager
def printed() -> Iterator[Console]:
    """A console whose text goes to stdout in the end, without spaces at the ends of lines.

    Colours only on a terminal and not under NO_COLOR.
    """
    console = Console(markup=False, highlight=False, emoji=False)
    if not console.is_terminal:
        console = Console(markup=False, highlight=False, emoji=False, no_color=True, width=_PIPED_WIDTH)
    with console.capture() as captured:
        yield console
    text = "\n".join(line.rstrip() for line in captured.get().splitlines())
    encoding = sys.stdout.encoding or "utf-8"
    print(text.encode(encoding, "backslashreplace").decode(encoding))


def grid(title: str, *columns: str, rows: Iterable[tuple[str, ...]]) -> Table:
    """A table without lines; a column whose name ends in # is a number, one that ends in ~ may fold."""
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in columns:
        table.add_column(
            column.rstrip("#~"),
            justify="right" if column.endswith("#") else "left",
            no_wrap=column.endswith("#"),
            overflow="fold",
        )
    for row in rows:
        table.add_row(*(one_line(cell) for cell in row))
    return table


def percent(share: float | None) -> str:
    """A share with two decimals; a dash where there is none."""
    return "-" if share is None else f"{share:.2%}"


def amount(value: float) -> str:
    """Two decimals; a value below one keeps three digits, so that little is not shown as nothing."""
    return f"{value:,.2f}" if value == 0 or abs(value) >= 1 else f"{value:.3g}"
