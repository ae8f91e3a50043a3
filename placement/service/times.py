"""How much time a call has: its limits, its clock, and what is measured to share it out."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass

from placement.errors import DeadlineExceeded

__all__ = ["Limits", "Times", "Usual"]

_PROMPT = 0.5
_WHOLE = 2.0
"""A call that has this part of its wish left when its turn comes, and so many times the least that its case needs, is
answered in time; others are granted a least: with less, greedy would place a part of the work or none."""
_ANSWER, _ANSWER_SHARE = 2.0, 0.04
"""What comes after a solve (writing the answer, the way back, the caller's reading) takes about so many times as long
as it took to read the request: both name all that waits. At most this part of a wish is kept for it."""


@dataclass(frozen=True)
class Limits:
    """What one call may cost, in milliseconds, and how much the server keeps and lets wait."""

    default_solve_ms: int = 2000
    max_solve_ms: int = 600_000
    reserve_ms: int = 150
    """Least part of a deadline kept back to reserve, encode and send the answer; more if that takes longer."""
    most_reserve_ms: int = 2000
    """Most that the measured reserve may grow to."""
    least_ms: int = 200
    """Solve time of a call that waited so long that less is left of its wish; more if a greedy plan takes longer."""
    least_per_workload_ms: int = 5
    """So much more for each workload but the first."""
    most_least_ms: int = 1500
    """Most that the measured time of a greedy plan may make of it."""
    gather_ms: int = 40
    """After a batch of several calls, how long the next one waits for those who were just answered."""
    batch: int = 1000
    """Workloads that may be decided together, of calls that wait at the same time."""
    late_ms: int = 500
    """An answer without a deadline counts as late if it takes so much longer than the solve time it asked for."""
    kept_answers: int = 512
    """Answers kept for repeated request ids."""
    waiting: int = 256
    """Calls that may wait for their turn; one more is refused with RESOURCE_EXHAUSTED."""
    stream_mib: int = 1024
    """Most that the parts of one PutFabricStream may add up to."""


class Usual:
    """What something takes, by measurement: nine in ten of the last 64 samples and a half more.

    More, since the next call may meet a busier moment; never less than `least_ms`, never more than `most_ms`.
    Thread safe.
    """

    def __init__(self, least_ms: int, most_ms: int) -> None:
        self._least_s = least_ms / 1000
        self._most_s = most_ms / 1000
        self._samples: deque[float] = deque(maxlen=64)
        self._lock = threading.Lock()

    def learn(self, took_s: float) -> None:
        """Add one measurement, seconds."""
        with self._lock:
            self._samples.append(took_s)

    @property
    def seconds(self) -> float:
        """What the next one should be given."""
        with self._lock:
            known = sorted(self._samples)
        usual_s = known[len(known) * 9 // 10] if known else 0.0
        return max(min(1.5 * usual_s, self._most_s), self._least_s)


@dataclass(frozen=True)
class Times:
    """When a call came and when its caller stops waiting (None: never), in seconds of `time.monotonic`."""

    came_s: float
    deadline_s: float | None
    reading_s: float = 0.0
    """What it took to read the request: by this the answer is thought to take, on this machine and for this size."""

    def remaining_ms(self, now_s: float, limits: Limits, reserve_s: float) -> int:
        """The longest solve that can still be answered. DeadlineExceeded if there is no time for any.

        At least a tenth of the time left is kept back, since gRPC rounds a deadline up on its way to the server. Where
        the measured reserve leaves nothing, the least one still allows for a greedy plan.
        """
        if self.deadline_s is None:
            return limits.max_solve_ms
        left_ms = int((self.deadline_s - now_s) * 1000)
        usable_ms = left_ms - max(int(reserve_s * 1000), left_ms // 10)
        usable_ms = max(usable_ms, min(limits.least_ms, left_ms - limits.reserve_ms))
        if usable_ms < 1:
            left = f"the deadline leaves {max(left_ms, 0)} ms"
            raise DeadlineExceeded(f"{left}, {limits.reserve_ms} are kept to answer; allow more time")
        return min(limits.max_solve_ms, usable_ms)

    def until_s(
        self, now_s: float, wall_ms: int | None, asked_ms: int, *, granted_ms: int, needed_ms: int
    ) -> float | None:
        """When the solve ends, for a budget of `wall_ms` from now; None for a work budget.

        The `asked_ms` of the caller count from the arrival of the call, and the answer is on its way before they are
        over. `granted_ms` are given to a call that waited long in line, or that asked for little more than the
        `needed_ms` of its case (see `ladder.least_ms`).
        """
        if wall_ms is None:
            return None
        asked_s = asked_ms / 1000
        due_s = self.came_s + asked_s - min(_ANSWER * self.reading_s, _ANSWER_SHARE * asked_s)
        if due_s - now_s < max(_PROMPT * asked_s, _WHOLE * needed_ms / 1000):
            due_s = max(due_s, now_s + granted_ms / 1000)
        return min(now_s + wall_ms / 1000, due_s)

    def late_s(self, now_s: float, asked_ms: int, limits: Limits) -> float:
        """By how many seconds an answer given now is late; 0 if it is in time."""
        due_s = self.came_s + (asked_ms + limits.late_ms) / 1000 if self.deadline_s is None else self.deadline_s
        return max(0.0, now_s - due_s)
