"""What an expression means, over columns and of one record, and what is refused with which place."""

from datetime import UTC, datetime

import pytest

from recsys.dataset.catalogue import Catalogue
from recsys.errors import ConfigError
from recsys.expressions import Columns, parse

WORKS = [
    {"item_id": "old", "title": "The Old Sea", "year": 1950, "language": "en", "genres": ["drama", "sea"], "tags": []},
    {"item_id": "new", "title": "新海", "year": 2020, "language": "zh", "genres": ["comedy"], "min_age": 12},
    {"item_id": "bare"},
    {"item_id": "soon", "year": 2020, "language": "en", "available_from": datetime(2026, 1, 1, tzinfo=UTC)},
]
COLUMNS = Columns(Catalogue.from_records(WORKS))


def matching(text):
    """The works that match; both ways of asking must agree."""
    expression = parse(text, COLUMNS.kinds)
    over = [work["item_id"] for work, yes in zip(WORKS, expression.over(COLUMNS).tolist(), strict=True) if yes]
    assert over == [work["item_id"] for work in WORKS if expression.holds(work)]
    return over


@pytest.mark.parametrize(
    ("text", "works"),
    [
        ("true", ["old", "new", "bare", "soon"]),
        ("year == 2020", ["new", "soon"]),
        ("2000 <= year", ["new", "soon"]),
        ("year != 2020", ["old"]),
        ("year > 1949.5 && year < 2000", ["old"]),
        ("year in [1950, 2020.0]", ["old", "new", "soon"]),
        ("year in []", []),
        ("language == 'zh' || language == \"en\"", ["old", "new", "soon"]),
        ("language in ['zh', 'fr']", ["new"]),
        ("language < 'f'", ["old", "soon"]),
        ("'drama' in genres", ["old"]),
        ("!('drama' in genres)", ["new"]),
        ("genres.exists(x, x == 'comedy' || x.startsWith('se'))", ["old", "new"]),
        ("genres.all(g, size(g) == 6)", ["new"]),
        ("tags.all(x, false)", ["old"]),
        ("size(genres) > 1", ["old"]),
        ("size(title) == 2", ["new"]),
        ("title.startsWith('The') || title.endsWith('海')", ["old", "new"]),
        ("title.contains('Old')", ["old"]),
        ("has(year)", ["old", "new", "soon"]),
        ("year == null", ["bare"]),
        ("null != available_from", ["soon"]),
        ("available_from <= timestamp('2026-01-01T00:00:00Z')", ["soon"]),
        ("available_from < timestamp('2026-01-01T01:00:00+02:00')", []),
        ("year > min_age", ["new"]),
        ("title != language", ["old", "new"]),
        ("!(year < 2000) && !!has(title)", ["new"]),
    ],
)
def test_a_condition_is_true_of(text, works):
    assert matching(text) == works


def test_a_comparison_with_what_is_unknown_is_no_match_and_neither_is_its_negation():
    assert "bare" not in matching("year > 2000")
    assert "bare" not in matching("!(year > 2000)")


def test_what_is_unknown_does_not_matter_where_another_part_decides():
    assert matching("year > 2000 || item_id == 'bare'") == ["new", "bare", "soon"]
    assert matching("!(year > 2000 && item_id == 'nothing')") == ["old", "new", "bare", "soon"]


def test_texts_that_mean_the_same_have_one_canonical_text():
    one, two = (
        parse(text, COLUMNS.kinds) for text in ('( year>2000)&&( ("a" in genres) )', "year > 2000 && 'a' in genres")
    )
    assert one.text == two.text == 'year > 2000 && "a" in genres'
    assert one == two
    assert one.names == {"year", "genres"}


def test_parentheses_that_matter_stay():
    text = "(year > 1 || year < 0) && !(has(title) && has(tags))"
    assert parse(text, COLUMNS.kinds).text == text


def test_a_name_may_hold_dots():
    expression = parse("profile.country == 'CN'", {"profile.country": "text"})
    assert expression.holds({"profile.country": "CN"})
    assert not expression.holds({"profile.country": "FR"})


def test_a_value_of_another_kind_is_unknown():
    assert not parse("year != 5", {"year": "number"}).holds({"year": "6"})
    assert not parse("!(year == 5)", {"year": "number"}).holds({"year": True})


