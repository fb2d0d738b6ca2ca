"""POST /v1/recommend and /v1/similar: always 200 with what is safe to show."""

import secrets
from collections.abc import Sequence
from functools import partial

import anyio.to_thread
import structlog
from litestar import Response, post
from litestar.openapi.datastructures import ResponseSpec

from recsys.types import Viewer
from serving.api.encode import encode_list
from serving.api.problems import MEDIA_TYPE, problem
from serving.api.schemas import ListResponse, RecommendRequest, SimilarRequest
from serving.asks import Answer, Ask
from serving.engine import Engine
from serving.measures import answered
from serving.runtime import Runtime, holder

log = structlog.get_logger()

NO_MODEL = "No model is published yet; train and promote one, the service picks it up by itself."
LIST = {200: ResponseSpec(ListResponse, description="A list; never an error for what could not be personalised.")}


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
        seed=secrets.randbits(53),  # so many bits survive in every JSON reader
    )


def similar_ask(data: SimilarRequest) -> Ask:
    """What the engine is asked for a SimilarRequest."""
    return Ask(
        viewer=_viewer(data),
        k=data.k,
        user_id=data.user_id,
        exclude=data.exclude,
        explain=data.explain,
        similar_to=data.item_id,
    )


def _viewer(data: RecommendRequest | SimilarRequest) -> Viewer:
    return Viewer(data.surface, data.territory, data.age, data.personalised, data.device, data.locale)


async def _answered(ask: Ask) -> Response[bytes]:
    status, kind, body = await listed(ask)
    return Response(body, status_code=status, media_type=kind)


async def listed(ask: Ask) -> tuple[int, str, bytes]:
    """Status, media type and body of the answer; the same through the route and through the shortcut to it."""
    runtime = holder.runtime()
    if runtime.engine is None:
        return 503, MEDIA_TYPE, problem(503, NO_MODEL)
    return 200, "application/json", encode_list(await answer_soon(runtime, ask))


async def answer_soon(runtime: Runtime, ask: Ask) -> Answer:
    """One list, made together with what else is queued."""
    if runtime.settings.remote:  # a store that is slow to answer must not hold up every other request
        return await anyio.to_thread.run_sync(answer_one, runtime, ask)
    return await runtime.queue.put(ask, partial(answer_many, runtime))


def answer_one(runtime: Runtime, ask: Ask) -> Answer:
    """One list, logged and counted."""
    return answer_many(runtime, [ask])[0]


def answer_many(runtime: Runtime, asks: Sequence[Ask]) -> list[Answer]:
    """A list each, logged and counted. A fault in personalisation falls back to the same list without it."""
    engine = runtime.engine
    if engine is None:
        raise RuntimeError("answer_many needs a published model")
    with answered() as measure:
        answers = _recommended(engine, asks)
        for answer in answers:
            measure(answer)
    runtime.decisions.write(answers)
    return answers


def _recommended(engine: Engine, asks: Sequence[Ask]) -> list[Answer]:
    try:
        return engine.recommend(asks)
    except Exception:
        if len(asks) > 1:  # one that fails must not take the others with it
            return [answer for ask in asks for answer in _recommended(engine, [ask])]
        log.exception("personalisation_failed")
        return [engine.impersonal(ask) for ask in asks]
