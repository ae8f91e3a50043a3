"""The chain theorem by trial: the chunk rows hold exactly if a packing exists."""

from random import Random

import pytest

from solver.chunks import PLENTY, chunk_sizes, is_chain, load, room_alone, supply, supply_per_bin
from solver.items import Demand
from tests.solver.build import bins, ints
from tests.verify.brute import packings


def test_supply_by_hand() -> None:
    free = bins([[1000, 1000, 1000, 0], [1000, 470, 250, 250]])
    assert supply_per_bin(free.devices, 250).tolist() == [12, 4 + 1 + 1 + 1]
    assert supply_per_bin(free.devices, 1000).tolist() == [3, 1]
    assert supply_per_bin(free.devices, 2000).tolist() == [1, 0]
    assert supply(free, ints(0, 1), 250) == 19


def test_load_by_hand() -> None:
    assert load(Demand(devices=3), 2000) == 1
    assert load(Demand(devices=3), 250) == 12
    assert load(Demand(devices=3), 300) == 9
    assert load(Demand(milli=530), 250) == 2
    assert load(Demand(milli=190), 250) == 0
    assert load(Demand(), 250) == 0


def test_room_alone_by_hand() -> None:
    free = bins([[1000, 1000, 500], [0, 0, 999]], [[5], [-1]])
    assert room_alone(free.devices, free.resources, Demand(devices=1, resources=(0,))).tolist() == [2, 0]
    assert room_alone(free.devices, free.resources, Demand(milli=500, resources=(2,))).tolist() == [2, 0]
    assert room_alone(free.devices, free.resources, Demand(milli=333, resources=(0,))).tolist() == [7, 3]
    assert room_alone(free.devices, free.resources, Demand(resources=(0,))).tolist() == [PLENTY, PLENTY]


def test_chains() -> None:
    assert is_chain([125, 250, 500])
    assert is_chain([250, 2000, 4000])
    assert not is_chain([300])
    assert not is_chain([2000, 3000])
    assert is_chain([])


def test_sizes_that_matter() -> None:
    wanted = [Demand(milli=250), Demand(devices=2)]
    assert chunk_sizes(wanted, [], aligned=True) == [250, 1000, 2000]
    assert chunk_sizes(wanted, [], aligned=False) == [250, 1000]
    assert chunk_sizes([Demand()], [], aligned=True) == []


def _fits(free: list[list[int]], demands: list[Demand]) -> bool:
    """Some packing of all demands over several bins exists, by trying every bin for every demand."""
    if not demands:
        return True
    head, rest = demands[0], demands[1:]
    seen = set()
    for b, row in enumerate(free):
        for after in packings(tuple(row), (head,)):
            state = [*free[:b], sorted(after), *free[b + 1 :]]
            name = tuple(sorted(tuple(sorted(r)) for r in state))
            if name not in seen:
                seen.add(name)
                if _fits(state, rest):
                    return True
    return False


@pytest.mark.parametrize("seed", range(8))
def test_rows_are_necessary_always_and_sufficient_on_a_chain(seed: int) -> None:
    rng = Random(seed)
    tight = 0
    for _ in range(60):
        chain = rng.random() < 0.6
        small = (250, 500) if chain else (190, 300, 470, 530, 810)
        groups = (1, 2) if chain else (1, 2, 3)
        free = [[rng.choice((1000, 1000, 250, 530, 810)) for _ in range(3)] for _ in range(rng.choice((1, 2)))]
        demands = [
            Demand(devices=rng.choice(groups)) if rng.random() < 0.4 else Demand(milli=rng.choice(small))
            for _ in range(rng.randint(1, 7))
        ]
        room = bins(free)
        every = ints(*range(len(free)))
        sizes = chunk_sizes(demands, [125, 333], aligned=True)
        rows = all(sum(load(d, s) for d in demands) <= supply(room, every, s) for s in sizes)
        fits = _fits(free, sorted(demands, key=lambda d: -d.volume))
        if fits:
            assert rows, (free, demands)
        if is_chain(d.volume for d in demands):
            assert rows == fits, (free, demands)
            tight += not fits
    assert tight, "the trials must also meet chains that do not fit"
