"""Scores, duels and comparisons of rows made by hand."""

from typing import Any
from xml.etree import ElementTree as ET

from bench.blocks import as_html, as_markdown
from bench.compare import changes, sign_test
from bench.curves import REPLAY
from bench.figures import duel, exponent, score, spread
from bench.plots import gap_picture
from bench.report import blocks_of
from bench.rows import Row
from bench.svg import Axis
from bench.tables import troubles

HERE = {
    "cpu": "any",
    "cores": 2,
    "memory_gib": 8,
    "system": "Linux",
    "python": "3.11",
    "versions": {},
    "git": "abc",
    "changed": False,
    "code": "def",
}


def row(method: str, values: list[int] | None, seed: int = 0, **more: Any) -> Row:
    plain = {
        "suite": "tiny",
        "about": "rows by hand",
        "scale": "nodes",
        "tier_names": ["cost"],
        "instance": {"nodes": 16, "seed": seed},
        "content": "",
        "size": {"nodes": 16, "asked": 4},
        "method": method,
        "limit_s": 1.0 if method == "moorage" else None,
        "round": 0,
        "idle": [100],
        "known": None,
        "date": "2026-01-01T00:00:00+00:00",
        "load": 0.1,
        "calibration_ms": 100.0,
        "failed": None,
        "prepare_ms": 1.0,
        "answer_ms": 500.0,
        "judge_ms": 1.0,
        "values": values,
        "bounds": [],
        "admitted": 4,
        "violations": [],
        "timings_ms": {},
        "note": "",
        "environment": HERE,
    }
    return plain | more


def test_growth_is_the_slope_on_log_axes() -> None:
    found = exponent({2.0: 3 * 2.0**1.5, 8.0: 3 * 8.0**1.5, 32.0: 3 * 32.0**1.5})
    assert found is not None
    assert abs(found - 1.5) < 1e-9
    assert exponent({2.0: 1.0}) is None
    assert exponent({2.0: 1.0, 4.0: 0.0}) is None


def test_the_report_tells_how_time_and_memory_of_operations_grow() -> None:
    """Time as nodes squared times the root of the workloads, memory as nodes; workloads differ on 64 nodes only."""

    def one(nodes: int, pending: int, asked: int) -> Row:
        size: dict[str, Any] = {
            "size": {"nodes": nodes, "asked": asked},
            "instance": {"nodes": nodes, "pending": pending, "seed": 0},
        }
        costs: dict[str, Any] = {"answer_ms": nodes**2 * asked**0.5, "figures": {"peak_kib": 1024 * nodes}}
        return row("lower", [], suite="micro", **size, **costs)

    rows = [one(16, 0, 9), one(64, 0, 9), one(64, 50, 36), one(64, 800, 144)]
    text = as_markdown(blocks_of(rows, "by hand"))
    assert "exponent with nodes | exponent with workloads" in text
    assert "| lower | 768 | 1.23e+04 | 2.00 | 0.50 |" in text
    assert "| lower | 16 | 64 | 1.00 | 0.00 |" in text
    assert "| lower | - | - | - | - |" in as_markdown(
        blocks_of([one | {"failed": "why", "violations": []} for one in rows[:2]], "all failed")
    )


def test_of_a_hundred_figures_the_last_but_one_is_what_99_in_100_keep() -> None:
    found = spread(range(100))
    assert found is not None
    assert (found.middle, found.most, found.high) == (49.5, 98, 99)


def test_gaps_are_to_the_best_bound_that_stands() -> None:
    rows = [row("a", [40], bounds=[10]), row("b", [60], bounds=[20]), row("c", [50])]
    assert [one.gap for one in score(rows)] == [20 / 80, 40 / 80, 30 / 80]
    liar = row("d", [70], bounds=[45])
    scored = score([*rows, liar])
    assert scored[0].gap == 20 / 80, "a bound that an answer goes below does not count"
    assert scored[3].refuted == "bound 45 of tier 1, a reaches 40"
    assert any(text.startswith("REFUTED tiny nodes=16 seed=0 d: bound 45") for text in troubles(scored))


def test_a_later_bound_speaks_of_plans_that_keep_the_earlier_tiers() -> None:
    kept = row("a", [5, 30], bounds=[5, 20], idle=[9, None])
    assert score([kept, row("b", [6, 10], idle=[9, None])])[0].refuted is None
    assert score([kept, row("b", [4, 10], idle=[9, None])])[0].refuted == "bound 5 of tier 1, b reaches 4"
    assert score([kept, row("b", [5, 10], idle=[9, None])])[0].refuted == "bound 20 of tier 2, b reaches 10"


def test_known_values_count_only_with_nothing_left_out() -> None:
    more: dict[str, Any] = {"known": 100, "idle": [4, None]}
    scored = score([row("a", [0, 110], **more), row("b", [1, 90], **more), row("c", [0, 100], **more)])
    assert [one.gap for one in scored] == [0.1, 1.0, 0.0]


def test_duels_count_ties_and_losses_and_an_invalid_answer_loses() -> None:
    ours = score([row("moorage", [1], 0), row("moorage", [2], 1), row("moorage", [3], 2), row("moorage", [0], 3)])
    theirs = score([row("a", [2], 0), row("a", [2], 1), row("a", [2], 2)])
    met = duel(ours, theirs)
    assert (met.wins, met.ties, met.losses) == (1, 1, 1)
    broken = score([row("moorage", [1], violations=["capacity"])])
    assert duel(broken, score([row("a", [9])])).losses == 1
    assert duel(ours[:1], score([row("a", None, failed="it broke")])).wins == 1


