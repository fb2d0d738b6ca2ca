"""A small typed client of the HTTP API, sync and async: ``pip install "recsys[client]"``.

It sends and gives the structs of ``serving.api.schemas`` and its neighbours and imports nothing of the server
beyond them. ``Methods`` says what it can do.
"""

from serving.api.campaign_schemas import (
    CampaignBody,
    CampaignIn,
    CapsIn,
    CheckedBody,
    HaltBody,
    HaltIn,
    HoursIn,
    PreviewBody,
    PreviewIn,
    SponsorIn,
    VersionBody,
)
from serving.api.decision_schemas import AuditBody
from serving.api.exposure_schemas import ExposureReport
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
from serving.client.errors import ApiError, Conflict, Forbidden, Invalid, NotFound, RateLimited, Unavailable
from serving.client.retries import Retries
from serving.client.synchronous import Client

__all__ = [
    "ApiError",
    "AsyncClient",
    "AuditBody",
    "CampaignBody",
    "CampaignIn",
    "CapsIn",
    "CheckedBody",
    "Client",
    "Conflict",
    "ControlsBody",
    "ErasureResponse",
    "EventIn",
    "EventsResponse",
    "ExposureReport",
    "Forbidden",
    "HaltBody",
    "HaltIn",
    "HoursIn",
    "Invalid",
    "ItemIn",
    "ItemsResponse",
    "ListResponse",
    "NotFound",
    "OverrideBody",
    "OverrideRequest",
    "PreviewBody",
    "PreviewIn",
    "RateLimited",
    "RecommendRequest",
    "Retries",
    "SimilarRequest",
    "SponsorIn",
    "TakedownBody",
    "TakedownRequest",
    "Unavailable",
    "VersionBody",
]
