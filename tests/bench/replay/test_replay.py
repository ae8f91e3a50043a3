"""Small replays whose answers can be worked out by hand."""

from itertools import product

import pytest

from bench.baselines.best_fit import BestFit
from bench.baselines.first_fit import FirstFit
from bench.replay.bound import cuts, upper_bound
from bench.replay.methods import fgd
from bench.replay.ours import GreedyBatches
from bench.replay.sequence import Sequence, permuted
from bench.replay.simulate import OneByOne, Seat, marks_of, replay
from placement.cases.openb import Pod
from topology.model import Node


def _node(name: str, gpus: int, cpu: int = 16000, model: str = "T4") -> Node:
    return Node(id=name, path={}, gpu_model=model, gpu_count=gpus, cpu_milli=cpu, memory_mib=65536)


def _pod(name: str, num_gpu: int, milli: int, cpu: int = 1000, models: tuple[str, ...] = ()) -> Pod:
    return Pod(name, cpu, 1024, num_gpu, milli, models, "")


def _sequence(nodes: list[Node], pods: list[Pod]) -> Sequence:
    return Sequence("own", 42, tuple(nodes), tuple(pods), tuple(pods))


# Two nodes of one and of two GPUs: 3,000 milli.
_NODES = [_node("a", 1), _node("b", 2)]


def test_marks_are_the_last_arrival_within_the_load() -> None:
    pods = [_pod(f"p{n}", 1, 500) for n in range(7)]
    # 1,500 of 3,000 after three pods, 2,400 never exactly: four pods ask for 2,000, five for 2,500.
    assert {p: marks_of(_sequence(_NODES, pods))[p] for p in (50, 80, 100)} == {50: 3, 80: 4, 100: 6}


def test_failed_pods_count_as_arrived_and_take_nothing() -> None:
    pods = [_pod("big", 2, 1000), _pod("again", 2, 1000), _pod("one", 1, 1000)]
    sequence = _sequence(_NODES, pods)
    marks, _ = replay(sequence, OneByOne(sequence, FirstFit()), until=130)
    last = {mark.percent: mark for mark in marks}
    assert (last[70].arrived, last[70].used_milli, last[70].failed) == (1, 2000, 0)
    # 133 % after the second pod: the loads up to 130 stop before it.
    assert last[130].arrived == 1


@pytest.mark.parametrize("batch", [1, 2, 3])
def test_a_batch_is_measured_when_it_is_done(batch: int) -> None:
    pods = [_pod(f"p{n}", 1, 500) for n in range(6)]
    sequence = _sequence(_NODES, pods)
    marks, _ = replay(sequence, OneByOne(sequence, BestFit()), batch=batch, until=100)
    at = {mark.percent: mark.arrived for mark in marks}
    assert at[50] == 3 // batch * batch
    assert at[100] == 6


def test_a_seat_that_is_not_free_is_noticed() -> None:
    class Careless:
        def place(self, pods: tuple[Pod, ...]) -> list[Seat | None]:
            return [(0, (0,)) for _ in pods]

    sequence = _sequence(_NODES, [_pod("x", 1, 600), _pod("y", 1, 600), _pod("z", 1, 600)])
    with pytest.raises(AssertionError, match="y does not fit on a"):
        replay(sequence, Careless())


def test_fgd_keeps_the_pair_of_devices_that_the_mix_wants() -> None:
    # Half of the mix wants two GPUs of one node: the single one must go to "a", although "b" comes first.
    pods = [_pod("one", 1, 1000), _pod("pair", 2, 1000)]
    sequence = _sequence([_node("b", 2), _node("a", 1)], pods)
    assert fgd(sequence).place((pods[0],)) == [(1, (0,))]
    assert OneByOne(sequence, FirstFit()).place((pods[0],)) == [(0, (0,))]


def test_a_batch_is_one_decision_beside_what_runs() -> None:
    pods = [_pod("small", 1, 500), _pod("pair", 2, 1000), _pod("late", 1, 600), _pod("no", 1, 600, models=("A100",))]
    sequence = _sequence(_NODES, pods)
    batches = GreedyBatches(sequence)
    first = batches.place(tuple(pods[:2]))
    assert first[1] == (1, (0, 1))
    assert first[0] == (0, (0,))
    assert batches.place(tuple(pods[2:])) == [None, None]


def test_permutations_ask_for_the_same_pods_and_more() -> None:
    sequence = _sequence([_node(f"n{n}", 8) for n in range(3)], [_pod(f"p{n}", 1, 250 + 50 * n) for n in range(9)])
    one, again, other = permuted(sequence, 1), permuted(sequence, 1), permuted(sequence, 2)
    assert one.pods == again.pods
    assert one.pods != other.pods
    assert {pod.name for pod in one.pods[:9]} == {pod.name for pod in sequence.pods}
    asked = sum(pod.gpu_milli for pod in one.pods)
    assert asked >= 1.06 * 24_000 > asked - one.pods[-1].gpu_milli
    assert len({pod.name for pod in one.pods}) == len(one.pods)


def test_cuts_never_exceed_one_on_what_fits_a_device() -> None:
    sizes = [130, 190, 250, 333, 470, 500, 530, 810]
    for table in cuts(sizes):
        assert table[1000] == 1
        for counts in product(range(4), repeat=len(sizes)):
            if sum(n * size for n, size in zip(counts, sizes, strict=True)) <= 1000:
                assert sum(n * table[size] for n, size in zip(counts, sizes, strict=True)) <= 1 + 1e-12


def test_the_bound_sees_that_two_large_shares_do_not_meet() -> None:
    # Four shares of 600 on three devices: 2,400 milli by volume, 1,800 in truth.
    sequence = _sequence(_NODES, [_pod(f"p{n}", 1, 600) for n in range(5)])
    assert upper_bound(sequence, 80) == pytest.approx(60.0)


def test_the_bound_sees_whole_nodes_models_and_cpu() -> None:
    pair = _sequence([_node("a", 1), _node("b", 1)], [_pod("p", 2, 1000)])
    assert upper_bound(pair, 100) == pytest.approx(0.0)
    elsewhere = _sequence(_NODES, [_pod("p", 1, 1000, models=("A100",)), _pod("q", 2, 1000)])
    assert upper_bound(elsewhere, 100) == pytest.approx(200 / 3)
    starved = _sequence([_node("a", 4, cpu=2000)], [_pod(f"p{n}", 1, 1000, cpu=1000) for n in range(4)])
    assert upper_bound(starved, 100) == pytest.approx(50.0)
