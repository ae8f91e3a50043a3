"""Bytes that are no message, or too many: INVALID_ARGUMENT with field and mend, where gRPC alone would say neither."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc
import grpc.aio
from google.protobuf.message import DecodeError, Message
from grpc_status import rpc_status

from placement.errors import InputError
from placement.limits import InputLimits
from placement.service.metrics import Metrics
from placement.service.status import status_of

__all__ = ["ReadableRequests"]


class ReadableRequests(grpc.aio.ServerInterceptor):
    """Reads the requests of one service inside the call, so that a fault has its code, its field and its mend."""

    def __init__(self, service: str, inputs: InputLimits, metrics: Metrics) -> None:
        """`service` is the full name, such as `placement.v1.PlacementService`."""
        self._prefix = f"/{service}/"
        self._inputs = inputs
        self._metrics = metrics

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
                return await handler.stream_unary(self._read_all(read, parts), context)

            return grpc.stream_unary_rpc_method_handler(call_stream, response_serializer=handler.response_serializer)

        async def call(data: bytes, context: Any) -> Any:
            try:
                request = self._read(read, data)
            except InputError as error:
                status = rpc_status.to_status(status_of(error))
                self._metrics.calls.labels(method.removeprefix(self._prefix), status.code.name).inc()
                await context.abort(status.code, status.details, status.trailing_metadata)
            return await handler.unary_unary(request, context)

        return grpc.unary_unary_rpc_method_handler(call, response_serializer=handler.response_serializer)

    def _read(self, read: Callable[[bytes], Message], data: bytes) -> Message:
        self._inputs.check_bytes(len(data), "request")
        try:
            return read(data)
        except DecodeError:
            mend = "send what the contract of placement.v1 says"
            raise InputError("request", f"{len(data)} bytes are no message of this call", mend) from None

    async def _read_all(self, read: Callable[[bytes], Message], parts: AsyncIterator[bytes]) -> AsyncIterator[Message]:
        async for data in parts:
            yield self._read(read, data)
