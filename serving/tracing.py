"""Spans of a list's stages, where an exporter is configured and this request is sampled; nothing otherwise."""

import time

from opentelemetry import trace

from serving.laps import STAGES, Laps


def trace_stages(laps: Laps) -> None:
    """Children of the request's span, end to end up to now: a stage that ran in rounds is one span of their sum."""
    # Not is_recording(): BentoML's sampler records every request, and only exports the sampled ones.
    if not trace.get_current_span().get_span_context().trace_flags.sampled:
        return
    tracer = trace.get_tracer("recsys")
    begin = time.time_ns() - int(sum(laps.seconds) * 1e9)
    for stage, seconds in zip(STAGES, laps.seconds, strict=True):
        if seconds:
            span = tracer.start_span(stage, start_time=begin)
            begin += int(seconds * 1e9)
            span.end(end_time=begin)
