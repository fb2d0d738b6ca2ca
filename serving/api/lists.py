"""POST /v1/recommend and /v1/similar: always 200 with what is safe to show."""

import os
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import anyio
import anyio.to_thread
import structlog
from litestar import Response, post
from litestar.openapi.datastructures import ResponseSpec

from recsys.types import Viewer
from serving.api.encode import encode_list
from serving.api.problems import MEDIA_TYPE, problem
from serving.api.schemas import ListResponse, RecommendRequest, SimilarRequest
from serving.asks import Answer, Ask, AskError
from serving.laps import ENCODE
from serving.measures import answered
from serving.runtime import Runtime, holder
from serving.tracing import trace_stages

log = structlog.get_logger()

GRACE = 0.5  # s that the engine has to finish by itself what it has noticed to be late
NO_MODEL = "No model is published yet; train and promote one, the service picks it up by itself."
SHAPE = "A list; never an error for what could not be personalised."
LIST = {200: ResponseSpec(ListResponse, generate_examples=False, description=SHAPE)}


@post("/v1/recommend", status_code=200, responses=LIST, tags=["lists"], summary="Recommend works")
async def recommend(data: RecommendRequest) -> Response[bytes]:
    """A list for a user or a session."""
    return await _answered(recommend_ask(data))


@post("/v1/similar", status_code=200, responses=LIST, tags=["lists"], summary="Works close to one work")
async def similar(data: SimilarRequest) -> Response[bytes]:
    """A list around one work, under the same gate and overrides."""
    return await _answered(similar_ask(data))


def recommend_ask(data: RecommendRequest) -> Ask:
    """What the engine is asked for a RecommendRequest."""
    return Ask(
        viewer=_viewer(data),
        k=data.k,
        user_id=data.user_id,
        session=data.session,
        exclude=data.exclude,
        profile=data.profile,
        context=data.context,
        explain=data.explain,
        deadline=_deadline(),
        seed=int.from_bytes(os.urandom(7)) >> 3,  # 53 bits, which survive in every JSON reader
        filter=data.filter,
        series=data.series,
        page_token=data.page_token,
    )


def similar_ask(data: SimilarRequest) -> Ask:
    """What the engine is asked for a SimilarRequest."""
    return Ask(
        viewer=_viewer(data),
        k=data.k,
        user_id=data.user_id,
        exclude=data.exclude,
        explain=data.explain,
        deadline=_deadline(),
        similar_to=data.item_id,
        filter=data.filter,
        series=data.series,
        page_token=data.page_token,
    )


def _deadline() -> float:
    return time.monotonic() + holder.settings.list_seconds


def _viewer(data: RecommendRequest | SimilarRequest) -> Viewer:
    return Viewer(data.surface, data.territory, data.age, data.personalised, data.device, data.locale)


async def _answered(ask: Ask) -> Response[bytes]:
    status, kind, body = await listed(ask)
    return Response(body, status_code=status, media_type=kind)


async def listed(ask: Ask) -> tuple[int, str, bytes]:
    """Status, media type and body of the answer; the same through the route and through the shortcut to it.

    Raises AskError where the request itself is at fault.
    """
    runtime = holder.runtime()
    if runtime.engine is None:
        return 503, MEDIA_TYPE, problem(503, NO_MODEL)
    begun = time.perf_counter()
    if runtime.settings.remote:  # a store that is slow to answer must not hold up every other request
        answer = await _in_time(runtime, ask)
    else:
        found = await runtime.queue.put(ask, partial(_made_together, runtime))
        if isinstance(found, AskError):
            raise found
        answer = found
    body = _told(runtime, answer, begun)
    trace_stages(answer.laps)
    return 200, "application/json", body


async def _in_time(runtime: Runtime, ask: Ask) -> Answer:
    """The list; where a store keeps it waiting the list without the user, and nothing rather than an error."""
    engine, seconds = runtime.running(), runtime.settings.list_seconds + GRACE
    with anyio.move_on_after(seconds):
        return await anyio.to_thread.run_sync(_made, runtime, ask, abandon_on_cancel=True)
    plain, why = replace(ask, user_id=None), ("controls_unavailable", "deadline")
    with anyio.move_on_after(seconds):
        return await anyio.to_thread.run_sync(
            engine.impersonal, plain, *why, abandon_on_cancel=True, limiter=runtime.spare
        )
    return engine.nothing(ask, "deadline")


def answer_one(runtime: Runtime, ask: Ask) -> bytes:
    """One list as JSON, logged and counted, for callers that run in a thread of their own.

    Raises AskError where the request itself is at fault.
    """
    begun = time.perf_counter()
    return _told(runtime, _made(runtime, ask), begun)


def _made(runtime: Runtime, ask: Ask) -> Answer:
    """One list. A fault in personalisation falls back to the same list without it."""
    engine = runtime.running()
    try:
        return engine.recommend([ask])[0]
    except AskError:
        raise
    except Exception:
        log.exception("personalisation_failed")
        return engine.impersonal(ask)


def _made_together(runtime: Runtime, asks: Sequence[Ask]) -> list[Answer | AskError]:
    """A list each. One that fails, or a request that is at fault, must not take the others with it."""
    if len(asks) > 1:
        try:
            return list(runtime.running().recommend(asks))
        except Exception:  # noqa: BLE001 - each is asked again by itself, where it is said
            return [found for ask in asks for found in _made_together(runtime, [ask])]
    try:
        return [_made(runtime, asks[0])]
    except AskError as error:
        return [error]


def _told(runtime: Runtime, answer: Answer, begun: float) -> bytes:
    """The list as JSON, once it is in the decision log and in the metrics."""
    runtime.rehearsal.note(answer.ask)
    runtime.decisions.write([answer])
    runtime.trials.saw(answer)
    body = encode_list(answer)
    answer.laps.lap(ENCODE)
    answered(answer, time.perf_counter() - begun)
    return body
