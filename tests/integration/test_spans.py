"""BentoML's own tracing settings are enough to get the stages of each list as spans of its request."""

import os
import subprocess
import sys

from support.http import make_keys, publish

CODE = """
import asyncio, sys

import httpx
from bentoml._internal.configuration.containers import BentoMLContainer
from serving.service import Recommender

app, worker = Recommender.to_asgi(), Recommender()

async def ask():
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        return await client.post("/v1/recommend", json={"age": 30}, headers={"X-API-Key": sys.argv[1]})

assert asyncio.run(ask()).status_code == 200
provider = BentoMLContainer.tracer_provider.get()
provider.force_flush()
for processor in provider._active_span_processor._span_processors:
    for span in processor.span_exporter.get_finished_spans():
        print("SPAN", span.name, span.context.trace_id)
worker.close()
"""


def spans(var, key, options):
    env = {**os.environ, "RECSYS_VAR": str(var), "RECSYS_CLOCK": "events", "BENTOML_CONFIG_OPTIONS": options}
    told = subprocess.run([sys.executable, "-c", CODE, key], env=env, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stderr[-3000:]
    return [tuple(line.split()[1:]) for line in told.stdout.splitlines() if line.startswith("SPAN")]


def test_a_traced_list_has_its_stages_in_one_trace_and_an_untraced_one_has_none(tmp_path):
    publish(tmp_path)
    key = make_keys(tmp_path)["platform"]
    traced = spans(
        tmp_path, key, "services.recsys.tracing.exporter_type=in_memory services.recsys.tracing.sample_rate=1.0"
    )
    names = [span[0] for span in traced]
    assert {"draft", "candidates", "overrides", "check", "encode"} <= set(names)
    assert len({trace for name, *_, trace in traced if name in ("draft", "check", "POST")}) == 1
    assert spans(tmp_path, key, "services.recsys.tracing.sample_rate=0.0") == []
