"""Workers whose search is written by a test."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import replace

from solver.worker import Meanwhile
from solver.workers import Job


class Scripted(ABC):
    """Keeps what `solver.workers.Workers.run` promises: the plan to start from is made once, whatever the search does.

    `jobs` are those that it was given, the plan to start from in them.
    """

    def __init__(self) -> None:
        self.jobs: list[Job] = []

    def run(
        self,
        job: Job,
        tell: Callable[[object], None],
        cancelled: Callable[[], bool] | None = None,
        meanwhile: Meanwhile | None = None,
    ) -> str | None:
        """Make the plan to start from, then search."""
        self.jobs.append(job if meanwhile is None else replace(job, start=meanwhile(None).plan))
        return self.search(self.jobs[-1], tell)

    @abstractmethod
    def search(self, job: Job, tell: Callable[[object], None]) -> str | None:
        """What it tells, and how it ends."""


class Told(Scripted):
    """Tells some messages and ends."""

    def __init__(self, *messages: object, ending: str | None = None) -> None:
        super().__init__()
        self.messages, self.ending = messages, ending

    def search(self, job: Job, tell: Callable[[object], None]) -> str | None:
        """Tell them."""
        for message in self.messages:
            tell(message)
        return self.ending
