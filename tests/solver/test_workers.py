import multiprocessing as mp
import os
import signal
import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest

from solver.atoms import RefuseCharge, Share
from solver.check import check
from solver.items import Bins, Demand, Item, Part
from solver.messages import BoundFound, PlanFound, StartFound
from solver.plan import Plan
from solver.problem import Problem
from solver.worker import Beside
from solver.workers import Inline, Job, ProcessPool
from tests.solver.build import at, bins, item, part, problem


@pytest.fixture(scope="module")
def pool() -> Iterator[ProcessPool]:
    made = ProcessPool(1)
    assert made.warm_up()
    yield made
    made.close()


def easy() -> Problem:
    """One item, one place."""
    return problem(bins([[1000]]), [item(part(1, devices=1))], [RefuseCharge("r", 0, {(0, 0): 7})])


def hard() -> Problem:
    """A market-split problem: far more than a second for any solver."""
    rng = np.random.default_rng(1)
    count, rows = 60, 6
    weights = rng.integers(1, 100, (rows, count))
    items = tuple(
        Item(f"i{k}", item(part()).bundles, (Part("p", Demand(resources=tuple(weights[:, k].tolist())), 1, 1),))
        for k in range(count)
    )
    free = Bins(np.zeros((2, 0), np.int64), np.tile(weights.sum(axis=1) // 3, (2, 1)))
    worth = RefuseCharge("r", 0, {(k, 0): int(weights[:, k].sum()) for k in range(count)})
    return problem(free, items, [worth, Share("s", "x", {(k, 0): 1 for k in range(count)}, limit=55)])


def test_messages_come_back_from_the_process(pool: ProcessPool) -> None:
    told: list[object] = []
    assert pool.run(Job(easy(), Plan(), 20.0, None), told.append) is None
    plans = [m for m in told if isinstance(m, PlanFound)]
    assert plans[-1].values == (0,)


def test_a_search_that_merges_tells_and_hears_of_the_problem_as_it_was(pool: ProcessPool) -> None:
    alike = [item(part(1, devices=1))] * 4
    worth = RefuseCharge("r", 0, {(k, 0): 7 for k in range(4)})
    case = problem(bins([[1000, 1000], [1000, 0]]), alike, [worth])
    start = Plan({2: (at(1),)})
    for runs in (pool, Inline()):
        told: list[object] = []
        job = Job(case, start, 20.0, None, merges=True)
        assert runs.run(job, told.append, None, lambda _: StartFound(start, (21,))) is None
        plans = [m for m in told if isinstance(m, PlanFound)]
        assert plans[-1].values == (7,)
        for found in plans:
            report = check(case, found.plan)
            assert not report.violations
            assert report.values == found.values


def test_what_was_told_is_heard_even_if_the_caller_took_all_the_time(
    pool: ProcessPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "_parallel", True)
    told: list[object] = []

    def start(search: Beside | None) -> StartFound:
        time.sleep(4.0)
        return StartFound(Plan(), (7,))

    pool.run(Job(easy(), Plan(), 3.5, None), told.append, None, start)
    assert any(isinstance(message, BoundFound) for message in told)
    assert pool.warm_up()


def test_a_late_search_is_killed_and_the_pool_goes_on(pool: ProcessPool) -> None:
    began = time.monotonic()
    # Deterministic work instead of seconds keeps the worker itself from noticing the time: only the kill ends it.
    reason = pool.run(Job(hard(), Plan(), 1.0, None), lambda _: None)
    assert time.monotonic() - began < 4.0
    assert reason in {None, "out of time"}
    assert pool.warm_up()
    assert pool.run(Job(easy(), Plan(), 20.0, None), lambda _: None) is None


@pytest.mark.parametrize("goes_on", [True, False])
def test_a_late_search_keeps_its_process_if_it_ends_soon_and_loses_it_if_not(goes_on: bool) -> None:
    made = ProcessPool(1)
    try:
        assert made.warm_up()
        (process,) = (worker.process for worker in made._idle)
        assert process.pid is not None
        told: list[str | None] = []
        search = threading.Thread(target=lambda: told.append(made.run(Job(hard(), Plan(), 1.0, None), lambda _: None)))
        search.start()
        time.sleep(0.3)
        os.kill(process.pid, signal.SIGSTOP)  # as a machine that has no processor for it
        search.join(20)
        assert told == ["out of time"], "the answer does not wait for the process"
        if goes_on:
            os.kill(process.pid, signal.SIGCONT)
        else:
            until = time.monotonic() + 20
            while process.is_alive() and time.monotonic() < until:
                time.sleep(0.05)  # no join: the pool waits for the same process, and only one of two is told its end
            assert not process.is_alive()
        assert made.run(Job(easy(), Plan(), 60.0, None), lambda _: None) is None
        (now,) = (worker.process for worker in made._idle)
        assert (now.pid == process.pid) is goes_on
    finally:
        made.close()


def test_cancelling_ends_it_soon(pool: ProcessPool) -> None:
    began = time.monotonic()
    reason = pool.run(Job(hard(), Plan(), 30.0, None), lambda _: None, lambda: time.monotonic() - began > 0.5)
    assert reason == "cancelled"
    assert time.monotonic() - began < 5.0
    assert pool.warm_up()


def test_a_failing_search_says_why(pool: ProcessPool) -> None:
    broken = Plan({5: ()})
    reason = pool.run(Job(easy(), broken, 20.0, None), lambda _: None)
    assert reason is None or reason.startswith("failed: ")
    assert pool.warm_up()
    assert pool.run(Job(easy(), Plan(), 20.0, None), lambda _: None) is None


def test_a_busy_pool_makes_others_wait_until_their_time_is_up(pool: ProcessPool) -> None:
    assert pool.warm_up()
    stop = threading.Event()
    first = threading.Thread(target=pool.run, args=(Job(hard(), Plan(), 30.0, None), lambda _: None, stop.is_set))
    first.start()
    time.sleep(0.3)
    reason = pool.run(Job(easy(), Plan(), 0.3, None), lambda _: None)
    stop.set()
    first.join(10)
    assert reason == "no idle worker"
    assert pool.warm_up()


def test_a_spare_takes_the_place_of_a_killed_process_and_no_more_than_its_place() -> None:
    made = ProcessPool(1, spare=1)
    try:
        assert made.warm_up()
        began = time.monotonic()
        cancelled = made.run(Job(hard(), Plan(), 30.0, None), lambda _: None, lambda: time.monotonic() - began > 0.2)
        assert cancelled == "cancelled"
        told: list[object] = []
        # Long before another process could have booted and imported the solver.
        assert made.run(Job(easy(), Plan(), 0.8, None), told.append) != "the worker was not ready in time"
        assert told
        stop = threading.Event()
        first = threading.Thread(target=made.run, args=(Job(hard(), Plan(), 30.0, None), told.append, stop.is_set))
        first.start()
        time.sleep(0.3)
        assert made.run(Job(easy(), Plan(), 0.3, None), told.append) == "no idle worker"
        stop.set()
        first.join(10)
    finally:
        made.close()


def test_idle_processes_that_were_killed_are_replaced() -> None:
    made = ProcessPool(1)
    try:
        assert made.warm_up()
        for worker in made._idle:
            worker.process.kill()
            worker.process.join(5)
        assert made.run(Job(easy(), Plan(), 30.0, None), lambda _: None) is None
    finally:
        made.close()


def test_closing_leaves_no_process_behind() -> None:
    before = {p.pid for p in mp.active_children()}
    other = ProcessPool(1)
    other.close()
    assert {p.pid for p in mp.active_children()} <= before
    assert other.run(Job(easy(), Plan(), 0.2, None), lambda _: None) == "no idle worker"


def test_one_timer_looks_after_all_late_searches() -> None:
    """A server whose searches are late one after the other must not gather a thread for each of them."""
    made = ProcessPool(2)
    try:
        assert made.warm_up()
        told: list[str | None] = []
        job = Job(hard(), Plan(), 1.0, None)
        searches = [threading.Thread(target=lambda: told.append(made.run(job, lambda _: None))) for _ in range(2)]
        pids = [worker.process.pid for worker in made._idle]
        for search in searches:
            search.start()
        time.sleep(0.3)
        for pid in pids:
            assert pid is not None
            os.kill(pid, signal.SIGSTOP)
        for search in searches:
            search.join(20)
        assert told == ["out of time"] * 2

        def timers() -> int:
            return sum(isinstance(t, threading.Timer) and t.function == made._collect for t in threading.enumerate())

        # One that has just looked may still be there beside the next; two that both look are always there.
        seen = []
        for _ in range(20):
            seen.append(timers())
            time.sleep(0.02)
        assert min(seen) == 1
    finally:
        made.close()
