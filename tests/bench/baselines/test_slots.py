"""The value of what is left of a node, by hand."""

import numpy as np

from bench.baselines.slots import Slots
from bench.baselines.state import Demand

ROWS = np.array([[1000, 1000], [530, 0], [1000, 1000]])


def test_slots_see_rests_and_starved_cpu() -> None:
    slots = Slots([(Demand(1000, 0, 1, 470), 1.0)], models=1)
    cpu = np.array([8000, 8000, 1000])
    memory, model = np.full(3, 100), np.zeros(3, np.int64)
    # Two idle devices: 2,000 usable, four shares of 470. 530 left: one share. CPU for one replica: one share.
    assert slots.value(cpu, memory, model, ROWS).tolist() == [
        0.5 * 2000 + 0.5 * 4 * 470,
        0.5 * 530 + 0.5 * 470,
        0.5 * 2000 + 0.5 * 470,
    ]


def test_excluded_models_and_pairs_are_worth_nothing_where_none_fits() -> None:
    slots = Slots([(Demand(0, 0, 2, 1000, (1,)), 1.0)], models=2)
    free = np.full(3, 100)
    assert slots.value(free, free, np.array([1, 1, 0]), ROWS).tolist() == [2000.0, 0.0, 0.0]
