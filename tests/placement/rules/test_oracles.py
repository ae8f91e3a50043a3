"""Every rule's oracle and its atoms say the same on random placements, feasible or not."""

from random import Random

import pytest

from placement.rules import RULES
from placement.rules.rule import HardRule
from tests.placement.rules.drawn import random_case, random_placements
from tests.placement.rules.small import agree


@pytest.mark.parametrize("block", range(6))
def test_oracles_agree_with_atoms(block: int) -> None:
    random = Random(block)
    for _ in range(20):
        case = random_case(random)
        for _ in range(2):
            agree(case, random_placements(random, case))


def test_the_random_cases_exercise_every_rule() -> None:
    random = Random(99)
    broken: dict[str, set[bool]] = {}
    priced: set[str] = set()
    for _ in range(200):
        case = random_case(random)
        _, found, points = agree(case, random_placements(random, case))
        for name, value in found.items():
            broken.setdefault(name, set()).add(value)
        priced |= {name for name, value in points.items() if value}
    for rule in RULES:
        if isinstance(rule, HardRule):
            assert broken[rule.name] == {True, False}, rule.name
            assert rule.name in priced or not rule.excess_unit, rule.name
        else:
            assert rule.name in priced, rule.name
