"""S31: ratings map to one minimum age per territory; on conflict the stricter; unrated is hidden where needed."""

from collections.abc import Callable, Iterable

import pytest

from recsys.safety import Verdict, load_policy
from recsys.safety.columns import Rated
from recsys.safety.policy import Policy
from recsys.safety.ratings.systems import Rating, Systems
from recsys.safety.stance import Stance
from recsys.types import Viewer
from support.evidence import proves
from support.gates import gate, said


def _the_milder(patch: pytest.MonkeyPatch) -> None:
    def mildest(known: Systems, ratings: Iterable[Rating], territory: str | None, foreign: str = "") -> int | None:
        return min((one.age for one in ratings), default=None)

    patch.setattr(Systems, "min_age", mildest)


def _ratings_say_nothing(patch: pytest.MonkeyPatch) -> None:
    def nothing(policy: Policy, rated: Rated, view: Stance, known: Systems) -> tuple[Verdict, str, int]:
        return Verdict.ALLOW, "", 0

    patch.setattr("recsys.safety.bench.rate", nothing)


AGES: dict[str, dict[str, int]] = {
    "MPA": {"G": 0, "PG": 8, "PG-13": 13, "R": 17, "NC-17": 18},
    "BBFC": {"U": 4, "PG": 8, "12A": 12, "12": 12, "15": 15, "18": 18, "R18": 18},
    "FSK": {"0": 0, "6": 6, "12": 12, "16": 16, "18": 18},
    "PEGI": {"3": 3, "7": 7, "12": 12, "16": 16, "18": 18},
    "ESRB": {"E": 0, "E10+": 10, "T": 13, "M": 17, "AO": 18},
    "CN": {"3+": 3, "8+": 8, "12+": 12, "16+": 16, "18+": 18},
}


def _without(board: str) -> Callable[[pytest.MonkeyPatch], None]:
    read = Systems.read

    def unread(known: Systems, value: object) -> Rating | None:
        return None if str(value).upper().startswith(f"{board}:") else read(known, value)

    return lambda patch: patch.setattr(Systems, "read", unread)


@proves("S31", mutation="MPA is not known", by=_without("MPA"))
@proves("S31", mutation="BBFC is not known", by=_without("BBFC"))
@proves("S31", mutation="FSK is not known", by=_without("FSK"))
@proves("S31", mutation="PEGI is not known", by=_without("PEGI"))
@proves("S31", mutation="ESRB is not known", by=_without("ESRB"))
@proves("S31", mutation="the Chinese bands are not known", by=_without("CN"))
def test_s31_every_value_of_every_board_is_the_youngest_age_that_sees_it() -> None:
    where = {"MPA": "US", "BBFC": "GB", "FSK": "DE", "PEGI": "FR", "ESRB": "US", "CN": "CN"}
    found: dict[str, dict[str, int | None]] = {}
    for board, values in AGES.items():
        over = gate(load_policy("open"), *({"ratings": [f"{board}:{value}"]} for value in values))
        seen = [over.mask(Viewer("feed", where[board], age)) for age in range(20)]
        youngest = [next((age for age in range(20) if seen[age][at]), None) for at in range(len(values))]
        found[board] = dict(zip(values, youngest, strict=True))
    assert found == AGES


@proves("S31", mutation="on conflict the milder rating counts", by=_the_milder)
def test_s31_the_age_is_the_territorys_own_and_of_two_the_stricter() -> None:
    over = gate(load_policy("open"), {"ratings": ["MPA:PG-13", "FSK:16", "BBFC:12", "PEGI:18"], "labels": ["general"]})
    youngest = {
        place: next(age for age in range(30) if over.mask(Viewer("feed", place, age))[0])
        for place in ("US", "DE", "GB")
    }
    assert youngest == {"US": 13, "DE": 16, "GB": 18}
    both = gate(load_policy("strict"), {"ratings": ["MPA:PG-13", "FSK:16"], "labels": ["general"]})
    assert not both.mask(Viewer("feed", "US", 15))[0]  # this pack takes the strictest of all boards


@proves("S31", mutation="ratings are not asked", by=_ratings_say_nothing)
def test_s31_an_unrated_film_is_hidden_where_the_pack_requires_a_rating() -> None:
    film = {"media_type": "film", "labels": ["general"], "descriptors": ["none"]}
    over = gate(load_policy("films"), film, film | {"ratings": ["FSK:6"]})
    assert said(over, Viewer("feed", "DE", 30)) == ("hold", "unrated")
    assert said(over, Viewer("feed", "FR", 30)) == ("allow", "")
    assert said(over, Viewer("home", "FR", 30)) == ("hold", "unrated")
    assert said(over, Viewer("feed", "DE", 30), 1) == ("allow", "")
