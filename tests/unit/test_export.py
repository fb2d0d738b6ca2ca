"""Works as schema.org and Dublin Core, read again."""

import json
import math
from dataclasses import dataclass
from datetime import UTC, date, datetime
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys.errors import DataError
from recsys.safety import Takedown
from recsys.safety.export import Offer, Work, dublin_core, offers, schema_org
from recsys.safety.export.schemaorg import json_text
from recsys.safety.rights import FORBIDDEN, WORLD, Rights, Term, only
from serving.export import chunks, write_file, write_folder
from serving.rights import rights_of

DC = "{http://purl.org/dc/elements/1.1/}"
TERMS = "{http://purl.org/dc/terms/}"


@dataclass(frozen=True)
class Said:
    label: str
    score: float | None = None
    territory: str | None = None
    source: str = "model"
    expires: float | None = None


BOOK = {
    "item_id": "b1",
    "title": "Tide & <Light>",
    "media_type": "book",
    "year": 2027,
    "language": "de",
    "genres": ["Poetry"],
    "tags": ["sea"],
    "authors": ["A. Writer"],
    "provider": "Lighthouse",
    "min_age": 12,
    "labels": ["violence"],
    "territories": ["DE", "AT"],
    "available_from": datetime(2027, 1, 1, tzinfo=UTC),
}


def read(work):
    """Elements of a Dublin Core record as (name, text)."""
    return [(child.tag, child.text) for child in ElementTree.fromstring(dublin_core(work))]


def test_a_book_says_what_it_is_and_where_it_may_be_shown():
    node = json.loads(json_text(schema_org(Work.of(BOOK))))
    assert (node["@type"], node["identifier"], node["name"], node["inLanguage"]) == (
        "Book",
        "b1",
        "Tide & <Light>",
        "de",
    )
    assert (node["contentRating"], node["typicalAgeRange"], node["datePublished"]) == ("12+", "12-", "2027")
    assert node["offers"] == [
        {"@type": "Offer", "eligibleRegion": ["AT", "DE"], "availabilityStarts": "2027-01-01T00:00:00Z"}
    ]


@pytest.mark.parametrize(
    ("media_type", "named"),
    [
        *(("film", "Movie"), ("Series", "TVSeries"), ("episode", "TVEpisode"), ("music", "MusicRecording")),
        *(("news", "NewsArticle"), ("game", "VideoGame"), ("heritage", "CreativeWork"), (None, "CreativeWork")),
    ],
)
def test_the_type_follows_the_media_type(media_type, named):
    assert schema_org(Work.of({"item_id": "a", "media_type": media_type}))["@type"] == named


def test_labels_keep_their_source_score_territory_and_end():
    said = [Said("violence", source="provider"), Said("horror", 0.75, "DE", "model", 0.0)]
    own, other = schema_org(Work.of(BOOK, said))["additionalProperty"]
    assert (own["name"], own["value"], own["valueReference"][0]["value"]) == ("violence", True, "provider")
    assert (other["name"], other["value"]) == ("horror", 0.75)
    assert {part["propertyID"]: part["value"] for part in other["valueReference"]} == {
        "source": "model",
        "territory": "DE",
        "expires": "1970-01-01T00:00:00Z",
    }
    kept = [text for name, text in read(Work.of(BOOK, said)) if name == f"{TERMS}provenance"]
    assert kept == [
        "label=violence; source=provider",
        "label=horror; source=model; score=0.75; territory=DE; expires=1970-01-01T00:00:00Z",
    ]


def test_the_same_label_from_two_sources_stands_twice():
    said = [Said("violence", source="provider"), Said("violence", source="human")]
    assert len(schema_org(Work.of(BOOK, said))["additionalProperty"]) == 2


def test_a_label_of_the_record_that_a_person_has_lifted_is_not_exported():
    assert Work.of(BOOK).labels[0].label == "violence"
    assert "additionalProperty" not in schema_org(Work.of(BOOK, ()))


def test_dublin_core_has_the_fields_and_the_window():
    found = read(Work.of(BOOK))
    assert (f"{DC}title", "Tide & <Light>") in found
    assert (f"{DC}creator", "A. Writer") in found
    assert (f"{TERMS}audience", "Age 12 and over") in found
    assert (f"{TERMS}available", "start=2027-01-01T00:00:00Z; scheme=W3C-DTF;") in found
    assert (f"{DC}rights", "May be shown in AT, DE from 2027-01-01T00:00:00Z") in found


def test_territories_with_one_window_share_an_offer_and_the_rest_of_the_world_is_said_exactly():
    rights = Rights((Term(only("DE", "FR"), 0.0, 10.0), Term(only("DE", "FR", "US").outside(), 5.0)))
    assert offers(rights) == (
        Offer(0.0, 10.0, ("DE", "FR")),
        Offer(5.0, math.inf, ("DE", "FR", "US"), but=True),
    )


def test_a_local_midnight_gives_every_clock_its_own_window():
    found = {code: offer.opens for offer in offers(Rights((Term(WORLD, date(2027, 1, 1)),))) for code in offer.regions}
    assert found["DE"] == datetime(2026, 12, 31, 23, tzinfo=UTC).timestamp() == found["FR"]
    assert found["JP"] == datetime(2026, 12, 31, 15, tzinfo=UTC).timestamp()
    assert len(found) == 249


def test_a_local_time_in_one_territory_leaves_the_others_together():
    rights = Rights((Term(only("DE"), date(2027, 1, 1)), Term(only("DE").outside())))
    assert [(offer.regions, offer.but) for offer in offers(rights)] == [(("DE",), True), (("DE",), False)]


def test_a_work_that_may_be_shown_nowhere_says_so_and_offers_nothing():
    node = schema_org(Work({"item_id": "a"}, FORBIDDEN))
    assert "offers" not in node
    assert "any territory" in node["conditionsOfAccess"]


def test_a_takedown_and_garbage_offer_nothing():
    records = {"a": {"item_id": "a"}, "b": {"item_id": "b", "territories": ["??"]}}
    found = dict(rights_of(records, {}, [Takedown("t1", "a")]))
    assert offers(found["a"]) == offers(found["b"]) == ()
    there = dict(rights_of(records, {}, [Takedown("t1", "a", "DE")]))["a"]
    assert offers(there) == (Offer(-math.inf, math.inf, ("DE",), but=True),)


@settings(max_examples=100)
@given(st.text(max_size=30), st.text(min_size=1, max_size=10))
def test_any_text_comes_back_whole_but_for_what_xml_cannot_hold(title, label):
    work = Work.of({"item_id": "a", "title": title, "labels": [label]})
    text = json_text(schema_org(work))
    assert json.loads(text)["name"] == title
    assert not {"<", ">", "&"} & set(text)
    ElementTree.fromstring(dublin_core(work).encode("utf-8", "replace"))


def test_a_file_holds_all_works_and_a_folder_one_file_each(tmp_path):
    works = [Work.of({"item_id": "../a", "title": "A"}), Work.of({"item_id": "b", "title": "B"})]
    write_file(works, "schemaorg", tmp_path / "all.jsonld")
    graph = json.loads((tmp_path / "all.jsonld").read_text())["@graph"]
    assert [node["name"] for node in graph] == ["A", "B"]
    assert write_folder(works, "dc", tmp_path / "out") == 2
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == ["%2E%2E%2Fa.xml", "b.xml"]
    assert len(ElementTree.fromstring("".join(chunks(works, "dc")))) == 2


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="file"):
        write_folder([Work.of({"item_id": "a"})], "dc", tmp_path / "file")
