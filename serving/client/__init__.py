"""A small typed client of the HTTP API, sync and async: ``pip install "recsys[client]"``.

It sends and gives the structs of ``serving.api.schemas`` and imports nothing of the server beyond them.
"""

from serving.api.schemas import (
    ControlsBody,
    ErasureResponse,
    EventIn,
    EventsResponse,
    ItemIn,
    ItemsResponse,
    ListResponse,
    OverrideBody,
    OverrideRequest,
    RecommendRequest,
    SimilarRequest,
    TakedownBody,
    TakedownRequest,
)
from serving.client.asynchronous import AsyncClient
from serving.client.errors import ApiError, Forbidden, Invalid, NotFound, RateLimited, Unavailable
from serving.client.retries import Retries
from serving.client.synchronous import Client

__all__ = [
    "ApiError",
    "AsyncClient",
    "Client",
    "ControlsBody",
    "ErasureResponse",
    "EventIn",
    "EventsResponse",
    "Forbidden",
    "Invalid",
    "ItemIn",
    "ItemsResponse",
    "ListResponse",
    "NotFound",
    "OverrideBody",
    "OverrideRequest",
    "RateLimited",
    "RecommendRequest",
    "Retries",
    "SimilarRequest",
    "TakedownBody",
    "TakedownRequest",
    "Unavailable",
]
