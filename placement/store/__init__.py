"""What the service knows, behind one protocol: the fabric, the running work, and the version of both."""

from placement.store.memory import MemoryStore
from placement.store.protocol import AlreadyRunning, NoFabric, State, Store
from placement.store.reconcile import Difference, DifferenceKind, differences

__all__ = [
    "AlreadyRunning",
    "Difference",
    "DifferenceKind",
    "MemoryStore",
    "NoFabric",
    "State",
    "Store",
    "differences",
]
