"""The store in memory: it forgets everything when the process ends."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Collection, Mapping
from types import MappingProxyType

from placement.errors import NotFound, StaleVersion
from placement.model import Running
from placement.model.canonical import canonical
from placement.store.protocol import AlreadyRunning, NoFabric, State
from topology.fabric import Fabric

__all__ = ["MemoryStore"]


class MemoryStore:
    """See `placement.store.Store`. Readers take no lock: a state is replaced, never changed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._state: State | None = None
        self._count = 0
        # A version of an earlier life of the server must not look like one of this.
        self._life = uuid.uuid4().hex[:8]

    def read(self) -> State:
        """See `Store.read`."""
        if self._state is None:
            raise NoFabric
        return self._state

    def put(self, fabric: Fabric, running: Collection[Running], expected_fabric: str | None = None) -> State:
        """See `Store.put`."""
        added = _added({}, running)
        with self._lock:
            if expected_fabric is not None:
                held = self.read().fabric.version
                if held != expected_fabric:
                    raise StaleVersion(expected_fabric, held)
            return self._replace(fabric, added)

    def commit(
        self,
        expected: str,
        *,
        fabric: Fabric | None = None,
        add: Collection[Running] = (),
        remove: Collection[str] = (),
    ) -> State:
        """See `Store.commit`."""
        with self._lock:
            state = self.read()
            if state.version != expected:
                raise StaleVersion(expected, state.version)
            kept = dict(state.running)
            for name in remove:
                if kept.pop(name, None) is None:
                    raise NotFound("running workload", name)
            return self._replace(fabric or state.fabric, _added(kept, add))

    def _replace(self, fabric: Fabric, running: Mapping[str, Running]) -> State:
        self._count += 1
        self._state = State(f"{self._life}-{self._count}", fabric, MappingProxyType(running))
        return self._state


def _added(kept: dict[str, Running], new: Collection[Running]) -> dict[str, Running]:
    for one in new:
        if one.workload.id in kept:
            raise AlreadyRunning(one.workload.id)
        kept[one.workload.id] = canonical(one)
    return kept
