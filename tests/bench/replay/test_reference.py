"""The policies of the paper, against the curves that the authors' simulator reached on the same sequences."""

from pathlib import Path

import pytest

from bench.replay.bound import upper_bound
from bench.replay.methods import METHODS, Given
from bench.replay.reference import read_reference
from bench.replay.sequence import read_sequence
from bench.replay.simulate import MARKS, replay

pytestmark = [pytest.mark.data, pytest.mark.slow]

_BY_NAME = {method.name: method for method in METHODS}
_EXACT = [(trace, name) for trace in ("default", "gpuspec10") for name in ("best-fit", "dot-product", "fgd")]


@pytest.mark.parametrize(("trace", "name"), _EXACT)
def test_curves_are_reproduced_pod_by_pod(data_dir: Path, trace: str, name: str) -> None:
    sequence = read_sequence(data_dir, trace)
    method = _BY_NAME[name]
    marks, _ = replay(sequence, method.make(sequence, Given(None, 1)))
    told = read_reference(data_dir)[trace, str(method.reference)]
    assert [mark.percent for mark in marks] == list(MARKS) == list(told)
    for mark in marks:
        allocation, failed = told[mark.percent]
        assert mark.allocation(sequence.capacity_milli) == pytest.approx(allocation, abs=1e-4)
        assert mark.failed == failed


@pytest.mark.parametrize(("name", "within"), [("gpu-packing", 0.001), ("gpu-clustering", 0.03)])
def test_methods_described_in_words_come_close(data_dir: Path, name: str, within: float) -> None:
    sequence = read_sequence(data_dir, "default")
    method = _BY_NAME[name]
    marks, _ = replay(sequence, method.make(sequence, Given(None, 1)))
    told = read_reference(data_dir)["default", str(method.reference)]
    off = [mark.allocation(sequence.capacity_milli) - told[mark.percent][0] for mark in marks]
    assert max(map(abs, off)) < within


@pytest.mark.parametrize(
    ("trace", "known"),
    [("default", {95: 94.99, 98: 96.91, 100: 97.25}), ("gpuspec10", {95: 94.73, 98: 96.86, 100: 97.20})],
)
def test_bounds_are_those_of_the_published_table(data_dir: Path, trace: str, known: dict[int, float]) -> None:
    sequence = read_sequence(data_dir, trace)
    for percent, bound in known.items():
        assert upper_bound(sequence, percent) == pytest.approx(bound, abs=0.05)
