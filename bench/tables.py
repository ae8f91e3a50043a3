"""The tables of a report: what every method reached, and who was better."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import median

from bench.blocks import Table
from bench.figures import Scored, by, duel, spread, turn
from bench.suite import Arm

__all__ = ["below_greedy", "duels", "figured", "overview", "percent", "proofs", "reached", "seconds", "troubles"]


def percent(share: float) -> str:
    """A share in percent, three digits."""
    return "0" if share == 0 else f"{100 * share:.3g} %"


def seconds(value: float) -> str:
    """Seconds, three digits."""
    return f"{value:.3g}"


def overview(scored: Sequence[Scored]) -> Table:
    """One line per suite: what was run and what went wrong."""
    rows = []
    for suite, ones in by(scored, lambda one: one.row["suite"]).items():
        ours = [one for one in ones if one.arm.method == "moorage"]
        rows.append(
            (
                suite,
                str(len({one.case for one in ones})),
                str(len({one.row["instance"].get("seed") for one in ones})),
                str(len({one.row["round"] for one in ones})),
                str(len({one.arm for one in ones})),
                str(len(ones)),
                _bad(sum(bool(one.row.get("violations")) for one in ones)),
                _bad(sum(bool(one.row["failed"]) for one in ones)),
                _bad(sum(one.refuted is not None for one in ones)),
                _bad(len(below_greedy(ones))),
                f"{sum(one.proven for one in ours)} of {len(ours)}",
            )
        )
    head = ("suite", "instances", "seeds", "rounds", "arms", "answers", "invalid", "failed", "bounds refuted")
    return Table("What was run.", (*head, "moorage below greedy", "moorage fully proven"), rows)


def _bad(count: int) -> str:
    return f"!{count}" if count else "0"


def below_greedy(ones: Sequence[Scored]) -> list[Scored]:
    """Answers of ours that are worse than greedy's, although greedy alone took less time than their limit."""
    floor = [one for one in ones if one.arm.method == "greedy"]
    in_time = {turn(one): one for one in floor}
    found = []
    for one in ones:
        greedy = in_time.get(turn(one))
        if one.arm.method == "moorage" and greedy is not None and greedy.seconds <= (one.arm.limit_s or 0.0):
            found += [one] * duel([one], [greedy]).losses
    return found


def reached(ones: Sequence[Scored], scale: str | None, *, folded: bool = False) -> Table:
    """Per size (or, folded, per group without the seed) and arm: gap, proofs, admitted work, time."""
    rows = []
    for group, same in by(ones, _scale(scale)).items():
        for arm, mine in by(same, lambda one: one.arm).items():
            rows.append((str(group), *_line(arm, mine)))
    head = (
        "group" if scale is None else scale,
        "method",
        "answers",
        "value: median per tier",
        "gap: median (quartiles)",
    )
    told = (
        *head,
        "worst",
        "proven",
        "admitted",
        "time s: median (quartiles)",
        "worst",
        "past the limit s",
        "p99",
        "worst",
    )
    what = "All cells." if scale is None else f"What was reached, by {scale}."
    return Table(what, told, rows, numbers=2, folded=folded)


def _scale(scale: str | None) -> Callable[[Scored], object]:
    if scale is None:
        return lambda one: one.group
    return lambda one: one.row["instance"][scale]


