"""Bytes that are no message: refused as INVALID_ARGUMENT, where gRPC alone would answer UNKNOWN."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc
import grpc.aio
from google.protobuf.message import DecodeError, Message
from grpc_status import rpc_status

from placement.errors import InputError
from placement.service.status import status_of

__all__ = ["ReadableRequests"]


class ReadableRequests(grpc.aio.ServerInterceptor):
    """Reads the requests of one service inside the call, so that a fault has its code, its field and its mend."""

    def __init__(self, service: str) -> None:
        """`service` is the full name, such as `placement.v1.PlacementService`."""
        self._prefix = f"/{service}/"

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:
        """The handler of the call, fed with bytes."""
        handler = await continuation(handler_call_details)
        method: str = handler_call_details.method
        if handler is None or not method.startswith(self._prefix):
            return handler
        read = handler.request_deserializer

        if handler.request_streaming:

            async def call_stream(parts: AsyncIterator[bytes], context: Any) -> Any:
                return await handler.stream_unary(_read_all(read, parts), context)

            return grpc.stream_unary_rpc_method_handler(call_stream, response_serializer=handler.response_serializer)

        async def call(data: bytes, context: Any) -> Any:
            try:
                request = _read(read, data)
            except InputError as error:
                status = rpc_status.to_status(status_of(error))
                await context.abort(status.code, status.details, status.trailing_metadata)
            return await handler.unary_unary(request, context)

        return grpc.unary_unary_rpc_method_handler(call, response_serializer=handler.response_serializer)


def _read(read: Callable[[bytes], Message], data: bytes) -> Message:
    try:
        return read(data)
    except DecodeError:
        raise InputError(
            "request", f"{len(data)} bytes are no message of this call", "send what the contract of placement.v1 says"
        ) from None


async def _read_all(read: Callable[[bytes], Message], parts: AsyncIterator[bytes]) -> AsyncIterator[Message]:
    async for data in parts:
        yield _read(read, data)
