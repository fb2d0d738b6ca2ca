"""POST /v1/recommend and /v1/similar: always 200 with what is safe to show."""

import secrets

import anyio.to_thread
import structlog
from litestar import Response, post
from litestar.openapi.datastructures import ResponseSpec

from recsys.types import Viewer
from serving.api.encode import encode_list
from serving.api.problems import problem
from serving.api.schemas import ListResponse, RecommendRequest, SimilarRequest
from serving.asks import Answer, Ask, AskError
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
        similar_to=data.item_id,
        filter=data.filter,
        series=data.series,
        page_token=data.page_token,
    )


def _viewer(data: RecommendRequest | SimilarRequest) -> Viewer:
    return Viewer(data.surface, data.territory, data.age, data.personalised, data.device, data.locale)


async def _answered(ask: Ask) -> Response[bytes]:
    runtime = holder.runtime()
    if runtime.engine is None:
        return Response(problem(503, NO_MODEL), status_code=503, media_type="application/problem+json")
    if runtime.settings.remote:  # a store that is slow to answer must not hold up every other request
        answer = await anyio.to_thread.run_sync(answer_one, runtime, ask)
    else:
        answer = answer_one(runtime, ask)
    return Response(encode_list(answer), media_type="application/json")


def answer_one(runtime: Runtime, ask: Ask) -> Answer:
    """One list, logged and counted. A fault in personalisation falls back to the same list without it.

    Raises AskError where the request itself is at fault.
    """
    engine = runtime.engine
    if engine is None:
        raise RuntimeError("answer_one needs a published model")
    with answered() as measure:
        try:
            answer = engine.recommend([ask])[0]
        except AskError:
            raise
        except Exception:
            log.exception("personalisation_failed")
            answer = engine.impersonal(ask)
        measure(answer)
    runtime.decisions.write([answer])
    runtime.trials.saw(answer)
    return answer
