"""The BentoML service: the HTTP API mounted at its root, the guard around every route, the engine as APIs too."""

import os
from typing import Any, TypeVar

import bentoml
import msgspec
from bentoml._internal.configuration.containers import BentoMLContainer  # where `tracing` of its configuration ends up
from bentoml.exceptions import InvalidArgument, ServiceUnavailable
from opentelemetry import trace

from serving.api.app import create_app
from serving.api.lists import NO_MODEL, answer_one, recommend_ask, similar_ask
from serving.api.schemas import RecommendRequest, SimilarRequest
from serving.api.shortcut import Shortcut
from serving.asks import Ask, AskError
from serving.cors import Origins
from serving.logs import configure_logs
from serving.measures import touch
from serving.middleware import Guard
from serving.runtime import holder
from serving.settings import Settings

TIMEOUT_SECONDS = 10
T = TypeVar("T")


# BentoML wraps every request in a span that it then drops unless an exporter is configured: a fifth of a
# millisecond. Whoever configures BentoML (https://docs.bentoml.com, Tracing) has the spans.
CONFIGURED = any(name.startswith("BENTOML_CONFIG") for name in os.environ)
UNTRACED = {"excluded_urls": "/v1/,/bento/,livez,readyz,healthz,metrics"}


@bentoml.service(
    name="recsys",
    workers=holder.settings.processes,
    traffic={"timeout": TIMEOUT_SECONDS},
    **({} if CONFIGURED else {"tracing": UNTRACED}),
    # Paths name users: the guard's log line and metrics hold routes instead.
    logging={"access": {"enabled": False}},
    metrics={"enabled": False},
)
@bentoml.asgi_app(create_app(), path="/")
class Recommender:
    """One worker: its stores, its bundle, its engine."""

    def __init__(self) -> None:
        configure_logs()
        touch()
        trace.set_tracer_provider(BentoMLContainer.tracer_provider.get())
        self._runtime = holder.start(Settings())

    @bentoml.api(route="/bento/recommend")  # type: ignore[untyped-decorator]
    def recommend(self, request: dict[str, Any], /) -> dict[str, Any]:
        """POST /v1/recommend for BentoML's own clients: the same fields, the same engine."""
        return self._answer(recommend_ask(_read(request, RecommendRequest)))

    @bentoml.api(route="/bento/similar")  # type: ignore[untyped-decorator]
    def similar(self, request: dict[str, Any], /) -> dict[str, Any]:
        """POST /v1/similar for BentoML's own clients."""
        return self._answer(similar_ask(_read(request, SimilarRequest)))

    def _answer(self, ask: Ask) -> dict[str, Any]:
        if self._runtime.engine is None:
            raise ServiceUnavailable(NO_MODEL)
        try:
            answer: dict[str, Any] = msgspec.json.decode(answer_one(self._runtime, ask))
        except AskError as error:
            raise InvalidArgument(str(error)) from None
        return answer

    def __is_ready__(self) -> bool:
        return self._runtime.engine is not None

    @bentoml.on_shutdown  # type: ignore[untyped-decorator]
    def close(self) -> None:
        """Flush the logs."""
        holder.stop()


def _read(request: dict[str, Any], shape: type[T]) -> T:
    try:
        return msgspec.convert(request, shape)
    except msgspec.ValidationError as error:
        raise InvalidArgument(str(error)) from None


Recommender.add_asgi_middleware(Origins)  # type: ignore[attr-defined]
Recommender.add_asgi_middleware(Guard)  # type: ignore[attr-defined]
Recommender.add_asgi_middleware(Shortcut)  # type: ignore[attr-defined]
