import json
import re
from html.parser import HTMLParser

import pytest

from recsys.errors import DataError
from support.report import SECRETS, report
from training.report.page import page

OUTCOME = {"promoted": True, "reason": "It is the first model.", "version": "1", "bundle": "b"}


@pytest.fixture(scope="module")
def made() -> str:
    return page(report(run="0123456789", outcome=OUTCOME))


class Balance(HTMLParser):
    """Every element that opens closes, in order."""

    VOID = frozenset({"meta", "br"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_startendtag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))


def parsed(text: str) -> Balance:
    found = Balance()
    found.feed(text)
    assert found.open == []
    return found


def test_the_page_asks_for_nothing_from_anywhere(made):
    for tag, attributes in parsed(made).seen:
        assert tag not in ("script", "link", "img", "iframe", "object")
        assert attributes.get("href", "#").startswith("#")
        assert "src" not in attributes
    assert "http://" not in made
    assert "https://" not in made
    assert "@import" not in made
    assert "url(" not in made


def test_titles_and_names_are_text_and_never_markup(made):
    assert "<script" not in made
    assert "&lt;script&gt;alert(&#x27;b&#x27;)&lt;/script&gt;" in made
    assert "<i>" not in made
    assert "Report: &lt;i&gt;mine&lt;/i&gt;" in made


def test_every_picture_has_a_text_and_a_table(made):
    pictures = [attributes for tag, attributes in parsed(made).seen if tag == "svg" and "aria-hidden" not in attributes]
    assert pictures
    assert all(one["role"] == "img" and len(one["aria-label"]) > 20 for one in pictures)
    assert made.count("<table") >= len(pictures)


def test_the_summary_says_who_won_by_how_much_and_what_became_of_it(made):
    lead = made[: made.index("<section")]
    assert "good won, and version 1 became champion." in lead
    assert "It is the first model." in lead
    assert "9 events of 3 users with 4 works" in lead
    assert "events 7" in lead


def test_examples_have_titles_and_nobody_s_name(made):
    examples = made[made.index('id="examples"') :]
    assert "霸王别姬" in examples
    assert "Casablanca" in examples
    assert "1942" in examples
    assert "✓ liked" in examples
    assert not any(secret in made for secret in SECRETS)
    assert not any(secret in json.dumps(report()) for secret in SECRETS)


def test_a_work_without_a_title_is_shown_by_its_id():
    titles = {work["title"] for one in report()["lists"]["examples"] for work in one["shown"] + one["missed"]}
    assert "d" in titles


def test_what_was_not_measured_has_no_chapter():
    values = report(lists=None)
    text = page({**values, "sections": [{**one, "curve": []} for one in values["sections"]]})
    chapters = re.findall(r'<section id="([a-z]+)"', text)
    assert "examples" not in chapters
    assert "learning" not in chapters
    assert {"models", "segments", "data", "again"} <= set(chapters)


def test_the_facts_survive_json_which_knows_no_nan():
    values = report()
    assert json.loads(json.dumps(values, allow_nan=False)) == values


def test_facts_of_another_format_or_without_their_parts_are_refused():
    with pytest.raises(DataError, match="format 0"):
        page({**report(), "format": 0})
    values = report()
    del values["segments"]
    with pytest.raises(DataError, match="incomplete"):
        page(values)
