"""Numbers and names as a reader meets them."""

from collections.abc import Mapping, Sequence
from typing import Any

UNKNOWN = "–"
FEW = 30  # queries below which an interval is not to be trusted
METRICS = {
    "ndcg": "how near the top of the list the works stand that were liked next; 1 is a perfect list",
    "recall": "the share of what was liked next that the list holds",
    "precision": "the share of the list that was liked next",
    "map": "mean precision at the places of what was liked next",
    "mrr": "one over the place of the first work in the list that was liked next",
    "hit": "the share of lists that hold at least one work that was liked next",
    "coverage": "the share of the catalogue that at least one list shows",
    "gini": "how unevenly works are shown: 0 is all alike, 1 is one work alone",
    "novelty": "how unexpected a shown work is by its popularity, in bits; more is rarer",
    "serendipity": "the share of places that hit with a work that a list of the popular would not have shown",
    "diversity": "how little the works of one list have in common, from 0 to 1",
    "popularity_share": "the share of places that the most popular tenth of the catalogue takes",
    "popularity_lift": "how much more popular lists are than histories: 0.5 by half, below 0 less popular",
    "calibration_error": "how far the mix of a list is from the mix of the history; 0 is alike",
    "filled": "the share of places that hold a work at all",
}
GROUPS = {
    "all": "all queries",
    "warm": "with a history",
    "new_users": "without a history",
    "new_items": "new works",
}


def number(value: float | None, digits: int = 4) -> str:
    """``0.1234``, or a dash for what is not known."""
    return UNKNOWN if value is None else f"{value:.{digits}f}"


def interval(found: Mapping[str, Any] | None, digits: int = 4) -> str:
    """``0.1234 [0.1200, 0.1270]``; a ratio's is ``1.031× [1.004, 1.060]``."""
    if not found:
        return UNKNOWN
    times, middle = ("×", found["ratio"]) if "ratio" in found else ("", found.get("mean"))
    if middle is None:
        return UNKNOWN
    ends = f"[{number(found.get('low'), digits)}, {number(found.get('high'), digits)}]"
    return f"{middle:.{digits}f}{times} {ends}"


def ratio(found: Mapping[str, Any] | None) -> str:
    """A paired ratio with its interval."""
    return interval(found, 3)


def share(value: float | None) -> str:
    """A share in per cent."""
    return UNKNOWN if value is None else f"{value:.1%}"


def count(value: int | float) -> str:
    """``12,345``."""
    return f"{value:,.0f}"


def group(name: str) -> str:
    """A group of queries in words: ``history=5-19`` is ``history 5-19``."""
    kind, equals, value = name.partition("=")
    return f"{kind.replace('_', ' ')} {value}" if equals else GROUPS.get(name, name.replace("_", " "))


def metric(name: str) -> str:
    """``popularity_share@10`` is ``popularity share@10``."""
    return name.replace("_", " ")


def at_one_cutoff(name: str) -> str:
    """``popularity share``, where all columns are of one cutoff."""
    return metric(name.partition("@")[0])


def glossary(names: Sequence[str]) -> list[tuple[str, str]]:
    """What the metrics among ``names`` mean, each once; those that explain themselves nowhere are left out."""
    plain = dict.fromkeys(name.split("@")[0] for name in names)
    return [(metric(name), METRICS[name]) for name in plain if name in METRICS]


def moment(text: str) -> str:
    """``2024-01-31 12:30 UTC`` of an ISO time."""
    return f"{text[:10]} {text[11:16]} UTC"


def direction(found: Mapping[str, Any], n: int) -> str:
    """What a paired ratio's interval over ``n`` queries says; below FEW queries it says nothing."""
    if n < FEW:
        return "few"
    low, high = found.get("low"), found.get("high")
    if low is not None and low > 1:
        return "better"
    if high is not None and high < 1:
        return "worse"
    return "open"
