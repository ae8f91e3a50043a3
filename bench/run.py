"""Run a suite: every answer timed, judged and written, in paired order, with the time that is left."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from bench.instance import Instance, Spec
from bench.machine import calibrate, environment, load
from bench.method import Answer, Method, Refusal
from bench.rows import Row, Rows
from bench.suite import Arm, Suite

__all__ = ["Plan", "run_suite"]

_MOST_VIOLATIONS = 20
_UNLIMITED_S = 5.0
"""Guess of what an answer without a limit takes, until one is measured."""


@dataclass(frozen=True)
class Plan:
    """What of a suite is run: instances, time limits, repetitions, and the methods by name (None: all)."""

    suite: Suite
    specs: Sequence[Spec]
    limits_s: tuple[float, ...]
    rounds: int = 1
    methods: frozenset[str] | None = None


@dataclass(frozen=True)
class _Job:
    spec: Spec
    arm: Arm
    round: int
    identity: str


_Say = Callable[[str], None]


def run_suite(plan: Plan, rows: Rows, say: _Say) -> list[Row]:
    """Rows of all answers in order; those that `rows` has are taken from there, the others measured and added.

    Per instance all methods follow one another, and every second round goes through them backwards (A B, B A), so that
    what changes on the machine meanwhile meets all alike. `say` takes lines for the reader.
    """
    where = environment()
    methods = _methods(plan, say)
    jobs = list(_jobs(plan, methods, where["code"]))
    found: list[Row] = []
    try:
        with _progress(jobs, rows) as tell:
            made: tuple[Spec, Instance[Any, Any]] | None = None
            for job in jobs:
                row = rows.known.get(job.identity)
                fresh = row is None
                if row is None:
                    if made is None or made[0] is not job.spec:
                        made = (job.spec, job.spec.make())
                    row = {"identity": job.identity, "suite": plan.suite.name, "about": plan.suite.about}
                    row |= {"scale": plan.suite.scale, "tier_names": list(plan.suite.tiers)}
                    row |= _measure(job, made[1], methods[job.arm.method]) | {"environment": where}
                    rows.add(row)
                found.append(row)
                tell(job, row, fresh)
    finally:
        for method in methods.values():
            method.close()
    return found


def _methods(plan: Plan, say: _Say) -> dict[str, Method[Any, Any]]:
    found = {}
    for name, make in plan.suite.methods.items():
        if plan.methods is not None and name not in plan.methods:
            continue
        method = make()
        why = method.missing()
        if why is None:
            found[name] = method
        else:
            say(f"{plan.suite.name}: {name} is skipped: {why}")
            method.close()
    return found


def _jobs(plan: Plan, methods: dict[str, Method[Any, Any]], code: str) -> Iterator[_Job]:
    arms = [
        Arm(name, limit) for name, method in methods.items() for limit in (plan.limits_s if method.timed else (None,))
    ]
    for spec in plan.specs:
        for turn in range(plan.rounds):
            for arm in arms if turn % 2 == 0 else reversed(arms):
                meaning = [plan.suite.name, dict(spec.key), arm.method, arm.limit_s, turn, code]
                yield _Job(spec, arm, turn, json.dumps(meaning, sort_keys=True))


def _measure(job: _Job, instance: Instance[Any, Any], method: Method[Any, Any]) -> Row:
    """One answer: prepared, timed, judged. A method that raises gets a row that says so.

    `answer_ms` is what a caller waits for once the subject is prepared; preparing and judging are timed beside it.
    """
    row: Row = {
        "instance": dict(job.spec.key),
        "content": instance.content,
        "size": dict(instance.size),
        "method": job.arm.method,
        "limit_s": job.arm.limit_s,
        "round": job.round,
        "idle": list(instance.idle),
        "known": instance.known,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "load": load(),
        "calibration_ms": calibrate(),
    }
    skipped = method.unfit(instance.subject)
    if skipped is not None:
        return row | {"skipped": skipped, "failed": None, "answer_ms": 0.0, "values": None}
    seed = int(job.spec.key.get("seed", 0))
    began = time.perf_counter()
    try:
        method.prepare(instance.subject)
        ready = time.perf_counter()
        answer = method.answer(instance.subject, time_limit_s=job.arm.limit_s or _UNLIMITED_S, seed=seed)
        answered = time.perf_counter()
    except Refusal as refusal:
        took_ms = _ms(time.perf_counter() - ready)
        return row | {"skipped": f"refused: {refusal}", "failed": None, "answer_ms": took_ms, "values": None}
    except Exception as error:  # noqa: BLE001 - what a baseline does is a result, not an end
        text = f"{type(error).__name__}: {error}"[:500]
        return row | {"failed": text, "answer_ms": _ms(time.perf_counter() - began), "values": None}
    return row | {
        "failed": None,
        "prepare_ms": _ms(ready - began),
        "answer_ms": _ms(answered - ready),
        **_judged(instance, answer),
        "judge_ms": _ms(time.perf_counter() - answered),
        "timings_ms": {name: round(value, 2) for name, value in answer.timings_ms.items()},
        "note": answer.note[:300],
    }


def _judged(instance: Instance[Any, Any], answer: Answer[Any]) -> Row:
    judged = instance.judge(answer)
    figures = {**answer.figures, **judged.figures}
    return {
        "values": list(judged.values),
        "bounds": list(answer.bounds),
        "admitted": judged.admitted,
        "violations": list(judged.violations[:_MOST_VIOLATIONS]),
        **({"figures": figures} if figures else {}),
    }


def _ms(seconds: float) -> float:
    return round(seconds * 1e3, 2)


_Tell = Callable[[_Job, Row, bool], None]


class _Left:
    """Seconds left: what jobs of the same arm took on the same kind of instance, else what the limit promises."""

    def __init__(self, jobs: Sequence[_Job], rows: Rows) -> None:
        self._todo = [job for job in jobs if job.identity not in rows.known]
        self._took: dict[tuple[str, str], list[float]] = {}
        self._last = time.monotonic()

    def done(self, job: _Job) -> None:
        """A job was measured just now."""
        now = time.monotonic()
        self._took.setdefault(_kind(job), []).append(now - self._last)
        self._last = now
        self._todo.remove(job)

    def seconds(self) -> float:
        """What is left by the means so far."""
        means = {kind: sum(took) / len(took) for kind, took in self._took.items()}
        promised = sum(means.get(_kind(job), (job.arm.limit_s or _UNLIMITED_S) + 1) for job in self._todo)
        return float(promised)


def _kind(job: _Job) -> tuple[str, str]:
    size = {name: value for name, value in job.spec.key.items() if name != "seed"}
    return json.dumps(size, sort_keys=True), job.arm.name


@contextmanager
def _progress(jobs: Sequence[_Job], rows: Rows) -> Iterator[_Tell]:
    """A bar on a terminal, else a line per answer; both on stderr, both with the time that is left."""
    console = Console(stderr=True, markup=False, highlight=False, emoji=False)
    left = _Left(jobs, rows)
    total, count = len(jobs), iter(range(1, len(jobs) + 1))

    def line(job: _Job, row: Row, fresh: bool) -> str:
        if fresh:
            left.done(job)
        said = f"{row['values'] or 'done'} in {row['answer_ms'] / 1e3:.2f} s"
        said = f"skipped: {row['skipped']}" if "skipped" in row else "FAILED" if row["failed"] else said
        said += ", INVALID" if row.get("violations") else ""
        key = " ".join(f"{name}={value}" for name, value in job.spec.key.items())
        return f"{key} {job.arm.name}: {said}{'' if fresh else ' (known)'}, {_clock(left.seconds())} left"

    if not console.is_terminal:
        yield lambda job, row, fresh: _write(f"{next(count)}/{total} {line(job, row, fresh)}\n")
        return
    columns = (BarColumn(20), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}", markup=False))
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("starting", total=total)
        yield lambda job, row, fresh: progress.update(task, advance=1, description=line(job, row, fresh))


def _write(text: str) -> None:
    sys.stderr.write(text)
    sys.stderr.flush()


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"
