"""Does one rule alone decide a case of the suite `certificate`? From rows of the case under each rule and under all."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from bench.blocks import Block, Heading, Table, Text
from bench.rows import Row
from bench.suites.certificate_cases import RULES

__all__ = ["Alone", "alone", "alone_blocks"]

_ALL = "+".join(RULES)


class Alone(StrEnum):
    """What one rule alone says of a case: that all rules together say no more, that they do, or it is not known."""

    DECIDES = "decides"
    LEAVES_MORE = "leaves more"
    UNKNOWN = "unknown"


def alone(case: Row, single: Row, tiers: int) -> Alone:
    """Whether the case under one rule (`single`) has the answer of the case under all, by their first `tiers` tiers.

    A better valid plan under one rule, than is possible under all, shows that it does not decide. It decides if it is
    proven that there is no better one.
    """
    least, reached = case["bounds"][:tiers], case["values"][:tiers]
    if single["values"][:tiers] < least:
        return Alone.LEAVES_MORE
    proven = single["bounds"][:tiers] == single["values"][:tiers]
    return Alone.DECIDES if proven and single["values"][:tiers] >= reached else Alone.UNKNOWN


def alone_blocks(rows: Iterable[Row]) -> list[Block]:
    """A table of the cases whose first tier is proven under all rules: what each rule alone says of it."""
    found: dict[tuple[int, int], dict[str, Row]] = {}
    for row in rows:
        if row["suite"] == "certificate" and row.get("values") and row["method"] == "moorage":
            about = row["instance"]
            found.setdefault((about["nodes"], about["seed"]), {})[about["rules"]] = row
    head = ["case", "under all rules", *(f"{rule} alone" for rule in RULES), "several rules are needed"]
    body: list[tuple[str, ...]] = []
    needed = 0
    for (nodes, seed), by_rule in sorted(found.items()):
        case = by_rule.get(_ALL)
        if case is None or case["values"][0] != case["bounds"][0]:
            continue
        said = [alone(case, by_rule[rule], 1) if rule in by_rule else Alone.UNKNOWN for rule in RULES]
        several = all(one is Alone.LEAVES_MORE for one in said)
        needed += several
        verdict = "placed" if case["admitted"] else "proven out"
        words = [one.value for one in said]
        body.append((f"{nodes} nodes, seed {seed}", verdict, *words, "yes" if several else "no"))
    text = f"Of {len(body)} cases that are decided under all rules, {needed} are not decided by any single rule alone."
    caption = "What one rule alone says of the first tier."
    return [Heading(2, "One rule alone"), Text((text,)), Table(caption, tuple(head), body, len(head))]
