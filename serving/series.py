"""Series, season by season: whoever has begun one gets its next episode, whoever has not its first."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recsys.dataset.catalogue import Catalogue
from recsys.types import BoolArray, IntArray

Record = Mapping[str, Any]
FIELDS = ("series", "season", "episode")


@dataclass(frozen=True, slots=True, eq=False)
class Fields:
    """What items say of themselves."""

    numbers: Mapping[str, int]  # of the series, by name
    of: IntArray  # (items,) number of the series, -1 for none or where the episode is unknown
    season: NDArray[np.float64]  # (items,) -inf where unknown: before the first
    episode: NDArray[np.float64]  # (items,)

    @classmethod
    def read(cls, records: Sequence[Record], numbers: Mapping[str, int]) -> "Fields":
        """Fields of records, whose series that are not in ``numbers`` get the numbers behind it."""
        known = dict(numbers)
        episode = np.array([_number(record.get("episode")) for record in records], np.float64)
        season = np.array([_number(record.get("season")) for record in records], np.float64)
        names = [_name(record.get("series")) for record in records]
        of = np.array([known.setdefault(name, len(known)) if name else -1 for name in names], np.int32)
        of[np.isnan(episode)] = -1
        return cls(known, of, np.nan_to_num(season, nan=-np.inf), episode)

    def patched(self, changed: Mapping[int, Record], added: Sequence[Record]) -> "Fields":
        """With some items replaced, by index, and others put behind."""
        more = Fields.read([*added, *changed.values()], self.numbers)
        size = len(self.of) + len(added)
        take = np.arange(size)
        take[list(changed)] = size + np.arange(len(changed))
        of, season, episode = (
            np.concatenate([getattr(self, name), getattr(more, name)])[take] for name in ("of", "season", "episode")
        )
        return Fields(more.numbers, of, season, episode)


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """Which series every item belongs to and which step of it the item is. Never written to.

    Steps count from 0 in the order of season and episode; two items of the same season and episode (another language,
    another cut) are one step. An item without a series or an episode belongs to none and is never kept back.
    """

    fields: Fields
    step: IntArray  # (items,) within its series, 0 for none
    opening: BoolArray  # (items,) what may be shown of series that are not begun: first steps, and items of none
    _members: IntArray  # (episodes,) items by series and step
    _starts: IntArray  # (series + 1,) into _members

    @classmethod
    def of_catalogue(cls, catalogue: Catalogue) -> "Series":
        """The series of a catalogue with the columns series, season and episode; of one without, none."""
        if "series" not in catalogue.table.column_names:
            nothing = np.full(len(catalogue), np.nan)
            return cls.build(Fields({}, np.full(len(catalogue), -1, np.int32), nothing, nothing))
        rows = zip(*(catalogue.column(name) for name in FIELDS), strict=True)
        return cls.build(Fields.read([dict(zip(FIELDS, row, strict=True)) for row in rows], {}))

    @classmethod
    def build(cls, fields: Fields) -> "Series":
        """Put the episodes in order."""
        episodes = np.flatnonzero(fields.of >= 0)
        order = np.lexsort((fields.episode[episodes], fields.season[episodes], fields.of[episodes]))
        members: IntArray = episodes[order].astype(np.int32)
        starts = np.searchsorted(fields.of[members], np.arange(len(fields.numbers) + 1)).astype(np.int32)
        step = np.zeros(len(fields.of), np.int32)
        step[members] = _steps(fields, members)
        return cls(fields, step, step == 0, members, starts)

    def __len__(self) -> int:
        return len(self._members)

    def patched(self, changed: Mapping[int, Record], added: Sequence[Record]) -> "Series":
        """With some items replaced, by index, and others put behind."""
        return Series.build(self.fields.patched(changed, added))

    def after(self, seen: IntArray) -> tuple[IntArray, IntArray]:
        """(every item of the series begun, those of them that come next) for items that a user has had."""
        of = self.fields.of
        mine = seen[of[seen] >= 0]
        begun, which = np.unique(of[mine], return_inverse=True)
        if not len(begun):
            return mine, mine
        furthest = np.full(len(begun), -1, np.int32)
        np.maximum.at(furthest, which, self.step[mine])
        parts = [self._members[self._starts[number] : self._starts[number + 1]] for number in begun]
        episodes = np.concatenate(parts)
        wanted = np.repeat(furthest + 1, [len(part) for part in parts])
        return episodes, episodes[self.step[episodes] == wanted]


def _steps(fields: Fields, members: IntArray) -> NDArray[np.int64]:
    """Of items sorted by series, season and episode: which step of its series each is."""
    if not len(members):
        return np.zeros(0, np.int64)
    of, season, episode = fields.of[members], fields.season[members], fields.episode[members]
    first = np.append(True, of[1:] != of[:-1])  # of its series
    moved = first | np.append(True, (season[1:] != season[:-1]) | (episode[1:] != episode[:-1]))
    count = np.cumsum(moved)
    return np.asarray(count - count[first][np.cumsum(first) - 1], np.int64)


def _name(value: Any) -> str:
    """A series by name or number; nothing else names one."""
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""


def _number(value: Any) -> float:
    """A season or an episode, also where a file gave it as text."""
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return float("nan")
    return number if np.isfinite(number) else float("nan")
