"""A second search beside the first: what it finds is joined, and it leaves when its place is needed."""

import threading
import time
from collections.abc import Iterator
from random import Random

import pytest

from solver.atoms import RefuseCharge
from solver.check import check
from solver.greedy import ways
from solver.messages import Message, PlanFound, StartFound, WaysGone
from solver.plan import Plan, Seat
from solver.problem import Problem
from solver.progress import Progress
from solver.ruin import Ruin
from solver.search import Limits, Role, search
from solver.worker import Beside
from solver.workers import Job, ProcessPool
from tests.solver.build import bins, item, part, problem
from tests.solver.test_workers import easy, hard


def _seats(*places: int) -> tuple[tuple[Seat, ...], ...]:
    return (tuple(Seat(place, ((0, 1000),)) for place in places),)


def _four() -> Problem:
    one = item(part(1, devices=1))
    return problem(bins([[1000]] * 4), [one] * 4, [RefuseCharge("r", 0, {(i, 0): 2**i for i in range(4)})])


def test_two_plans_that_changed_different_things_become_one() -> None:
    case, base = _four(), Plan({0: _seats(0)})
    ruin = Ruin(case, Plan({0: _seats(0), 1: _seats(1)}), Random(0))
    assert ruin.join(Plan({0: _seats(0), 2: _seats(2)}), base)
    assert sorted(ruin.plan().seats) == [0, 1, 2]
    report = check(case, ruin.plan())
    assert not report.violations
    assert report.values == ruin.values == (8,)


def test_where_both_want_the_same_seat_another_one_is_found() -> None:
    case, base = _four(), Plan({0: _seats(0)})
    ruin = Ruin(case, Plan({0: _seats(0), 1: _seats(1)}), Random(0))
    assert ruin.join(Plan({0: _seats(0), 2: _seats(1)}), base)
    assert sorted(ruin.plan().seats) == [0, 1, 2]
    assert not check(case, ruin.plan()).violations


def test_a_join_that_would_be_worse_is_refused() -> None:
    base = Plan({0: _seats(0), 3: _seats(3)})
    ruin = Ruin(_four(), base, Random(0))
    assert not ruin.join(Plan({0: _seats(0), 1: _seats(1)}), base)


def test_what_others_have_found_is_not_told_again() -> None:
    best, told = Plan({i: _seats(i) for i in range(4)}), list[Message]()
    progress = Progress(_four(), Plan(), Limits(), told.append, lambda: [PlanFound(best, (0,))])
    progress.listen()
    progress.take(Plan({0: _seats(0)}))
    assert (progress.best, progress.values, told) == (best, (0,), [])


def test_a_search_waits_for_the_plan_that_it_was_promised() -> None:
    late = iter([[], [], [PlanFound(Plan({3: _seats(0)}), (7,))]])
    progress = Progress(_four(), Plan(), Limits(), lambda _: None, lambda: next(late), awaits=True)
    progress.begin()
    assert progress.values == (7,)


@pytest.mark.parametrize("short", [False, True])
def test_a_search_goes_the_last_greedy_ways_of_a_caller_that_is_short_of_time(
    short: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("solver.search._SHORT", 1e9)  # however fast the first bound is
    items = [item(part(1, devices=1)), item(part(1, devices=2)), item(part(4, devices=1))]
    charge = RefuseCharge("r", 0, {(0, 0): 5, (1, 0): 6, (2, 0): 2})
    case = problem(bins([[1000, 1000]] * 2), items, [charge])
    every = list(ways(case))
    told: list[Message] = []
    news: list[Message] = [WaysGone(1, every[0][1], short), StartFound(every[0][0], every[0][1], 4)]
    role = Role.HELPED

    def heard() -> list[Message]:
        return [news.pop(0)] if news else []

    search(case, Plan(), Limits(seconds=20.0), told.append, heard, role=role, awaits=True)
    gone = [message for message in told if isinstance(message, WaysGone)]
    assert [one.ways for one in gone] == ([1] if short else []), "after that way it hears that the caller has all"
    if short:
        before = told[: told.index(gone[0])]
        plans = [message for message in before if isinstance(message, PlanFound)]
        assert plans[-1].values == every[-1][1] == gone[0].values, "what it has gone it has told"


def test_a_helper_finds_plans_alone() -> None:
    told: list[Message] = []
    search(_four(), Plan(), Limits(seconds=5.0), told.append, role=Role.HELPER)
    assert [message for message in told if isinstance(message, PlanFound)][-1].values == (0,)


def test_a_search_that_is_told_to_end_ends() -> None:
    began = time.monotonic()
    search(hard(), Plan(), Limits(seconds=60.0), lambda _: None, lambda: iter([None]), role=Role.HELPER)
    assert time.monotonic() - began < 40


@pytest.fixture(scope="module")
def pair() -> Iterator[ProcessPool]:
    made = ProcessPool(2)
    assert made.warm_up()
    yield made
    made.close()


def test_a_helper_makes_room_for_the_next_job(pair: ProcessPool) -> None:
    stop = threading.Event()
    job = Job(hard(), Plan(), 60.0, None, helpers=1)
    first = threading.Thread(target=pair.run, args=(job, lambda _: None, stop.is_set))
    first.start()
    while pair.busy() < 2:
        time.sleep(0.01)
    told: list[object] = []
    assert pair.run(Job(easy(), Plan(), 40.0, None), told.append) is None
    assert told
    stop.set()
    first.join(30)
    assert not pair.busy()


def test_without_idle_processes_a_job_goes_alone(pair: ProcessPool) -> None:
    stop = threading.Event()
    first = threading.Thread(target=pair.run, args=(Job(hard(), Plan(), 60.0, None), lambda _: None, stop.is_set))
    first.start()
    while not pair.busy():
        time.sleep(0.01)
    assert pair.run(Job(easy(), Plan(), 20.0, None, helpers=1), lambda _: None) is None
    stop.set()
    first.join()


def test_the_plan_to_start_from_is_made_while_the_search_begins(
    pair: ProcessPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pair, "_parallel", True)
    made: list[int] = []
    told: list[object] = []

    def start(search: Beside | None) -> StartFound:
        made.append(pair.busy())
        assert search is not None
        search.pass_on(WaysGone(1, (28,)))
        while not told:
            search.listen()
        return StartFound(Plan({3: _seats(0)}), (7,))

    assert pair.run(Job(_four(), Plan(), 20.0, None, helpers=1), told.append, None, start) is None
    assert len(made) == 1
    assert min(message.values for message in told if isinstance(message, PlanFound)) == (0,)
