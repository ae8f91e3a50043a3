"""Pausing the garbage collector while very many objects are made that all stay."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["collection", "no_collection"]


@contextmanager
def no_collection() -> Iterator[None]:
    """Pause the garbage collector: looking through what is being made would take up to a third of the time.

    For steps that make no cycles. Who finds it paused leaves it so; who paused it sets it going again.
    """
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


@contextmanager
def collection() -> Iterator[None]:
    """Inside a pause: set the garbage collector going for a step that takes long and may make cycles."""
    collecting = gc.isenabled()
    gc.enable()
    try:
        yield
    finally:
        if not collecting:
            gc.disable()
