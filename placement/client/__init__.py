"""A typed client of the service: documents in, documents out, errors of `placement.errors`. Sync and async."""

from placement.client.aio import AsyncClient
from placement.client.calls import CheckOptions, EditOptions, PlaceOptions, ReconcileOptions, Timeouts, WhatIfOptions
from placement.client.errors import ServerError
from placement.client.sync import Client

__all__ = [
    "AsyncClient",
    "CheckOptions",
    "Client",
    "EditOptions",
    "PlaceOptions",
    "ReconcileOptions",
    "ServerError",
    "Timeouts",
    "WhatIfOptions",
]
