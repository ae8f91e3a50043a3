"""Answers kept by request id: a repeated call gets the first answer, also while that is still in the making."""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar, cast

from google.protobuf.message import Message

from placement.errors import Conflict

__all__ = ["Answers"]

T = TypeVar("T", bound=Message)


class Answers:
    """The last `size` answers. Lives on the event loop; failures are not kept."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._kept: OrderedDict[str, tuple[bytes, asyncio.Task[Any]]] = OrderedDict()

    async def once(self, request: Message, key: str, answer: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """The answer of the first call with this key; `answer()` if there was none, or if the key is empty.

        Conflict if the key came before with another body or for another method.
        """
        if not key:
            return await answer()
        name = str(request.DESCRIPTOR.full_name)
        body = hashlib.sha256(name.encode() + b"\0" + request.SerializeToString(deterministic=True)).digest()
        known = self._kept.get(key)
        if known is not None and known[0] != body:
            raise Conflict(f"request_id {key[:60]!r} came before with another body; use a new id")
        if known is None:
            known = body, asyncio.create_task(answer())
            known[1].add_done_callback(lambda task: self._forget_failure(key, task))
            self._kept[key] = known
            while len(self._kept) > self._size:
                self._kept.popitem(last=False)
        # The caller may go away; the answer is still wanted by the retry.
        return cast("T", await asyncio.shield(known[1]))

    def _forget_failure(self, key: str, task: asyncio.Task[Any]) -> None:
        known = self._kept.get(key)
        if known is not None and known[1] is task and (task.cancelled() or task.exception() is not None):
            del self._kept[key]
