"""Ratings of boards, and the one minimum age that they make in a territory."""

import tomllib
from importlib import resources

import pytest

from recsys.safety.ratings import systems

KNOWN = systems()


def age(*values, territory="US", foreign="where_missing"):
    return KNOWN.min_age([KNOWN.read(value) for value in values], territory, foreign)


@pytest.mark.parametrize(
    ("rating", "years"),
    [
        ("MPA:G", 0),
        ("MPA:PG-13", 13),
        ("MPAA:R", 17),
        ("BBFC:12A", 12),
        ("BBFC:R18", 18),
        ("FSK:16", 16),
        ("PEGI:7", 7),
        ("ESRB:E10+", 10),
        ("ESRB:AO", 18),
        ("CERO:Z", 18),
        ("KMRB:19", 19),
        ("CN:12+", 12),
        ("cadpa:16+", 16),
        (" mpa : pg-13 ", 13),
        ("ＭＰＡ:R", 17),
    ],
)
def test_a_rating_has_a_minimum_age(rating, years):
    assert KNOWN.read(rating).age == years


@pytest.mark.parametrize("value", ["", "PG-13", "MPA", "MPA:", "MPA:X", "ESRB:RP", "KMRB:LIM", "XYZ:12", None, 12])
def test_what_no_board_says_is_no_rating(value):
    assert KNOWN.read(value) is None


def test_of_two_ratings_of_a_territorys_boards_the_stricter_counts():
    assert age("BBFC:12", "PEGI:16", territory="GB") == 16


def test_a_rating_counts_where_its_board_has_a_say_before_all_others():
    assert age("MPA:PG-13", "FSK:16", territory="DE") == 16
    assert age("MPA:PG-13", "FSK:16", territory="US") == 13


def test_without_a_local_rating_the_strictest_foreign_one_counts():
    assert age("MPA:PG-13", "FSK:16", territory="FR") == 16


def test_a_pack_may_let_foreign_ratings_count_always_or_never():
    assert age("MPA:PG-13", "FSK:16", territory="US", foreign="always") == 16
    assert age("FSK:16", territory="US", foreign="never") is None


def test_where_the_territory_is_unknown_every_rating_counts():
    assert age("MPA:R", "FSK:6", territory=None, foreign="never") == 17


def test_every_system_names_its_source_its_territories_and_ages_from_0_to_99():
    files = [file for file in resources.files("recsys.safety.ratings").iterdir() if file.name.endswith(".toml")]
    assert {file.name for file in files} >= {
        f"{n}.toml" for n in ("mpa", "bbfc", "fsk", "pegi", "esrb", "cero", "kmrb", "cn")
    }
    for file in files:
        data = tomllib.loads(file.read_text(encoding="utf-8"))
        assert data["source"]
        assert all(len(code) == 2 and code.isupper() for code in data["territories"])
        assert data["ages"]
        assert all(0 <= years <= 99 for years in data["ages"].values())
