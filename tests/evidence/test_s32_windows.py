"""S32: outside [start, end) in the viewer's territory, by that territory's clock, an item never appears."""

from datetime import UTC, datetime

import pytest

from recsys.safety.rights import Rights, Term, from_item, record
from support.evidence import proves
from support.rights import avails_csv, avails_xlsx, read

ROW = {"Territory": "DE", "Start": "2027-03-01", "End": "2027-06-01", "ContentID": "tide", "LicenseType": "SVOD"}
START, END = (
    datetime(2027, month, day, hour, tzinfo=UTC).timestamp() for month, day, hour in ((2, 28, 23), (5, 31, 22))
)


def _one_clock(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(record, "clocks", lambda territory: (UTC,))


def _no_end(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Term, "granted", lambda term, zones: (term.opens, float("inf")))


def _everywhere(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Rights, "_windows", lambda rights, territory, zones: ((float("-inf"), float("inf")),))


def _shown(rights: Rights, at: float, territory: str = "DE") -> bool:
    return any(opens <= at < closes for opens, closes in rights.windows(territory))


@proves("S32", mutation="every territory goes by UTC", by=_one_clock)
def test_s32_a_window_opens_and_closes_at_midnight_of_the_territory() -> None:
    for document in (avails_csv(ROW), avails_xlsx(ROW)):
        (entry,) = read(document)
        moments = (START - 1, START, END - 1, END)
        assert [_shown(entry.rights, at) for at in moments] == [False, True, True, False]


@proves("S32", mutation="the end is not looked at", by=_no_end)
def test_s32_the_end_of_a_window_is_outside_it() -> None:
    rights = from_item({"available_from": 10.0, "available_to": 20.0})
    assert [_shown(rights, at) for at in (9.9, 10.0, 19.9, 20.0)] == [False, True, True, False]


@proves("S32", mutation="territories are not looked at", by=_everywhere)
def test_s32_a_window_of_one_territory_opens_nothing_in_another() -> None:
    (entry,) = read(avails_csv(ROW))
    assert _shown(entry.rights, START)
    assert not _shown(entry.rights, START, "FR")
    assert entry.rights.windows(None) == ()
