"""Sets of moments as sorted half-open intervals (opens, closes) in s UTC."""

import itertools
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
    """What lies in ``spans`` but in none of ``barred``; both as ``union`` gives them, in one pass over both."""
    found: list[tuple[float, float]] = []
    first = 0  # of the bars that do not lie before the span
    for opens, closes in spans:
        while first < len(barred) and barred[first][1] <= opens:
            first += 1
        for start, end in itertools.islice(barred, first, None):
            if start >= closes:
                break
            if opens < start:
                found.append((opens, start))
            opens = max(opens, end)
        if opens < closes:
            found.append((opens, closes))
    return tuple(found)


def shared(one: Spans, other: Spans) -> Spans:
    """What lies in both."""
    return without(one, without(ALWAYS, other))
