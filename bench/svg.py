"""Small line charts as inline SVG; colours come from the page, so that they follow its light or dark scheme."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

__all__ = ["Axis", "Series", "bars", "chart", "legend", "sheet"]

_WIDTH, _HEIGHT = 450, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 62, 24, 30, 44
_ENTRY = 170
"""Width of an entry of a legend."""
_SHAPES = ("circle", "square", "triangle", "diamond")
COLOURS = 8
"""Number of colours (classes c0, c1, ...) that the page defines; marks tell further series apart."""


@dataclass(frozen=True)
class Axis:
    """A scale from `low` to `high`. What is at or below `low` is drawn at the edge, labelled `floor`."""

    label: str
    low: float
    high: float
    log: bool = False
    percent: bool = False
    floor: str | None = None

    def place(self, value: float) -> float:
        """Where a value lies, 0 to 1."""
        value = min(max(value, self.low), self.high)
        if self.log:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)

    def ticks(self) -> list[tuple[float, str]]:
        """A few values with their labels."""
        if not self.log or self.high < 5 * self.low:
            step = _step(self.high - self.low)
            first = math.ceil(self.low / step - 1e-9)
            return [(n * step, self._text(n * step)) for n in range(first, math.floor(self.high / step + 1e-9) + 1)]
        low, high = math.ceil(math.log10(self.low) - 1e-9), math.floor(math.log10(self.high) + 1e-9)
        stride = max(1, (high - low) // 5)
        values = [10.0**n for n in range(low, high + 1, stride)]
        if high - low < 2:
            values = [f * 10.0**n for n in range(low - 1, high + 1) for f in (1, 2, 5)]
            values = [value for value in values if self.low * 0.999 <= value <= self.high * 1.001]
        return [(v, self.floor if self.floor and v <= self.low * 1.001 else self._text(v)) for v in values]

    def _text(self, value: float) -> str:
        if self.percent:
            return f"{100 * value:.10g} %"
        return f"{value:,.10g}"


@dataclass(frozen=True)
class Series:
    """Points by rising x, with a range in y where there is one. `step`: a staircase without marks."""

    name: str
    points: Sequence[tuple[float, float]]
    ranges: Sequence[tuple[float, float]] = ()
    step: bool = False
    style: int = 0


def chart(title: str, x: Axis, y: Axis, series: Sequence[Series]) -> str:
    """One chart; series without points are left out."""
    parts = [
        f'<svg class="chart" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(title)}">',
        f'<text class="title" x="{_LEFT}" y="18">{escape(title)}</text>',
        *_grid(x, y),
    ]
    for one in series:
        if one.points:
            parts += _draw(one, x, y)
    return "\n".join([*parts, "</svg>"])


def _across(axis: Axis, value: float) -> float:
    return round(_LEFT + axis.place(value) * (_WIDTH - _LEFT - _RIGHT), 1)


def _down(axis: Axis, value: float) -> float:
    return round(_HEIGHT - _BOTTOM - axis.place(value) * (_HEIGHT - _TOP - _BOTTOM), 1)


def _grid(x: Axis, y: Axis) -> Iterator[str]:
    bottom, right = _HEIGHT - _BOTTOM, _WIDTH - _RIGHT
    for value, text in x.ticks():
        at = _across(x, value)
        yield f'<line class="grid" x1="{at}" y1="{_TOP}" x2="{at}" y2="{bottom}"/>'
        yield f'<text x="{at}" y="{bottom + 16}" text-anchor="middle">{escape(text)}</text>'
    for value, text in y.ticks():
        at = _down(y, value)
        yield f'<line class="grid" x1="{_LEFT}" y1="{at}" x2="{right}" y2="{at}"/>'
        yield f'<text x="{_LEFT - 6}" y="{at + 4}" text-anchor="end">{escape(text)}</text>'
    yield f'<path class="axis" d="M{_LEFT},{_TOP}V{bottom}H{right}"/>'
    middle = (_LEFT + right) / 2
    yield f'<text class="label" x="{middle}" y="{_HEIGHT - 8}" text-anchor="middle">{escape(x.label)}</text>'
    turn = f'transform="translate(13,{(_TOP + bottom) / 2}) rotate(-90)"'
    yield f'<text class="label" {turn} text-anchor="middle">{escape(y.label)}</text>'


def _draw(one: Series, x: Axis, y: Axis) -> Iterator[str]:
    spots = [(_across(x, a), _down(y, b)) for a, b in one.points]
    if one.step:
        bottom, right = _HEIGHT - _BOTTOM, _WIDTH - _RIGHT
        path = f"M{spots[0][0]},{bottom}" + "".join(f"H{a}V{b}" for a, b in spots) + f"H{right}"
    else:
        path = "M" + "L".join(f"{a},{b}" for a, b in spots)
    dash = f" d{one.style // COLOURS % 3}"
    yield f'<path class="line c{one.style % COLOURS}{dash}" d="{path}"><title>{escape(one.name)}</title></path>'
    if one.step:
        return
    for (a, _), (low, high) in zip(spots, one.ranges, strict=False):
        yield f'<path class="range c{one.style % COLOURS}" d="M{a},{_down(y, low)}V{_down(y, high)}"/>'
    for (a, b), (value_x, value_y) in zip(spots, one.points, strict=True):
        told = f"{one.name}: {x.label} {value_x:.4g}, {y.label} {value_y:.4g}"
        yield f'<g class="mark c{one.style % COLOURS}"><title>{escape(told)}</title>{_mark(one.style, a, b)}</g>'


def _mark(style: int, a: float, b: float) -> str:
    # Beyond the last colour shapes shift by one, so that no two of the first 32 look alike.
    match _SHAPES[(style + style // COLOURS) % len(_SHAPES)]:
        case "circle":
            return f'<circle cx="{a}" cy="{b}" r="4"/>'
        case "square":
            return f'<rect x="{a - 3.5:.1f}" y="{b - 3.5:.1f}" width="7" height="7"/>'
        case "triangle":
            return f'<path d="M{a},{b - 4.5:.1f}l4.5,8h-9z"/>'
        case _:
            return f'<path d="M{a},{b - 5:.1f}l5,5l-5,5l-5,-5z"/>'


def legend(names: Sequence[tuple[str, int]], *, filled: bool = False) -> str:
    """Names with their colours and marks, or with a patch of colour (`filled`, for bars)."""
    found = []
    for name, style in names:
        if filled:
            patch = f'<rect class="fill c{style % COLOURS}" x="4" y="0" width="18" height="12"/>'
            found.append(f'<span><svg viewBox="0 0 26 12">{patch}</svg>{escape(name)}</span>')
            continue
        mark = f'<svg viewBox="0 0 26 12"><path class="line c{style % COLOURS} d{style // COLOURS % 3}" d="M0,6H26"/>'
        mark += f'<g class="mark c{style % COLOURS}">{_mark(style, 13, 6)}</g></svg>'
        found.append(f"<span>{mark}{escape(name)}</span>")
    return f'<p class="legend">{"".join(found)}</p>'


def sheet(charts: Sequence[str], names: Sequence[tuple[str, int]], css: str) -> str:
    """Charts two by two above a legend, as a file of its own; `css` brings the colours."""
    width, step = _WIDTH * min(2, len(charts)), 24
    columns, bottom = max(1, width // _ENTRY), _HEIGHT * -(-len(charts) // 2)
    height = bottom + step * -(-len(names) // columns) + 8
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}">',
        f"<style>{css}</style>",
        f'<rect width="{width}" height="{height}" fill="var(--paper)"/>',
    ]
    for turn, picture in enumerate(charts):
        at = f'<svg x="{_WIDTH * (turn % 2)}" y="{_HEIGHT * (turn // 2)}" width="{_WIDTH}" height="{_HEIGHT}" '
        parts.append(picture.replace("<svg ", at, 1))
    for turn, (name, style) in enumerate(names):
        place = f"translate({_LEFT + _ENTRY * (turn % columns)},{bottom + 8 + step * (turn // columns)})"
        line = f'<path class="line c{style % COLOURS} d{style // COLOURS % 3}" d="M0,6H26"/>'
        mark = f'<g class="mark c{style % COLOURS}">{_mark(style, 13, 6)}</g>'
        parts.append(f'<g class="chart" transform="{place}">{line}{mark}<text x="34" y="10">{escape(name)}</text></g>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def bars(title: str, unit: str, rows: Sequence[tuple[str, Sequence[tuple[str, float, int]]]]) -> str:
    """Horizontal stacked bars: per row a label and its pieces (name, length, colour), to one scale from 0."""
    left, right, step = 170, 70, 24
    height = _TOP + step * len(rows) + 12
    longest = max((sum(length for _, length, _ in pieces) for _, pieces in rows), default=0) or 1.0
    scale = (2 * _WIDTH - left - right) / longest
    parts = [
        f'<svg class="chart wide" viewBox="0 0 {2 * _WIDTH} {height}" role="img" aria-label="{escape(title)}">',
        f'<text class="title" x="0" y="18">{escape(title)}</text>',
    ]
    for turn, (label, pieces) in enumerate(rows):
        top, at = _TOP + step * turn, float(left)
        parts.append(f'<text x="{left - 8}" y="{top + 13}" text-anchor="end">{escape(label)}</text>')
        for name, length, colour in pieces:
            wide = length * scale
            told = escape(f"{label}, {name}: {length:,.4g} {unit}")
            box = f'x="{at:.1f}" y="{top}" width="{wide:.1f}" height="17"'
            parts.append(f'<rect class="fill c{colour % COLOURS}" {box}><title>{told}</title></rect>')
            at += wide
        total = f"{sum(length for _, length, _ in pieces):,.4g} {unit}"
        parts.append(f'<text x="{at + 6:.1f}" y="{top + 13}">{escape(total)}</text>')
    return "\n".join([*parts, "</svg>"])


def _step(span: float) -> float:
    rough = span / 5
    power = 10.0 ** math.floor(math.log10(rough))
    return next(f * power for f in (1, 2, 5, 10) if f * power >= rough * 0.999)