@pytest.mark.parametrize(
    ("text", "place", "says"),
    [
        ("", 1, "a field, a value"),
        ("yaer > 1", 1, "there is no field 'yaer'; known are: attributes"),
        ("year > 'x'", 6, "a number cannot be compared with a text"),
        ("year > ", 8, "the end was not expected"),
        ("year", 1, "this is a number, not a condition"),
        ("has(title) && year", 15, "this is a number"),
        ("year + 1 > 2", 6, "no arithmetic"),
        ("year = 1", 6, "'==' is expected"),
        ("title == 'a", 10, "not closed"),
        ("title == '\\q'", 11, "escape"),
        ("title == '\\ud800'", 11, "no character"),
        ("title.matches('a')", 7, "has no function 'matches'; known are: startsWith"),
        ("title.startsWith(1)", 18, "a text in quotes"),
        ("genres == 'a'", 8, "a list cannot be compared"),
        ("1 < year < 3", 10, "joined by '&&'"),
        ("genres.exists(x, year == 1)", 18, "only the element x"),
        ("genres.exists(has, has(has))", 24, "always there"),
        ("year in ['a']", 6, "not in a list"),
        ("year in [1, 'a']", 13, "one kind"),
        ("'a' in title", 5, "'in' is written"),
        ("null == null", 6, "null is compared with a field"),
        ("available_from > timestamp('2026-01-01')", 28, "a time with its zone"),
        ("available_from > timestamp('2026-13-01T00:00:00Z')", 28, "a time with its zone"),
        ("available_from > timestamp('0001-01-01T00:00:00+10:00')", 28, "a time with its zone"),
        ("year == 9007199254740993", 9, "too large"),
        ("year == 1e999", 9, "too large"),
        ("(year == 1", 11, "')' is"),
        ("year == 1)", 10, "was not expected"),
        ("now() > available_from", 1, "no function 'now'"),
        ("description == 'x'", 1, "no field 'description'"),
        ("year ? 1 : 2", 6, "no choice"),
        ("year == 1 && \x00", 14, "not understood"),
        ("(" * 40 + "true" + ")" * 40, 33, "too deeply"),
        ("!" * 40 + "true", 33, "too deeply"),
        ("has(" * 400, 129, "too deeply"),
        ("[" * 400, 33, "too deeply"),
        ("title.contains(" * 100, 481, "too deeply"),
        ("x" * 3000, 2001, "too long"),
    ],
)
def test_what_is_outside_the_subset_is_refused_with_its_place(text, place, says):
    with pytest.raises(ConfigError, match=rf"^filter, character {place}: ") as refused:
        parse(text, COLUMNS.kinds)
    assert says in str(refused.value)


def test_an_error_says_where_the_text_stands():
    with pytest.raises(ConfigError, match=r"^audience of campaign x, character 1: "):
        parse("?", {}, where="audience of campaign x")


def test_no_more_than_500_values_are_read():
    with pytest.raises(ConfigError, match="500 fields and values"):
        parse("year in [" + "1," * 600 + "1]", COLUMNS.kinds)


def test_no_more_than_16_searches_in_texts_are_made():
    searches = ["title.contains('a')"] * 16
    assert parse(" || ".join(searches), COLUMNS.kinds)
    with pytest.raises(ConfigError, match="character 375: .*16 are made"):
        parse(" || ".join([*searches, "title.endsWith('a')"]), COLUMNS.kinds)


def test_changed_and_added_items_are_read_as_they_are_now():
    changed = {0: {"item_id": "old", "year": 2021, "genres": ["war"], "title": None}}
    columns = COLUMNS.patched(changed, [{"item_id": "fresh", "genres": ("war", "sea"), "year": 1999, "language": "en"}])
    found = {
        text: parse(text, columns.kinds).over(columns).tolist()
        for text in ("'war' in genres", "has(title)", "year > 1998")
    }
    assert found == {
        "'war' in genres": [True, False, False, False, True],
        "has(title)": [False, True, False, False, False],
        "year > 1998": [True, True, False, True, True],
    }
    assert parse("'sea' in genres", columns.kinds).over(columns).tolist() == [False, False, False, False, True]
    assert parse("language == 'en'", columns.kinds).over(columns).tolist() == [False, False, False, True, True]


def test_a_column_of_which_nearly_all_values_differ_is_read_like_any_other():
    works = [{"item_id": str(at), "title": None if at % 100 == 5 else f"title {at}"} for at in range(1500)]
    columns = Columns(Catalogue.from_records(works))
    yes = parse("title.endsWith(' 1205') || title.endsWith(' 7') || !(title > 't')", columns.kinds).over(columns)
    assert [at for at, one in enumerate(yes.tolist()) if one] == [7]
    assert parse("has(title)", columns.kinds).over(columns).sum() == 1485


def test_a_catalogue_of_nothing_matches_nothing():
    empty = Columns(Catalogue.from_records([]))
    assert parse("year > 1 || 'a' in genres || title == 'x'", empty.kinds).over(empty).tolist() == []
