"""Every call once: method, path, body, answer. Both clients send these and differ only in how they wait."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from urllib.parse import quote

import httpx
import msgspec

from serving.api.schemas import (
    ControlsBody,
    ErasureResponse,
    EventIn,
    EventsRequest,
    EventsResponse,
    ItemIn,
    ItemsRequest,
    ItemsResponse,
    ListResponse,
    OverrideBody,
    OverrideRequest,
    ReasonBody,
    RecommendRequest,
    SimilarRequest,
    TakedownBody,
    TakedownRequest,
)
from serving.client.errors import error_of

T = TypeVar("T")
JSON = {"content-type": "application/json"}


@dataclass(frozen=True)
class Call(Generic[T]):
    """One request and the type of its answer. ``repeatable``: sent twice it does what it does once."""

    method: str
    path: str
    answer: type[T]
    body: Any = None
    repeatable: bool = True
    key: str | None = None  # Idempotency-Key

    def request(self) -> dict[str, Any]:
        """Keyword arguments of httpx' ``request``."""
        headers = {} if self.key is None else {"idempotency-key": self.key}
        if self.body is None:
            return {"method": self.method, "url": self.path, "headers": headers}
        content = msgspec.json.encode(self.body)
        return {"method": self.method, "url": self.path, "content": content, "headers": JSON | headers}

    def read(self, answer: httpx.Response) -> T:
        """The typed answer; ApiError for a refusal. Fields that a newer service adds are passed over."""
        if answer.status_code >= 400:
            raise error_of(answer)
        return msgspec.json.decode(answer.content or b"null", type=self.answer)


def recommend(request: RecommendRequest) -> Call[ListResponse]:
    """A list for a user, a session, or nobody in particular."""
    return Call("POST", "/v1/recommend", ListResponse, request)


def similar(request: SimilarRequest) -> Call[ListResponse]:
    """A list around one work."""
    return Call("POST", "/v1/similar", ListResponse, request)


def events(given: Sequence[EventIn]) -> Call[EventsResponse]:
    """Events, each with an id, so that one that is sent again counts once."""
    named = tuple(msgspec.structs.replace(e, event_id=e.event_id or uuid.uuid4().hex) for e in given)
    return Call("POST", "/v1/events", EventsResponse, EventsRequest(named))


def items(given: Sequence[ItemIn]) -> Call[ItemsResponse]:
    """New or changed works."""
    return Call("PUT", "/v1/items", ItemsResponse, ItemsRequest(tuple(given)))


def controls(user_id: str) -> Call[ControlsBody]:
    """What a user has chosen."""
    return Call("GET", f"/v1/users/{part(user_id)}/controls", ControlsBody)


def choose(user_id: str, chosen: ControlsBody) -> Call[ControlsBody]:
    """Replace what a user has chosen."""
    return Call("PUT", f"/v1/users/{part(user_id)}/controls", ControlsBody, chosen)


def erase(user_id: str) -> Call[ErasureResponse]:
    """Erase a user."""
    return Call("DELETE", f"/v1/users/{part(user_id)}", ErasureResponse)


def override(request: OverrideRequest) -> Call[OverrideBody]:
    """Pin, boost, bury or exclude; sent twice it would be there twice."""
    return Call("POST", "/v1/overrides", OverrideBody, request, repeatable=False)


def overrides() -> Call[tuple[OverrideBody, ...]]:
    """Overrides in force or to come."""
    return Call("GET", "/v1/overrides", tuple[OverrideBody, ...])


def revoke(override_id: str) -> Call[None]:
    """End an override; a second try would find it gone."""
    return Call("DELETE", f"/v1/overrides/{part(override_id)}", type(None), repeatable=False)


def take_down(request: TakedownRequest) -> Call[TakedownBody]:
    """Take a work down; doing it again changes nothing."""
    return Call("POST", "/v1/takedowns", TakedownBody, request)


def takedowns() -> Call[tuple[TakedownBody, ...]]:
    """Takedowns in force."""
    return Call("GET", "/v1/takedowns", tuple[TakedownBody, ...])


def request_restore(takedown_id: str, reason: str) -> Call[ReasonBody]:
    """Ask to bring a work back."""
    path = f"/v1/takedowns/{part(takedown_id)}/restore"
    return Call("POST", path, ReasonBody, ReasonBody(reason), repeatable=False)


def approve_restore(takedown_id: str) -> Call[None]:
    """Bring a work back, as a second person."""
    return Call("POST", f"/v1/takedowns/{part(takedown_id)}/restore/approval", type(None), repeatable=False)


def part(name: str) -> str:
    """One part of a path, whatever the name holds."""
    return quote(name, safe="")
