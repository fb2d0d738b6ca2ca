"""Sets of moments as sorted half-open intervals (opens, closes) in s UTC."""

from collections.abc import Iterable

Spans = tuple[tuple[float, float], ...]

ALWAYS: Spans = ((float("-inf"), float("inf")),)
NEVER: Spans = ()


def union(spans: Iterable[tuple[float, float]]) -> Spans:
    """What lies in any of them: sorted, apart from each other, none empty."""
    found: list[tuple[float, float]] = []
    for opens, closes in sorted(span for span in spans if span[0] < span[1]):
        if found and opens <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], closes))
        else:
            found.append((opens, closes))
    return tuple(found)


def without(spans: Spans, barred: Spans) -> Spans:
    """What lies in ``spans`` but in none of ``barred``; both as ``union`` gives them."""
    for start, end in barred:
        parts = [((opens, min(closes, start)), (max(opens, end), closes)) for opens, closes in spans]
        spans = tuple(part for pair in parts for part in pair if part[0] < part[1])
    return spans


def shared(one: Spans, other: Spans) -> Spans:
    """What lies in both."""
    return without(one, without(ALWAYS, other))
