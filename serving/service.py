"""The BentoML service: the HTTP API mounted at its root, the guard around every route, the engine as APIs too."""

from typing import Any

import bentoml
import msgspec

from recsys.types import Viewer
from serving.api.app import create_app
from serving.api.encode import encode_list
from serving.api.lists import answer_one
from serving.asks import Ask
from serving.logs import configure_logs
from serving.measures import touch
from serving.middleware import Guard
from serving.runtime import holder
from serving.settings import Settings

TIMEOUT_SECONDS = 10


@bentoml.service(
    name="recsys",
    traffic={"timeout": TIMEOUT_SECONDS},
    logging={"access": {"enabled": False}},  # paths name users; request ids, metrics and the decision log remain
)
@bentoml.asgi_app(create_app(), path="/")
class Recommender:
    """One worker: its stores, its bundle, its engine."""

    def __init__(self) -> None:
        configure_logs()
        touch()
        self._runtime = holder.start(Settings())

    @bentoml.api(route="/bento/recommend")  # type: ignore[untyped-decorator]
    def recommend(self, user_id: str = "", k: int = 10, surface: str = "feed") -> dict[str, Any]:
        """The same engine for BentoML's own clients."""
        ask = Ask(Viewer(surface), max(1, min(k, 1000)), user_id=user_id or None)
        answer: dict[str, Any] = msgspec.json.decode(encode_list(answer_one(self._runtime, ask)))
        return answer

    def __is_ready__(self) -> bool:
        return self._runtime.engine is not None

    @bentoml.on_shutdown  # type: ignore[untyped-decorator]
    def close(self) -> None:
        """Flush the logs."""
        holder.stop()


Recommender.add_asgi_middleware(Guard)  # type: ignore[attr-defined]
