"""What came of quotas, summed over lists."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from serving.stores.lists import Quotas

K = TypeVar("K", str, int)
Sums = tuple[int, int, int, int]  # lists, positions wanted, got, missing


@dataclass(frozen=True, slots=True)
class Unmet:
    """What one reason has kept from a quota: positions that were missing, and the lists in which they were."""

    reason: str
    missing: int
    lists: int


@dataclass(frozen=True, slots=True)
class QuotaHour:
    """What came of a quota in one hour; positions summed over lists."""

    hour: int  # since 1970 UTC
    lists: int
    wanted: int
    got: int  # also beyond what was wanted, where a list by itself had more
    missing: int


@dataclass(frozen=True, slots=True)
class QuotaLine:
    """What came of a quota in all lists in which it held; positions summed over them."""

    quota: str
    lists: int
    wanted: int
    got: int
    missing: int
    unmet: int  # lists
    why: tuple[Unmet, ...]  # the costliest first
    by_hour: tuple[QuotaHour, ...]


def quota_lines(counted: Quotas) -> list[QuotaLine]:
    """A line for each quota that was asked of a list, by id."""
    rows: defaultdict[str, list[tuple[str, int, Sums]]] = defaultdict(list)
    for (quota, reason, hour), (lists, wanted, got) in counted.items():
        rows[quota].append((reason, hour, (lists, wanted, got, wanted - got if reason else 0)))
    return [_line(quota, mine) for quota, mine in sorted(rows.items())]


def _line(quota: str, rows: Sequence[tuple[str, int, Sums]]) -> QuotaLine:
    by_reason = _added((reason, n) for reason, _, n in rows)
    by_hour = _added((hour, n) for _, hour, n in rows)
    lists, wanted, got, missing = map(sum, zip(*by_hour.values(), strict=True))
    unmet = [Unmet(reason, missing=n[3], lists=n[0]) for reason, n in by_reason.items() if reason]
    return QuotaLine(
        quota=quota,
        lists=lists,
        wanted=wanted,
        got=got,
        missing=missing,
        unmet=sum(one.lists for one in unmet),
        why=tuple(sorted(unmet, key=lambda one: (-one.missing, one.reason))),
        by_hour=tuple(QuotaHour(hour, *n) for hour, n in by_hour.items()),
    )


def _added(rows: Iterable[tuple[K, Sums]]) -> dict[K, Sums]:
    """Sums by key, in the order of keys."""
    found: dict[K, Sums] = {}
    for key, n in rows:
        had = found.get(key, (0, 0, 0, 0))
        found[key] = (had[0] + n[0], had[1] + n[1], had[2] + n[2], had[3] + n[3])
    return dict(sorted(found.items()))
