"""At most so many items of one creator, after the overrides."""

import numpy as np

from recsys.dataset.catalogue import Catalogue
from recsys.rerank import cap, creators, crowded
from recsys.types import Slate

GROUPS = np.array([0, 0, 0, 1, -1, -1, -1], np.int32)


def slate(*items):
    scores = np.linspace(1, 0.5, len(items)).astype(np.float32)
    sources = tuple("pin" if item == 2 else "als" for item in items)
    return Slate(np.array(items, np.int32), scores, sources, tuple("p" if item == 2 else None for item in items))


def test_the_surplus_of_a_creator_goes_and_the_order_stays():
    out = cap(slate(0, 3, 1, 4), GROUPS, 1, 10)
    assert out.items.tolist() == [0, 3, 4]
    assert (np.diff(out.scores) <= 0).all()


def test_a_pin_above_the_cap_goes_too():
    out = cap(slate(0, 1, 2), GROUPS, 2, 10)
    assert out.items.tolist() == [0, 1]
    assert out.overrides == (None, None)


def test_items_without_a_creator_are_not_capped():
    assert cap(slate(4, 5, 6, 99), GROUPS, 1, 10).items.tolist() == [4, 5, 6, 99]


def test_the_list_is_filled_from_behind_up_to_k():
    assert cap(slate(0, 1, 3, 4, 5), GROUPS, 1, 3).items.tolist() == [0, 3, 4]


def test_no_limit_is_no_cap():
    assert cap(slate(0, 1, 2), GROUPS, None, 2).items.tolist() == [0, 1]


def test_an_empty_list_stays_empty():
    assert len(cap(slate(), GROUPS, 1, 3)) == 0


def test_the_creator_of_an_item_is_its_first_author_without_case():
    authors = [["Ann", "Bo"], ["ann "], ["Bo"], [], None, [None], [""]]
    rows = [{"item_id": str(i), "authors": names} for i, names in enumerate(authors)]
    assert creators(Catalogue.from_records(rows)).tolist() == [0, 0, 1, -1, -1, -1, -1]


def test_a_group_that_has_all_its_places_is_crowded_but_for_those_who_have_them():
    assert crowded(np.array([0, 3], np.int32), [(GROUPS, 1)], 7).tolist() == [1, 2]
    assert crowded(np.array([0, 3], np.int32), [(GROUPS, 2)], 7).tolist() == []
    assert crowded(np.array([0, 3], np.int32), [], 7).tolist() == []
