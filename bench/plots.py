"""The plots of a report. Each is left out where the rows have nothing to draw: no empty axes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bench.blocks import STYLE, Plots
from bench.figures import Scored, by, spread
from bench.suite import Arm
from bench.svg import Axis, Series, bars, chart, legend, sheet

__all__ = ["gap_against_time", "gap_picture", "growth", "phases", "profiles", "styles"]

_LEAST_GAP = 1e-4
_PROFILE_LEAST = 3
_PHASES = ("lower_ms", "greedy_ms", "search_ms", "judge_ms", "explain_ms")
_STEPS = {"prepare": 0, "lower": 1, "greedy": 2, "answer": 3, "check": 4}


def styles(ones: Sequence[Scored]) -> dict[str, int]:
    """A colour and mark for every method, the same in all plots of a suite; ours come first."""
    names = list(by(ones, lambda one: one.arm.method))
    names.sort(key=lambda name: (name != "moorage", name != "greedy", name))
    return {name: number for number, name in enumerate(names)}


def gap_against_time(ones: Sequence[Scored], scale: str, style: dict[str, int]) -> Plots | None:
    """Per size: median gap over instances against median time, with quartiles; a point per time limit."""
    charts = _gap_charts(ones, scale, style)
    if not charts:
        return None
    caption = "Gap against time: median over instances, bars are quartiles. Left and below is better."
    return Plots(caption, charts, legend(list(style.items())))


def gap_picture(ones: Sequence[Scored], scale: str) -> str | None:
    """The same as an SVG file of its own; None where there is nothing to draw."""
    style = styles(ones)
    charts = _gap_charts(ones, scale, style)
    return sheet(charts, list(style.items()), STYLE) if charts else None


def _gap_charts(ones: Sequence[Scored], scale: str, style: dict[str, int]) -> list[str]:
    rated = [one for one in ones if one.gap is not None]
    if not rated:
        return []
    y = _gap_axis(rated)
    x = _log_axis("seconds to the answer", [one.seconds for one in rated])
    charts = []
    for group, same in by(rated, lambda one: one.row["instance"][scale]).items():
        series = []
        for method, mine in by(same, lambda one: one.arm.method).items():
            points, ranges = [], []
            for at_limit in by(mine, lambda one: one.arm).values():
                gaps = spread(one.gap for one in at_limit if one.gap is not None)
                took = spread(one.seconds for one in at_limit)
                if gaps is not None and took is not None:
                    points.append((took.middle, gaps.middle))
                    ranges.append((gaps.first, gaps.third))
            series.append(Series(method, points, ranges, style=style[method]))
        count = len({one.case for one in same})
        what = "instance" if count == 1 else "instances"
        charts.append(chart(f"{scale} {group} ({count} {what})", x, y, series))
    return charts


def profiles(ones: Sequence[Scored], style: dict[str, int]) -> Plots | None:
    """Share of instances whose gap is at most x, per method at its longest limit; None for fewer than three."""
    rated = [one for one in ones if one.gap is not None]
    if len({one.case for one in rated}) < _PROFILE_LEAST:
        return None
    series = []
    for method, mine in by(rated, lambda one: one.arm.method).items():
        longest = max(one.arm.limit_s or 0.0 for one in mine)
        gaps = sorted(one.gap or 0.0 for one in mine if (one.arm.limit_s or 0.0) == longest)
        steps = [(gap, (at + 1) / len(gaps)) for at, gap in enumerate(gaps)]
        label = Arm(method, longest or None).name
        series.append(Series(label, steps, step=True, style=style[method]))
    y = Axis("share of instances", 0.0, 1.0, percent=True)
    wanted = {one.name: one.style for one in series}
    picture = chart("Quality profile", _gap_axis(rated, "gap at most"), y, series)
    caption = "How many instances end within a gap, each method at its longest limit. Left and above is better."
    return Plots(caption, [picture], legend(sorted(wanted.items(), key=lambda pair: pair[1])))


def growth(ones: Sequence[Scored]) -> Plots | None:
    """Milliseconds of the steps around an answer against the number of nodes, on log axes."""
    found: dict[str, dict[int, list[float]]] = {name: {} for name in _STEPS}
    for one in ones:
        nodes = one.row["size"].get("nodes")
        if not one.valid or nodes is None:
            continue
        if one.arm.method == "greedy":
            _note(found["lower"], nodes, one.row["timings_ms"].get("lower_ms"))
            _note(found["greedy"], nodes, one.row["timings_ms"].get("greedy_ms"))
        if one.arm.method == "moorage":
            _note(found["prepare"], nodes, one.row["prepare_ms"])
            _note(found["check"], nodes, one.row["judge_ms"])
    picture = _scaling("Cost of the steps", "milliseconds", found, _STEPS)
    if picture is None:
        return None
    shown = [(name, style) for name, style in _STEPS.items() if found[name]]
    caption = (
        "Cost against size, medians with quartiles, log axes: prepare (canonical form, fabric, running work), lower "
        "(rules to atoms), greedy (all its orders), check (rules' oracles, judge, certificates)."
    )
    return Plots(caption, [picture], legend(shown))


def _note(into: dict[int, list[float]], size: int, value: float | None) -> None:
    if value is not None and value > 0:
        into.setdefault(size, []).append(value)


def _scaling(title: str, unit: str, found: dict[str, dict[int, list[float]]], style: dict[str, int]) -> str | None:
    """A chart of cost against nodes; None where fewer than two sizes were measured."""
    sizes = [float(size) for lines in found.values() for size in lines]
    values = [value for lines in found.values() for some in lines.values() for value in some]
    if len(set(sizes)) < 2:
        return None
    series = []
    for name, lines in found.items():
        spreads = [(float(size), spread(some)) for size, some in sorted(lines.items())]
        points = [(size, one.middle) for size, one in spreads if one is not None]
        ranges = [(one.first, one.third) for _, one in spreads if one is not None]
        series.append(Series(name, points, ranges, style=style[name]))
    return chart(title, _log_axis("nodes", sizes), _log_axis(unit, values), series)


def phases(ones: Sequence[Scored], scale: str) -> Plots | None:
    """Where the time of our answers goes: median milliseconds per phase, size and limit."""
    rows = []
    for group, same in by(ones, lambda one: one.row["instance"][scale]).items():
        for arm, mine in by((one for one in same if one.arm.method == "moorage" and one.valid), _arm).items():
            pieces = []
            for colour, name in enumerate(_PHASES):
                some = spread(one.row["timings_ms"].get(name, 0.0) for one in mine)
                if some is not None and some.middle:
                    pieces.append((name.removesuffix("_ms"), some.middle, colour))
            if pieces:
                rows.append((f"{group}, {arm.name}", pieces))
    if not rows:
        return None
    names = [(name.removesuffix("_ms"), colour) for colour, name in enumerate(_PHASES)]
    return Plots(
        "Where the time goes: medians, in milliseconds.",
        [bars("Time per phase", "ms", rows)],
        legend(names, filled=True),
    )


def micro(ones: Sequence[Scored]) -> Plots | None:
    """Milliseconds of single operations against the number of nodes, four to a chart."""
    found: dict[str, dict[int, list[float]]] = {}
    for one in ones:
        _note(found.setdefault(one.arm.method, {}), one.row["size"]["nodes"], one.row["answer_ms"])
    names = list(found)
    charts, shown = [], []
    for at in range(0, len(names), 5):
        some = names[at : at + 5]
        style = {name: number for number, name in enumerate(some)}
        picture = _scaling("; ".join(some), "milliseconds", {name: found[name] for name in some}, style)
        if picture is not None:
            charts.append(picture)
            shown.append(legend(list(style.items())))
    if not charts:
        return None
    return Plots("Cost of single operations against size, medians with quartiles, log axes.", charts, "".join(shown))


def _arm(one: Scored) -> Any:
    return one.arm


def _gap_axis(rated: Sequence[Scored], label: str = "gap") -> Axis:
    """From the power of ten below the least gap (a hundredth of a percent at least) to that above the worst."""
    gaps = [one.gap for one in rated if one.gap is not None]
    high = next(edge for edge in (1e-3, 1e-2, 0.1, 1.0) if max(gaps) <= edge)
    edges = [edge for edge in (1e-4, 1e-3, 1e-2, 0.1) if edge < high and edge <= min(gaps)] or [_LEAST_GAP]
    below = min(gaps) < edges[-1]
    floor = "\u2264 0.01 %" if below else None
    return Axis(label, edges[-1], high, log=True, percent=True, floor=floor)


def _log_axis(label: str, values: Sequence[float]) -> Axis:
    low, high = min(values), max(values)
    return Axis(label, max(low, 1e-3) / 1.3, max(high, 2e-3) * 1.3, log=True)
