"""Parcels arrive as they were sent, through shared memory or through the pipe alone."""

import threading
from multiprocessing import Pipe
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from solver.parcel import Announced, pack, receive, send


def _through(something: Any, *, away: bool) -> tuple[Announced, Any]:
    here, there = Pipe()
    parcel = pack(something)
    sender = threading.Thread(target=send, args=(here, parcel, 3), kwargs={"away": away})
    sender.start()
    announced = there.recv()
    found = receive(there, announced)
    sender.join()
    assert not there.poll(0), "nothing is left in the pipe"
    return announced, found


@pytest.mark.parametrize("away", [False, True])
def test_arrays_arrive_read_only_and_in_order(away: bool) -> None:
    rng = np.random.default_rng(5)
    arrays: list[npt.NDArray[Any]] = [rng.integers(0, 9, size) for size in (0, 1, 7, 40_000)]
    arrays += [(arrays[3] > 4)[:33_333], *(rng.integers(0, 9, 500) for _ in range(700))]
    announced, found = _through({"arrays": arrays, "again": arrays[3], "text": "x" * 100_000}, away=away)
    assert announced.turn == 3
    assert announced.shared is not away
    assert all(a.dtype == b.dtype and np.array_equal(a, b) for a, b in zip(found["arrays"], arrays, strict=True))
    assert found["again"] is found["arrays"][3]
    assert not found["again"].flags.writeable
    assert len(found["text"]) == 100_000


def test_few_arrays_need_no_shared_memory() -> None:
    announced, found = _through([np.arange(100)], away=False)
    assert not announced.shared
    assert found[0].tolist() == list(range(100))
