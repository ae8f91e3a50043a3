"""Reports of a folder of results: one HTML page with plots, and a Markdown summary."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from bench.blocks import Block, Heading, Plots, Table, Text, as_html, as_markdown
from bench.curves import REPLAY, replay_blocks
from bench.fairness.table import SUITE as FAIRNESS
from bench.fairness.table import fairness_blocks
from bench.figures import Scored, Spread, by, exponent, score, spread
from bench.plots import gap_against_time, gap_picture, growth, micro, phases, profiles, styles
from bench.rows import Row, read_rows
from bench.tables import duels, figured, overview, proofs, reached, troubles
from placement.errors import InputError

__all__ = ["blocks_of", "write_picture", "write_report"]

_MOST_TROUBLES = 40
_DISTURBED = 1.25
"""A row whose fixed loop took this much longer than the median is called disturbed."""


def write_report(folder: Path) -> tuple[Path, Path]:
    """Write report.html and summary.md into a folder of results; InputError if it has no rows."""
    blocks = blocks_of(read_rows(folder), folder.resolve().name)
    page, summary = folder / "report.html", folder / "summary.md"
    page.write_text(as_html(f"Bench {folder.resolve().name}", blocks), encoding="utf-8")
    summary.write_text(as_markdown(blocks), encoding="utf-8")
    return page, summary


def write_picture(folder: Path, suite: str) -> Path:
    """Write gap_SUITE.svg, gap against time of one suite, into a folder of results; InputError if it has none."""
    ones = [one for one in score(read_rows(folder)) if one.row["suite"] == suite]
    drawn = gap_picture(ones, ones[0].row["scale"]) if ones else None
    if drawn is None:
        raise InputError("--picture", f"there are no gaps of suite {suite!r} in {folder}", "name a suite that was run")
    path = folder / f"gap_{suite}.svg"
    path.write_text(drawn, encoding="utf-8")
    return path


def blocks_of(rows: Sequence[Row], name: str) -> list[Block]:
    """The report of some rows."""
    replays = [row for row in rows if row["suite"] == REPLAY]
    answers = [row for row in rows if row["suite"] not in (REPLAY, FAIRNESS)]
    scored = score(answers)
    blocks: list[Block] = [Heading(1, f"Bench: {name}"), Text(_machine(rows)), Text(_reading())]
    compared = [one for one in scored if one.row["suite"] != "micro"]
    if compared:
        blocks.append(overview(compared))
    found = troubles(scored)
    if found:
        more = [f"and {len(found) - _MOST_TROUBLES} more"] if len(found) > _MOST_TROUBLES else []
        blocks += [Heading(2, "What went wrong"), Text((*found[:_MOST_TROUBLES], *more))]
    left_out = Counter((row["suite"], row["method"], row["skipped"]) for row in answers if "skipped" in row)
    if left_out:
        lines = [f"{suite}: {method} on {count} instances: {why}" for (suite, method, why), count in left_out.items()]
        blocks += [Heading(2, "What was left out"), Text(tuple(lines))]
    for suite, ones in by(compared, lambda one: one.row["suite"]).items():
        blocks += _suite(suite, ones)
    blocks += replay_blocks(replays)
    blocks += fairness_blocks([row for row in rows if row["suite"] == FAIRNESS])
    operations = [one for one in scored if one.row["suite"] == "micro"]
    if operations:
        blocks += _micro(operations)
    return blocks


def _suite(suite: str, ones: Sequence[Scored]) -> list[Block]:
    scale, style = ones[0].row["scale"], styles(ones)
    blocks: list[Block] = [Heading(2, suite), Text((ones[0].row["about"] + ".",)), reached(ones, scale)]
    pictures = [gap_against_time(ones, scale, style), profiles(ones, style)]
    blocks += [picture for picture in pictures if picture is not None]
    blocks += [duels(ones), *figured(ones)]
    if len(ones[0].row["tier_names"]) > 1:
        blocks.append(proofs(ones, scale))
    costs: list[Plots | None] = [growth(ones) if scale == "nodes" else None, phases(ones, scale)]
    blocks += [picture for picture in costs if picture is not None]
    blocks.append(reached(ones, None, folded=True))
    return blocks


def _micro(ones: Sequence[Scored]) -> list[Block]:
    usual = [one for one in ones if not one.row["instance"].get("pending")]
    picture = micro(usual)
    exponents = (
        "Exponents: the x of cost = c size^x that fits the medians best on log axes. With nodes: the number of "
        "workloads grows as in the suite fleet. With workloads: on fleets of one size."
    )
    memory = (
        "Memory: the most that an operation held at a time, its result included; Python objects and numpy arrays, "
        "without what C++ allocates (CP-SAT, protobuf)."
    )
    return [
        Heading(2, "micro"),
        Text((exponents, memory)),
        _costs("Milliseconds, median (quartiles).", ones, _took_ms),
        _costs("Memory in MiB, median (quartiles).", ones, _held_mib),
        *([] if picture is None else [picture]),
    ]


def _costs(caption: str, ones: Sequence[Scored], cost: Callable[[Scored], float | None]) -> Table:
    """A cost of each operation by the number of nodes, and how it grows with nodes and with workloads.

    Rows of the suite `micro`; those whose instance names a number of workloads (`pending`) are of fleets of one size,
    and are held against the usual number on that size.
    """
    usual = [one for one in ones if not one.row["instance"].get("pending")]
    varied = {one.row["size"]["nodes"] for one in ones if one.row["instance"].get("pending")}
    sizes = by(usual, lambda one: one.row["size"]["nodes"])
    lines = []
    for operation, same in by(ones, lambda one: one.arm.method).items():
        nodes = _medians([one for one in same if one in usual], "nodes", cost)
        workloads = _medians([one for one in same if one.row["size"]["nodes"] in varied], "asked", cost)
        shown = (nodes[size].text(lambda much: f"{much:.3g}") if size in nodes else "-" for size in sizes)
        grows = (exponent({size: found.middle for size, found in some.items()}) for some in (nodes, workloads))
        lines.append((operation, *shown, *("-" if power is None else f"{power:.2f}" for power in grows)))
    head = ("operation", *(f"{size} nodes" for size in sizes), "exponent with nodes", "exponent with workloads")
    return Table(caption, head, lines)


def _medians(ones: Sequence[Scored], size: str, cost: Callable[[Scored], float | None]) -> dict[float, Spread]:
    found = {}
    for at, same in by(ones, lambda one: one.row["size"][size]).items():
        told = spread(much for one in same if not one.row["failed"] and (much := cost(one)) is not None)
        if told is not None:
            found[at] = told
    return found


def _took_ms(one: Scored) -> float:
    return float(one.row["answer_ms"])


def _held_mib(one: Scored) -> float | None:
    peak_kib = one.row.get("figures", {}).get("peak_kib")
    return None if peak_kib is None else peak_kib / 1024


def _machine(rows: Sequence[Row]) -> tuple[str, ...]:
    """Machines, versions, revisions, load, and how steady the machine was."""
    lines = []
    for (machine, code), same in by_machine(rows).items():
        lines.append(f"{len(same)} answers on {machine}; {code}")
        timed = [row for row in same if "calibration_ms" in row]
        dates = sorted(row["date"] for row in timed)
        loops = spread(row["calibration_ms"] for row in timed)
        loads = spread(row["load"] for row in timed)
        if loops is None or loads is None:
            continue
        disturbed = sum(row["calibration_ms"] > _DISTURBED * loops.middle for row in timed)
        steady = f"fixed loop {loops.text(lambda ms: f'{ms:.3g}')} ms, load {loads.text(lambda busy: f'{busy:.2g}')}"
        share = f"{disturbed} of {len(timed)} answers while the loop took more than {_DISTURBED:g} x its median"
        lines.append(f"{dates[0]} to {dates[-1]}; {steady}; {share}")
    return tuple(lines)


def by_machine(rows: Sequence[Row]) -> dict[tuple[str, str], list[Row]]:
    """Rows by machine and revision."""
    found: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        where = row["environment"]
        versions = ", ".join(f"{name} {number}" for name, number in where["versions"].items())
        machine = f"{where['cpu']}, {where['cores']} cores, {where['memory_gib']} GiB, {where['system']}"
        changed = " with changes" if where["changed"] else ""
        code = f"Python {where['python']}, {versions}, revision {where['git']}{changed}, code {where['code']}"
        found.setdefault((machine, code), []).append(row)
    return found


def _reading() -> tuple[str, ...]:
    gap = (
        "gap: of the first tier, (value - bound) / (value of doing nothing - bound); bound is the best bound that "
        "any method in this folder proved for the instance. In suites with known values (value - known) / known of the "
        "last tier (known: the best known value, else a published bound). An invalid answer counts as 100 %."
    )
    return (
        "Every answer was measured again by the independent checker; no figure of a method is taken over.",
        gap,
        "proven: all tiers, by the method's own bounds. Quartiles are over instances (seeds) and rounds.",
    )
