"""Scores and choices of the online baselines, with figures worked out by hand."""

import numpy as np
import pytest

from bench.baselines.best_fit import BestFit
from bench.baselines.dot_product import DotProduct
from bench.baselines.fgd import Fgd, typical
from bench.baselines.first_fit import FirstFit
from bench.baselines.gpu_clustering import GpuClustering
from bench.baselines.gpu_packing import GpuPacking
from bench.baselines.scoring import Placer, Scoring
from bench.baselines.state import WHOLE, Demand, NodeState

HALF = Demand(1000, 0, 1, 500)
ONE = Demand(1000, 0, 1, WHOLE)
PAIR = Demand(1000, 0, 2, WHOLE)
CPU = Demand(4000, 0, 0, 0)


def _state(*gpus: int, cpu: int = 8000, models: tuple[int, ...] | None = None) -> NodeState:
    count = np.array(gpus, np.int64)
    zeros = np.zeros(count.size, np.int64)
    return NodeState(
        cpu=zeros + cpu,
        memory=zeros + 1000,
        nics=zeros.copy(),
        device=np.where(np.arange(max(gpus)) < count[:, None], WHOLE, 0).astype(np.int64),
        model=zeros.copy() if models is None else np.array(models, np.int64),
        device_memory=zeros.copy(),
    )


def test_best_fit_scores_what_is_left() -> None:
    state = _state(2, 1)
    # Node 0: cpu 7000 of 8000, milli 1500 of 2000: 100 x (1 - (0.875 + 0.75) / 2) = 18.75.
    # Node 1: 100 x (1 - (0.875 + 0.25) / 2) = 43.75.
    assert BestFit().score(state, HALF, np.arange(2)).tolist() == [18, 43]


def test_dot_product_scores_alignment() -> None:
    state = _state(2, 1)
    # Node 0: 100 x (1 - (1 x 0.125 + 1 x 0.25) / 2) = 81.25; node 1 with half the milli: 87.5.
    assert DotProduct().score(state, HALF, np.arange(2)).tolist() == [81, 87]


def test_shares_go_to_the_fullest_device_that_fits() -> None:
    placer = Placer(_state(3), BestFit())
    assert [placer.place(demand) for demand in (HALF, ONE, HALF, HALF)] == [
        (0, (0,)),
        (0, (1,)),
        (0, (0,)),
        (0, (2,)),
    ]


@pytest.mark.parametrize("scoring", [FirstFit(), BestFit(), DotProduct(), GpuPacking(), GpuClustering()])
def test_what_fits_nowhere_is_told_and_taken_back_work_leaves_no_trace(scoring: Scoring) -> None:
    placer = Placer(_state(1, 2), scoring)
    first = placer.place(PAIR)
    assert first == (1, (0, 1))
    assert placer.place(PAIR) is None
    placer.give_back(*first, PAIR)
    assert placer.place(PAIR) == first


@pytest.mark.parametrize("scoring", [FirstFit(), BestFit(), DotProduct(), GpuPacking(), GpuClustering()])
def test_remembered_scores_are_those_of_the_state(scoring: Scoring) -> None:
    chance = np.random.default_rng(5)
    placer = Placer(_state(*chance.integers(1, 9, 30).tolist(), cpu=64_000), scoring)
    demands = [HALF, ONE, PAIR, CPU, Demand(2000, 10, 1, 300), Demand(500, 0, 4, WHOLE)]
    for step in chance.integers(0, len(demands), 150).tolist():
        fresh = Placer(placer.state, scoring)
        assert placer.fitting(demands[step]).tolist() == fresh.fitting(demands[step]).tolist()
        rows = np.flatnonzero(placer.fitting(demands[step]))
        scores = scoring.score(placer.state, demands[step], rows)
        found = placer.place(demands[step])
        assert (found is None) == (rows.size == 0)
        if found is not None:
            assert found[0] == rows[np.argmax(scores)]


def test_models_memory_and_closed_rows_are_kept() -> None:
    state = _state(1, 1, 1, models=(0, 1, 1))
    state.memory[1] = 5
    placer = Placer(state, FirstFit())
    picky = Demand(0, 10, 1, WHOLE, (1,))
    assert placer.place(picky, np.array([True, True, False])) is None
    assert placer.place(picky) == (2, (0,))


def test_packing_takes_shared_then_occupied_then_idle() -> None:
    placer = Placer(_state(2, 2, 1), GpuPacking())
    assert placer.place(HALF) == (2, (0,))
    assert placer.place(HALF) == (2, (0,))
    assert placer.place(ONE) == (0, (0,))
    assert placer.place(HALF) == (0, (1,))
    assert placer.place(ONE) == (1, (0,))


def test_clustering_keeps_ways_apart() -> None:
    placer = Placer(_state(4, 4, 4), GpuClustering())
    assert placer.place(PAIR) == (0, (0, 1))
    assert placer.place(HALF) == (1, (0,))
    assert placer.place(ONE) == (2, (0,))
    assert placer.place(HALF) == (1, (0,))
    assert placer.place(PAIR) == (0, (2, 3))


def test_fragment_counts_what_the_mix_cannot_use() -> None:
    # Half of the mix wants one whole device, a quarter two, a quarter only CPU.
    fgd = Fgd([(ONE, 0.5), (PAIR, 0.25), (CPU, 0.25)], models=1)
    state = _state(2, 2, 2)
    state.take(1, (0,), HALF)
    state.take(2, (0,), ONE)
    state.cpu[2] = 0
    # Node 0: CPU class 2000. Node 1: one wants 1000 and leaves 500, two cannot, CPU all: 250 + 375 + 375.
    # Node 2: no CPU, so all of the 1000 for every class.
    assert fgd.fragment(state, np.arange(3)).tolist() == [500.0, 1000.0, 1000.0]


def test_fgd_scores_the_change_and_takes_the_device_that_hurts_least() -> None:
    fgd = Fgd([(ONE, 1.0)], models=1)
    state = _state(2, 1)
    state.take(0, (1,), HALF)
    # On the used device of node 0 the fragment falls from 500 to 0: 100 x sigmoid(0.5) = 62.2;
    # on any idle one it rises by 500: 37.7.
    assert fgd.score(state, HALF, np.arange(2)).tolist() == [62, 37]
    assert fgd.devices(state, HALF, 0) == (1,)


def test_the_mix_is_cut_at_95_percent() -> None:
    demands = [HALF] * 80 + [ONE] * 15 + [PAIR] * 5
    classes = dict(typical(demands))
    assert classes == {HALF: pytest.approx(80 / 95), ONE: pytest.approx(15 / 95)}
    # Memory does not make a class.
    assert len(typical([HALF, HALF._replace(memory=7)])) == 1
