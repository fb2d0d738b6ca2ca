"""The API's description as a page: everything in it, nothing from elsewhere."""

import json
from html.parser import HTMLParser

import pytest

from serving.api.page import page
from serving.commands.openapi import document


class Read(HTMLParser):
    """Which elements, links and anchors a page has, and its text."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.links, self.anchors, self.text = set(), set(), set(), ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.elements.add(tag)
        self.links |= {found[name] for name in ("href", "src", "action") if name in found}
        self.anchors |= {found["id"]} if "id" in found else set()

    def handle_data(self, data):
        self.text += data


@pytest.fixture(scope="module")
def described():
    return json.loads(document())


@pytest.fixture(scope="module")
def read(described):
    return Read(page(described))


def test_every_operation_and_every_schema_is_on_the_page(described, read):
    for path, item in described["paths"].items():
        for method, operation in item.items():
            assert f"{method.upper()} {path}" in read.text
            assert operation["summary"] in read.text
    assert read.anchors == set(described["components"]["schemas"])


def test_every_link_leads_to_the_page_itself_or_to_the_document(read):
    inside = {link.removeprefix("#") for link in read.links if link.startswith("#")}
    assert inside <= read.anchors
    assert read.links - {f"#{name}" for name in inside} == {"/schema/openapi.json"}


def test_nothing_runs_and_nothing_is_loaded(described, read):
    assert not read.elements & {"script", "link", "img", "iframe", "object", "form", "base"}
    assert "default-src 'none'" in page(described)


def test_what_a_description_says_is_text(described):
    told = {**described, "info": {**described["info"], "description": "<script src=//a.example>"}}
    assert "script" not in Read(page(told)).elements
