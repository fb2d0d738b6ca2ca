from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest

from recsys.dataset.catalogue import ITEM_SCHEMA, Catalogue
from recsys.errors import DataError
from recsys.prepare.build import catalogue_of


def test_every_known_field_is_there_first_and_unknown_ones_follow():
    catalogue = Catalogue(pa.table({"shelf": ["A1"], "item_id": ["a"]}))
    assert catalogue.table.column_names == [*ITEM_SCHEMA.names, "shelf"]
    assert catalogue.column("title") == [None]


def test_a_number_that_is_unknown_is_nan():
    numbers = Catalogue.from_records([{"item_id": "a", "year": 1999}, {"item_id": "b"}]).numbers("year")
    np.testing.assert_array_equal(numbers, [1999.0, np.nan])


def test_a_time_is_in_seconds():
    catalogue = Catalogue.from_records([{"item_id": "a", "embargo_until": datetime(1970, 1, 2, tzinfo=UTC)}])
    assert catalogue.times("embargo_until").tolist() == [86_400.0]


def test_unlabelled_stays_different_from_an_empty_list():
    catalogue = Catalogue.from_records([{"item_id": "a", "labels": None}, {"item_id": "b", "labels": []}])
    assert catalogue.lists("labels") == [None, []]


def test_a_record_holds_only_what_is_known():
    assert Catalogue.from_records([{"item_id": "a", "title": "红楼梦"}]).record(0) == {
        "item_id": "a",
        "title": "红楼梦",
    }


def test_a_saved_catalogue_comes_back(tmp_path):
    catalogue = Catalogue.from_records([{"item_id": "a", "genres": ["Drama"], "year": 1999}])
    catalogue.save(tmp_path / "items.arrow")
    assert Catalogue.load(tmp_path / "items.arrow").table.equals(catalogue.table)


def test_items_go_behind_those_of_the_catalogue_they_extend():
    both = Catalogue.bare(["b"]).extended(Catalogue.from_records([{"item_id": "a", "title": "A"}]))
    assert (both.ids.ids, both.column("title")) == (("b", "a"), [None, "A"])


def test_a_table_without_ids_is_refused():
    with pytest.raises(DataError, match="item_id"):
        Catalogue(pa.table({"title": ["A"]}))


def test_a_field_of_the_wrong_type_is_named():
    with pytest.raises(DataError, match="Column year"):
        Catalogue(pa.table({"item_id": ["a"], "year": ["long ago"]}))


def test_an_item_given_twice_is_named():
    with pytest.raises(DataError, match="'a' more than once"):
        catalogue_of(pa.table({"item_id": ["a", "a"]}), pa.array(["a"]))


def test_a_record_of_an_episode_keeps_what_it_says_of_its_series():
    catalogue = Catalogue.from_records([{"item_id": "a", "series": "s", "episode": 2}, {"item_id": "b"}])
    assert catalogue.column("series") == ["s", None]
    assert catalogue.column("episode") == [2, None]
    assert "season" not in catalogue.table.column_names
