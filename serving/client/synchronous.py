"""The synchronous client."""

import time
from collections.abc import Callable
from typing import Self, TypeVar

import httpx

from serving.client.calls import Call
from serving.client.errors import ApiError, Unavailable
from serving.client.methods import Methods
from serving.client.retries import Retries

TIMEOUT = 5.0  # s
T = TypeVar("T")


class Client(Methods):
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

    def send(self, call: Call[T]) -> T:
        """Send a call and read its answer, again where that is harmless. ApiError for a refusal."""
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
