"""Where the time of one request goes: the engine, then every layer around it, in one process and without a network."""

import asyncio
import math
import os
import statistics
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any

import msgspec

from benchmarks.form import Options, result
from benchmarks.serving_cases import CASES, Case, case_of
from serving.laps import STAGES

BARS = "none: milliseconds of a request by layer"
BATCHES = (1, 4, 16)
ROUNDS = 5


def run(options: Options) -> dict[str, Any]:
    """Each layer in turn, the cheapest of several rounds, so that what else runs on the machine is left out."""
    begin = time.perf_counter()
    names = [name for name in CASES if options.case in (None, name)]
    details = {name: _layers(case_of(name, options), 40 if options.quick else 200) for name in names}
    return result("serve_stages", [], details=details, settings={}, seconds=time.perf_counter() - begin)


def _layers(case: Case, requests: int) -> dict[str, float]:
    os.environ |= {"RECSYS_VAR": str(case.var), "BENTOML_DO_NOT_TRACK": "True"}
    # after the environment is set, which they read
    from serving.api.app import create_app
    from serving.api.encode import encode_list
    from serving.api.lists import recommend_ask
    from serving.api.schemas import RecommendRequest
    from serving.decisions import record
    from serving.middleware import Guard
    from serving.runtime import holder
    from serving.settings import Settings

    holder.stop()
    runtime = holder.start(Settings())
    engine = runtime.engine
    if engine is None:
        raise RuntimeError("the case has no champion")
    decode = msgspec.json.Decoder(RecommendRequest).decode
    bodies = [case.body(user) for user in case.users[:requests]]
    # without the deadline of a request, which would long have passed when the last round comes
    asks = [replace(recommend_ask(decode(body)), deadline=math.inf) for body in bodies]
    answers = engine.recommend(asks)
    told = {f"engine, batches of {n}": _mean_ms(_batches(asks, n), engine.recommend) / n for n in BATCHES}
    told |= _stages(_batches(asks, BATCHES[-1]), engine.recommend)
    told["encode"] = _mean_ms(answers, encode_list)
    told["decision record"] = _mean_ms(answers, record)
    from serving.service import Recommender

    app = create_app()
    for name, layer in (("litestar", app), ("guard", Guard(app)), ("bentoml", Recommender.to_asgi(is_main=True))):
        told[f"through {name}"] = _asgi_ms(layer, bodies, case.key)
    holder.stop()
    return {name: round(value, 4) for name, value in told.items()}


def _batches(asks: Sequence[Any], n: int) -> list[Sequence[Any]]:
    return [asks[start : start + n] for start in range(0, len(asks) - n + 1, n)]


def _stages(batches: Sequence[Sequence[Any]], recommend: Callable[[Any], Any]) -> dict[str, float]:
    """Milliseconds a request in each stage of the engine, the cheapest of several rounds of each batch."""
    found = []
    for batch in batches:
        rounds = [recommend(batch)[-1].laps.seconds for _ in range(ROUNDS)]
        found.append([min(seconds) / len(batch) * 1e3 for seconds in zip(*rounds, strict=True)])
    means = [statistics.mean(own) for own in zip(*found, strict=True)]
    return {f"stage {name}": mean for name, mean in zip(STAGES, means, strict=True) if mean}


def _mean_ms(inputs: Sequence[Any], call: Callable[[Any], Any]) -> float:
    """Milliseconds of this thread a call: of each input the cheapest round, and the mean of these."""
    cheapest = []
    for given in inputs:
        rounds = []
        for _ in range(ROUNDS):
            begin = time.thread_time()
            call(given)
            rounds.append(time.thread_time() - begin)
        cheapest.append(min(rounds))
    return statistics.mean(cheapest) * 1e3


def _asgi_ms(app: Any, bodies: Sequence[bytes], key: str) -> float:
    """Milliseconds of CPU a request through an ASGI application."""

    async def all_rounds() -> float:
        _running = await _lifespan(app)  # held, else it is collected and takes the service with it
        await _post(app, bodies[0], key)
        rounds = []
        for _ in range(ROUNDS):
            begin = time.process_time()
            for body in bodies:
                await _post(app, body, key)
            rounds.append((time.process_time() - begin) / len(bodies) * 1e3)
        return statistics.median(rounds)

    return asyncio.run(all_rounds())


async def _post(app: Any, body: bytes, key: str) -> None:
    headers = [
        (b"host", b"localhost"),
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"authorization", f"Bearer {key}".encode()),
    ]
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": "/v1/recommend",
        "raw_path": b"/v1/recommend",
        "query_string": b"",
        "root_path": "",
        "headers": headers,
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
        "state": {},
    }
    status = 0

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        nonlocal status
        status = message.get("status", status)

    await app(scope, receive, send)
    if status != 200:
        raise RuntimeError(f"the service answered {status}")


async def _lifespan(app: Any) -> "asyncio.Future[None]":
    """Start an application, which runs as long as what is returned is held."""
    started = asyncio.Event()
    messages = iter([{"type": "lifespan.startup"}])

    async def receive() -> dict[str, Any]:
        try:
            return next(messages)
        except StopIteration:
            await asyncio.Event().wait()
            raise

    async def send(message: dict[str, Any]) -> None:
        started.set()

    scope = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}
    running: Awaitable[None] = app(scope, receive, send)
    task = asyncio.ensure_future(running)
    await asyncio.wait({task, asyncio.ensure_future(started.wait())}, return_when=asyncio.FIRST_COMPLETED)
    return task
