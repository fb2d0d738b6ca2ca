"""S31: ratings map to one minimum age per territory; on conflict the stricter; unrated is hidden where needed."""

from collections.abc import Iterable

import pytest

from recsys.safety import Verdict, load_policy, parse_policy
from recsys.safety.columns import Rated
from recsys.safety.policy import Policy
from recsys.safety.ratings.systems import Rating, Systems, systems
from recsys.safety.stance import Stance
from recsys.types import Viewer
from support.evidence import proves
from support.gates import PACK, gate, said


def _the_milder(patch: pytest.MonkeyPatch) -> None:
    def mildest(known: Systems, ratings: Iterable[Rating], territory: str | None, foreign: str = "") -> int | None:
        return min((one.age for one in ratings), default=None)

    patch.setattr(Systems, "min_age", mildest)


def _ratings_say_nothing(patch: pytest.MonkeyPatch) -> None:
    def nothing(policy: Policy, rated: Rated, view: Stance, known: Systems) -> tuple[Verdict, str, int]:
        return Verdict.ALLOW, "", 0

    patch.setattr("recsys.safety.bench.rate", nothing)


def _one_board_less(patch: pytest.MonkeyPatch) -> None:
    read = Systems.read

    def without(known: Systems, value: object) -> Rating | None:
        return None if str(value).upper().startswith("CN:") else read(known, value)

    patch.setattr(Systems, "read", without)


@proves("S31", mutation="the Chinese bands are not known", by=_one_board_less)
def test_s31_every_board_maps_to_a_minimum_age() -> None:
    ages = {
        "MPA:R": 17,
        "BBFC:15": 15,
        "FSK:16": 16,
        "PEGI:12": 12,
        "ESRB:M": 17,
        "CERO:C": 15,
        "KMRB:19": 19,
        "CN:8+": 8,
    }
    for rating, age in ages.items():
        over = gate(parse_policy(PACK), {"ratings": [rating], "labels": ["general"]})
        assert over.min_age(0) == age
    assert systems().read("MPA:PG-14") is None


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