def _line(arm: Arm, mine: Sequence[Scored]) -> tuple[str, ...]:
    gaps = spread(one.gap for one in mine if one.gap is not None)
    unknown = sum(one.gap is None for one in mine)
    values = zip(*(one.values for one in mine if one.valid), strict=True)
    took = spread(one.seconds for one in mine)
    late = spread(max(0.0, one.seconds - arm.limit_s) for one in mine) if arm.limit_s is not None else None
    asked = sum(one.row["size"]["asked"] for one in mine)
    admitted = sum(one.row["admitted"] for one in mine if one.valid)
    bad = sum(not one.valid for one in mine)
    return (
        arm.name,
        f"!{len(mine)}, {bad} bad" if bad else str(len(mine)),
        " / ".join(f"{median(some):,.0f}" for some in values) or "-",
        "-" if gaps is None else gaps.text(percent) + (f", {unknown} without a bound" if unknown else ""),
        "-" if gaps is None else percent(gaps.high),
        str(sum(one.proven for one in mine)) if any(one.gaps for one in mine) else "-",
        percent(admitted / asked) if asked else "-",
        "-" if took is None else took.text(seconds),
        "-" if took is None else seconds(took.high),
        "-" if late is None else seconds(late.middle),
        "-" if late is None else seconds(late.most),
        "-" if late is None else seconds(late.high),
    )


def proofs(ones: Sequence[Scored], scale: str) -> Table:
    """Gaps of every tier to the method's own bounds, where a policy has several tiers."""
    names = ones[0].row["tier_names"]
    rows = []
    for group, same in by((one for one in ones if one.gaps), _scale(scale)).items():
        for arm, mine in by(same, lambda one: one.arm).items():
            line = [str(group), arm.name, str(len(mine))]
            for tier in range(len(names)):
                found = spread(one.gaps[tier] for one in mine)
                closed = sum(one.gaps[tier] == 0 for one in mine)
                line += [f"{closed} of {len(mine)}"]
                line += ["-" if found is None else f"{found.text(percent)}, worst {percent(found.high)}"]
            rows.append(tuple(line))
    head: list[str] = [scale, "method", "answers"]
    for number, name in enumerate(names, 1):
        head += [f"tier {number} ({name}) proven", "gap: median (quartiles), worst"]
    return Table("Gap of every tier to the method's own bound.", tuple(head), rows, numbers=2)


def duels(ones: Sequence[Scored]) -> Table:
    """Every arm of another method against ours at every limit: wins, ties and losses of ours."""
    arms = by(ones, lambda one: one.arm)
    ours = [arm for arm in arms if arm.method == "moorage"]
    rows = []
    for other, theirs in arms.items():
        if other.method == "moorage":
            continue
        met = [duel(arms[arm], theirs) for arm in ours]
        cells = [f"{'!' if one.losses else ''}{one.wins} / {one.ties} / {one.losses}" for one in met]
        rows.append((other.name, *cells))
    what = "Wins / ties / losses of ours against others, instance by instance, tier by tier."
    return Table(what, ("against", *(arm.name for arm in ours)), rows if ours else ())


def figured(ones: Sequence[Scored]) -> list[Table]:
    """What a suite measures besides, added up over the answers of each arm; nothing where it measures nothing."""
    names = list(dict.fromkeys(name for one in ones for name in one.row.get("figures", {})))
    if not names:
        return []
    rows = []
    for arm, mine in by(ones, lambda one: one.arm).items():
        told = [one.row.get("figures", {}) for one in mine]
        sums = (
            f"{sum(of[name] for of in told if name in of):,}" if any(name in of for of in told) else "-"
            for name in names
        )
        rows.append((arm.name, str(len(mine)), *sums))
    return [Table("Sums over all answers.", ("method", "answers", *names), rows)]


def troubles(scored: Sequence[Scored]) -> list[str]:
    """Every invalid answer, failure, refuted bound and answer below greedy, in a line each."""
    found = []
    for one in scored:
        name = f"{one.row['suite']} {one.case} {one.arm.name}"
        found += [f"INVALID {name}: {text}" for text in one.row.get("violations", [])[:2]]
        if one.row["failed"]:
            found.append(f"FAILED {name}: {one.row['failed']}")
        if one.refuted is not None:
            found.append(f"REFUTED {name}: {one.refuted}")
    for ones in by(scored, lambda one: one.row["suite"]).values():
        found += [f"BELOW GREEDY {one.row['suite']} {one.case} {one.arm.name}" for one in below_greedy(ones)]
    return found
