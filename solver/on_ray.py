"""Helpers on a Ray cluster: a task for each, which connects to a `Landing`; Ray finds it a processor."""

from __future__ import annotations

import threading
import time
from types import ModuleType

from solver.landing import Landing, help_at
from solver.workers import ProcessPool

__all__ = ["RayHelpers"]

_LOOK_S = 0.1


class RayHelpers:
    """So many helpers for a pool, spread over the nodes of a Ray cluster; a lost node's are started elsewhere.

    `address` as of `ray.init` ("auto": the cluster of this machine). The nodes need this package installed, and must
    reach this machine. ImportError without the extra `ray`; ConnectionError if there is no such cluster.
    """

    def __init__(self, pool: ProcessPool, count: int, address: str | None = None) -> None:
        self._ray = _ray()
        self._own = not self._ray.is_initialized()
        if self._own:
            self._ray.init(address=address, logging_level="ERROR", log_to_driver=False)
        self._pool = pool
        self._closed = False
        self._asking = threading.Lock()
        """Held while the cluster is asked, so that it is not left in the midst of that."""
        self.landing = Landing(pool, str(self._ray.util.get_node_ip_address()))
        task = self._ray.remote(num_cpus=1, max_retries=-1, scheduling_strategy="SPREAD")(help_at)
        self._tasks = [task.remote(*self.landing.address, self.landing.key) for _ in range(count)]

    def ready(self, count: int, seconds: float) -> int:
        """Wait until so many help, at most so long, or until it is closed; how many do.

        RuntimeError with the reason if one cannot help.
        """
        until = time.monotonic() + seconds
        while (there := self._pool.away()) < count and time.monotonic() < until:
            with self._asking:
                if self._closed:
                    break
                ended, _ = self._ray.wait(self._tasks, num_returns=1, timeout=_LOOK_S)
                if ended:
                    try:
                        self._ray.get(ended)
                    except Exception as error:
                        raise RuntimeError(f"a Ray task that should help has failed: {_cause(error)}") from error
        return there

    def close(self) -> None:
        """No more helpers; those that are there end with the pool, or now."""
        self._closed = True
        with self._asking:
            pass
        self.landing.close()
        for task in self._tasks:
            self._ray.cancel(task, force=True)
        if self._own:
            self._ray.shutdown()


def _cause(error: Exception) -> str:
    """What was raised in the task, without the traceback that Ray prints around it."""
    cause = getattr(error, "cause", None)
    return str(error) if cause is None else f"{type(cause).__name__}: {cause}"


def _ray() -> ModuleType:
    import ray  # noqa: PLC0415 - an extra, and slow to import

    found: ModuleType = ray
    return found
