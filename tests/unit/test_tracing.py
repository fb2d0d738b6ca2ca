"""Stages become spans where a request is traced, and cost nothing where it is not."""

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from serving import tracing
from serving.laps import CANDIDATES, DRAFT, Laps


@pytest.fixture
def exporter(monkeypatch):
    kept, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(kept))
    monkeypatch.setattr(tracing.trace, "get_tracer", provider.get_tracer)
    return kept


@pytest.fixture
def laps():
    spent = Laps()
    spent.seconds[DRAFT], spent.seconds[CANDIDATES] = 0.001, 0.003
    return spent


def test_the_stages_that_ran_are_children_of_the_request_end_to_end(exporter, laps):
    with tracing.trace.get_tracer("test").start_as_current_span("request") as request:
        tracing.trace_stages(laps)
    draft, candidates, _ = exporter.get_finished_spans()
    assert [draft.name, candidates.name] == ["draft", "candidates"]
    assert draft.parent.span_id == candidates.parent.span_id == request.get_span_context().span_id
    assert draft.end_time == candidates.start_time
    assert candidates.end_time - candidates.start_time == pytest.approx(3_000_000, abs=10)


def test_without_a_traced_request_there_is_no_span(exporter, laps):
    tracing.trace_stages(laps)
    assert exporter.get_finished_spans() == ()
