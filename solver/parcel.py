"""How a job crosses to another process: its arrays beside it, in shared memory where the process is on this machine.

A pipe takes some hundred milliseconds for the arrays of 16,384 nodes, shared memory a tenth of that.
"""

from __future__ import annotations

import mmap
import os
import pickle
from dataclasses import dataclass
from multiprocessing import reduction
from multiprocessing.connection import Connection
from typing import Any

from solver.collector import no_collection

__all__ = ["Announced", "Parcel", "pack", "receive", "send"]

_SHARED = 2**20
"""Arrays of so many bytes in all go through shared memory; a pipe has taken fewer before that is set up."""
_ALIGNED = 64
_AT_ONCE = 512
"""Pieces that are written by one call of the system; it takes 1,024."""


@dataclass(frozen=True)
class Parcel:
    """Something pickled, and its arrays as they lie in memory: not copied yet."""

    head: bytes
    arrays: tuple[memoryview, ...]


@dataclass(frozen=True)
class Announced:
    """Announces a parcel; `turn` is its number."""

    turn: int
    sizes: tuple[int, ...]
    shared: bool


def pack(something: Any) -> Parcel:
    """Pickle it, arrays apart."""
    buffers: list[pickle.PickleBuffer] = []
    head = pickle.dumps(something, protocol=5, buffer_callback=buffers.append)
    return Parcel(head, tuple(buffer.raw() for buffer in buffers))


def send(pipe: Connection, parcel: Parcel, turn: int, *, away: bool) -> None:
    """Announce and send it; `away`: to another machine. OSError if nobody is there."""
    sizes = tuple(array.nbytes for array in parcel.arrays)
    shared = not away and sum(sizes) >= _SHARED and hasattr(os, "memfd_create")
    pipe.send(Announced(turn, sizes, shared))
    pipe.send_bytes(parcel.head)
    if not shared:
        for array in parcel.arrays:
            pipe.send_bytes(array)
        return
    memory = os.memfd_create("arrays")
    try:
        pieces: list[memoryview | bytes] = []
        for array in parcel.arrays:
            pieces += [array, bytes(-array.nbytes % _ALIGNED)]
        for first in range(0, len(pieces), _AT_ONCE):
            _write(memory, pieces[first : first + _AT_ONCE])
        reduction.send_handle(pipe, memory, None)
    finally:
        os.close(memory)


def _write(file: int, pieces: list[memoryview | bytes]) -> None:
    written = os.writev(file, pieces)
    for piece in pieces:
        done = min(written, len(piece))
        written -= done
        while done < len(piece):
            done += os.write(file, piece[done:])


def receive(pipe: Connection, announced: Announced) -> Any:
    """What was sent; its arrays are read-only. EOFError or OSError if the other end is gone."""
    head = pipe.recv_bytes()
    if not announced.shared:
        arrays = [memoryview(pipe.recv_bytes()) for _ in announced.sizes]
    else:
        memory, arrays, at = reduction.recv_handle(pipe), [], 0
        try:
            length = os.fstat(memory).st_size
            # All pages at once: they will all be read. Gone with the last array that lies in it.
            flags = mmap.MAP_SHARED | mmap.MAP_POPULATE
            view = memoryview(mmap.mmap(memory, length, flags=flags, prot=mmap.PROT_READ))
        finally:
            os.close(memory)
        for size in announced.sizes:
            arrays.append(view[at : at + size])
            at += size + -size % _ALIGNED
    with no_collection():
        return pickle.loads(head, buffers=arrays)  # noqa: S301 - the other end is our own parent process
