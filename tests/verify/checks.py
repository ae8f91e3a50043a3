"""Everything that must hold for a case."""

from collections.abc import Callable, Iterator

from tests.verify.again import deciding_again_changes_nothing
from tests.verify.case import Case
from tests.verify.claims import lies_are_not_believed, search_is_right, short_budgets_are_honest
from tests.verify.encoding import (
    coarse_is_a_relaxation,
    fine_is_exact,
    fine_knows_every_plan,
    parts_fit_the_whole,
    totals_change_nothing,
    what_is_certain_is_so,
)
from tests.verify.measuring import greedy_stays_valid, measure_agrees, ruins_stay_valid
from tests.verify.packing import freed_chunks_are_a_packing
from tests.verify.warm import earlier_answers_do_no_harm

CHECKS: tuple[Callable[[Case], Iterator[str]], ...] = (
    measure_agrees,
    greedy_stays_valid,
    ruins_stay_valid,
    fine_is_exact,
    fine_knows_every_plan,
    coarse_is_a_relaxation,
    totals_change_nothing,
    what_is_certain_is_so,
    parts_fit_the_whole,
    freed_chunks_are_a_packing,
    search_is_right,
    short_budgets_are_honest,
    lies_are_not_believed,
    deciding_again_changes_nothing,
    earlier_answers_do_no_harm,
)


def failures(case: Case, checks: tuple[Callable[[Case], Iterator[str]], ...] = CHECKS) -> list[str]:
    """What does not hold; an exception is a failure too."""
    found: list[str] = []
    for check_ in checks:
        try:
            found.extend(check_(case))
        except Exception as error:  # noqa: BLE001 - the case is reported with its seed, the run goes on
            found.append(f"{check_.__name__}: {type(error).__name__}: {error}")
    return found