def test_below_greedy_counts_where_greedy_had_the_time() -> None:
    slow = [row("greedy", [10], answer_ms=1500.0), row("moorage", [20])]
    quick = [row("greedy", [10], answer_ms=900.0), row("moorage", [20])]
    assert troubles(score(slow)) == []
    assert troubles(score(quick)) == ["BELOW GREEDY tiny nodes=16 seed=0 moorage 1 s"]


def test_a_report_shows_what_went_wrong_and_what_was_left_out() -> None:
    rows = [
        row("moorage", [10], bounds=[10]),
        row("a", [9], violations=["node n1 is used twice"]),
        row("b", None, failed="ValueError: no"),
        row("c", None, skipped="too large"),
    ]
    text = as_markdown(blocks_of(rows, "by hand"))
    assert "- INVALID tiny nodes=16 seed=0 a: node n1 is used twice\n" in text
    assert "- FAILED tiny nodes=16 seed=0 b: ValueError: no" in text
    assert "tiny: c on 1 instances: too large" in text
    assert "| tiny | 1 | 1 | 1 | 3 | 3 | 1 | 1 | 0 | 0 | 1 of 1 |" in text


def test_a_picture_is_a_file_of_its_own_with_all_methods() -> None:
    rows = [row("moorage", [10], bounds=[8]), row("rival & co", [12], answer_ms=2000.0)]
    drawn = gap_picture(score(rows), "nodes")
    assert drawn is not None
    root = ET.fromstring(drawn)  # noqa: S314 - our own text
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    said = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert {"moorage", "rival & co", "nodes 16 (1 instance)"} <= set(said)
    assert "prefers-color-scheme:dark" in drawn
    assert gap_picture([], "nodes") is None


def test_spreads_and_signs() -> None:
    assert spread([]) is None
    found = spread([4.0, 1.0, 2.0, 3.0, 5.0])
    assert found is not None
    assert (found.low, found.first, found.middle, found.third, found.high) == (1, 2, 3, 4, 5)
    assert sign_test(0, 0) == 1.0
    assert sign_test(3, 3) == 1.0
    assert sign_test(6, 0) == 2 / 2**6
    assert sign_test(1, 9) == 2 * 11 / 2**10


def test_compare_tells_worse_from_noise() -> None:
    def folder(values: list[int], answer_ms: float = 500.0, loop_ms: float = 100.0) -> list[Row]:
        pairs = enumerate(values)
        return [row("moorage", [v], seed, bounds=[0], answer_ms=answer_ms, calibration_ms=loop_ms) for seed, v in pairs]

    old = folder([10] * 8)

    def verdicts(new: list[Row]) -> dict[str, str]:
        return {one.figure: one.verdict for one in changes(old, new)}

    assert verdicts(folder([10] * 8)) == {"gap": "same", "seconds": "same"}
    assert verdicts(folder([20] * 8)) == {"gap": "worse", "seconds": "same"}
    assert verdicts(folder([5] * 8)) == {"gap": "better", "seconds": "same"}
    assert verdicts(folder([20, 20, 20, 20, 20, 5, 5, 5])) == {"gap": "same", "seconds": "same"}
    assert verdicts(folder([20] * 3)) == {"gap": "worse?", "seconds": "same"}
    assert verdicts(folder([10] * 8, answer_ms=800.0)) == {"gap": "same", "seconds": "worse"}
    assert verdicts(folder([10] * 8, answer_ms=1000.0, loop_ms=200.0)) == {"gap": "same", "seconds": "same"}
    other = [{**one, "content": "another"} for one in folder([20] * 8)]
    assert changes(old, other) == [], "the same name with other content is not compared"


def test_axes_have_a_few_ticks_inside_their_range() -> None:
    axes = [
        *(Axis("x", 0.0, 1.0), Axis("x", 0.0, 0.37), Axis("x", 3.0, 17_000.0)),
        *(Axis("x", 0.03, 70.0, log=True), Axis("x", 90.0, 20_000.0, log=True), Axis("x", 2.0, 4.0, log=True)),
        *(Axis("x", 1e-4, 1.0, log=True), Axis("x", 1e-3, 9e6, log=True)),
    ]
    for axis in axes:
        ticks = axis.ticks()
        assert 2 <= len(ticks) <= 12, axis
        assert all(-0.01 <= axis.place(value) <= 1.01 for value, _ in ticks), axis
        assert len({text for _, text in ticks}) == len(ticks), axis


def test_replays_are_drawn_and_paired_with_fgd() -> None:
    def replayed(method: str, seed: int, at_100: float) -> Row:
        marks = [{"percent": at, "arrived": 10, "allocation": share} for at, share in ((90, 80.0), (100, at_100))]
        instance = {"trace": "default", "seed": seed, "batch": 1}
        plain = {"suite": REPLAY, "instance": instance, "method": method, "marks": marks, "seconds": 0.1}
        return plain | {"bounds": {"100": 97.25}, "environment": HERE}

    pairs = [("fgd", 90.0), ("ours", 91.0)]
    rows = [replayed(method, seed, at + seed) for method, at in pairs for seed in (1, 2, 3)]
    blocks = blocks_of(rows, "replays")
    text = as_markdown(blocks)
    assert "| ours | 3 | 93.00 (92.50 - 93.50) | +1.00; 3 / 0 / 0 | 10.00 |" in text
    assert "| LP bound |  | 97.25 |" in text
    assert "Allocation against arrived load" in as_html("replays", blocks)
