"""The synchronous client."""

import time
from collections.abc import Callable, Sequence
from typing import Self, TypeVar

import httpx

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
    ReasonBody,
    RecommendRequest,
    SimilarRequest,
    TakedownBody,
    TakedownRequest,
)
from serving.client import calls
from serving.client.calls import Call
from serving.client.errors import ApiError, Unavailable
from serving.client.retries import Retries

TIMEOUT = 5.0  # s
T = TypeVar("T")


class Client:
    """``with Client("https://recsys.example", key) as client: …``; safe to share between threads.

    ``http`` replaces the connection pool, as to reach an application in the same process.
    """

    def __init__(
        self,
        url: str,
        key: str,
        *,
        timeout: float = TIMEOUT,
        retries: Retries | None = None,
        http: httpx.Client | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._http = httpx.Client(base_url=url, timeout=timeout) if http is None else http
        self._http.headers["authorization"] = f"Bearer {key}"
        self._retries = Retries() if retries is None else retries
        self._sleep = sleep

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the connections back."""
        self._http.close()

    def recommend(self, request: RecommendRequest) -> ListResponse:
        """A list for a user, a session, or nobody in particular."""
        return self._send(calls.recommend(request))

    def similar(self, request: SimilarRequest) -> ListResponse:
        """A list around one work."""
        return self._send(calls.similar(request))

    def events(self, given: Sequence[EventIn]) -> EventsResponse:
        """Report what users did; an event without an id gets one, so that a retry counts once."""
        return self._send(calls.events(given))

    def items(self, given: Sequence[ItemIn]) -> ItemsResponse:
        """Add or change works."""
        return self._send(calls.items(given))

    def controls(self, user_id: str) -> ControlsBody:
        """What a user has chosen."""
        return self._send(calls.controls(user_id))

    def choose(self, user_id: str, chosen: ControlsBody) -> ControlsBody:
        """Replace what a user has chosen."""
        return self._send(calls.choose(user_id, chosen))

    def erase(self, user_id: str) -> ErasureResponse:
        """Erase a user."""
        return self._send(calls.erase(user_id))

    def override(self, request: OverrideRequest) -> OverrideBody:
        """Pin, boost, bury or exclude a work."""
        return self._send(calls.override(request))

    def overrides(self) -> tuple[OverrideBody, ...]:
        """Overrides in force or to come."""
        return self._send(calls.overrides())

    def revoke(self, override_id: str) -> None:
        """End an override."""
        return self._send(calls.revoke(override_id))

    def take_down(self, request: TakedownRequest) -> TakedownBody:
        """Take a work down, from the next request on."""
        return self._send(calls.take_down(request))

    def takedowns(self) -> tuple[TakedownBody, ...]:
        """Takedowns in force."""
        return self._send(calls.takedowns())

    def request_restore(self, takedown_id: str, reason: str) -> ReasonBody:
        """Ask to bring a work back; another person has to approve."""
        return self._send(calls.request_restore(takedown_id, reason))

    def approve_restore(self, takedown_id: str) -> None:
        """Bring a work back, as a second person."""
        return self._send(calls.approve_restore(takedown_id))

    def _send(self, call: Call[T]) -> T:
        attempt = 1
        while True:
            try:
                return call.read(self._answer(call))
            except ApiError as error:
                wait = self._retries.wait(attempt, error, repeatable=call.repeatable)
                if wait is None:
                    raise
            self._sleep(wait)
            attempt += 1

    def _answer(self, call: Call[T]) -> httpx.Response:
        try:
            return self._http.request(**call.request())
        except httpx.TransportError as error:
            raise Unavailable(f"{type(error).__name__} while the service was called") from error
