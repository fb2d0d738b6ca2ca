"""New works and new users: what every main recipe makes of them without being trained again."""

from dataclasses import replace

import numpy as np
import pytest

from recsys.content import ContentSpace
from recsys.dataset.catalogue import Catalogue
from recsys.models.recipe import FitContext, parse
from recsys.pipeline import Overlay, Pipeline
from recsys.types import Viewer, query
from serving.api.intake import _check_vectors, _item
from serving.api.refusals import Refused
from serving.api.schemas import ItemIn
from serving.asks import Ask
from support.data import AT, dataset
from support.serve import make_bundle, records, stand

TASTES, EACH = 6, 20
WORDS = "amber birch cedar delta ember fjord grove heath islet jetty kayak lemon maple night ocean pearl quail river"
RECIPES = {
    "als": {"factors": 8, "epochs": 5},
    "ials": {"factors": 8, "epochs": 5},
    "bpr": {"factors": 8, "epochs": 20},
    "warp": {"factors": 8, "epochs": 20},
    "ease": {},
    "item_knn": {},
    "graph_filter": {},
    "content_ridge": {},
    "two_tower": {"factors": 8, "epochs": 15, "learning_rate": 0.05},
    "sasrec": {"factors": 16, "epochs": 20, "learning_rate": 0.01, "batch_size": 8, "max_history": 20},
    "blend": {"parts": [{"recipe": "popular"}, {"recipe": "ease"}, {"recipe": "content_ridge"}]},
}


def works():
    """Each taste has a genre and authors; each work a title and a year of its own."""
    words = WORDS.split()
    return [
        {
            "item_id": f"i{at:03}",
            "title": f"{words[at % 18]} {words[at * 7 % 17]} {words[at * 5 % 13]}",
            "genres": [f"genre {at % TASTES}"],
            "authors": [f"author {at % TASTES} {at % 4}"],
            "year": 1930 + at * 37 % 90,
        }
        for at in range(TASTES * EACH)
    ]


@pytest.fixture(scope="module")
def log():
    """Users with one taste each had three in four of its works, and a work of another taste now and then."""
    rng = np.random.default_rng(0)
    events = [
        (f"u{u:02}", f"i{i:03}", float(rng.uniform(-60, 0)))
        for u in range(60)
        for i in range(TASTES * EACH)
        if rng.random() < (0.75 if u % TASTES == i % TASTES else 0.03)
    ]
    data = dataset(events, items=works())
    taste = {user: {"club": f"club {int(user[1:]) % TASTES}"} for user in data.users.ids}
    return replace(data, profiles=taste)


@pytest.fixture(scope="module")
def space(log):
    return ContentSpace.fit(log.catalogue)


def places(log, space, params, copied):
    """Where original and copy stand for the users who have not had it but for whom the original is in the first 20."""
    model = parse(params).fit(log, FitContext(threads=1))
    copy = Catalogue.from_records([{**log.catalogue.record(copied), "item_id": "copy"}])
    overlay = Overlay(*space.neighbours(space.encode(copy), 20))
    pipeline = Pipeline(log.catalogue, (model,), space)
    users = [user for user in range(log.n_users) if copied not in log.seen(user)]
    queries, seen = [log.query(user) for user in users], [log.seen(user) for user in users]
    size = log.n_items + 1
    slates = pipeline.candidates(queries, size, np.ones(size, np.bool_), seen, overlay)
    lists = [slate.items.tolist() for slate in slates]
    found = [(items.index(copied), items.index(log.n_items)) for items in lists]
    return [pair for pair in found if pair[0] < 20]


@pytest.mark.parametrize("name", RECIPES)
def test_an_upserted_copy_ranks_within_ten_places_of_the_original_for_its_audience(name, log, space):
    found = [pair for work in (7, 40, 77) for pair in places(log, space, {"recipe": name, **RECIPES[name]}, work)]
    assert len(found) >= 5  # there is an audience
    assert max(abs(original - copy) for original, copy in found) <= 10


def test_a_copy_that_comes_in_through_the_store_ranks_beside_the_original(tmp_path):
    here = stand(tmp_path, make_bundle(tmp_path / "b", recipes=[{"recipe": "ease", "reg": 5.0}, {"recipe": "popular"}]))
    here.control.upsert_items([{**records()[11], "item_id": "copy"}], "app")
    answer = here.engine.recommend([Ask(Viewer("feed", age=30), 41, session=("i01", "i03", "i05"))])[0]
    shown = answer.view.ids.external(answer.slate.items)
    assert abs(shown.index("copy") - shown.index("i11")) <= 10


def test_a_vector_of_another_length_never_stops_a_list(tmp_path):
    vectors = {f"i{at:02}": [float(at % 2), 1.0] for at in range(40)}
    here = stand(tmp_path, make_bundle(tmp_path / "b", extra={"vector": vectors}))
    here.control.upsert_items([{**records()[1], "item_id": "odd", "vector": [1.0, 2.0, 3.0]}], "app")
    answer = here.engine.recommend([Ask(Viewer("feed", age=30), 41, session=("i03", "i05"))])[0]
    assert "odd" in answer.view.ids.external(answer.slate.items)


# users


@pytest.mark.parametrize("name", ["two_tower", "warp"])
def test_a_profile_alone_gives_the_works_of_its_taste_where_popular_gives_everyone_the_same(name, log):
    model = parse({"recipe": name, **RECIPES[name], "epochs": 40}).fit(log, FitContext(threads=1))
    nobody = [query(at=AT, profile={"club": f"club {taste}"}) for taste in range(TASTES)]
    nothing = [np.zeros(0, np.int32)] * TASTES
    lists = model.top(nobody, 10, np.ones(log.n_items, np.bool_), nothing)
    own = [np.mean(ranked.items % TASTES == taste) for taste, ranked in enumerate(lists)]
    assert np.mean(own) > 0.6
    popular = parse({"recipe": "popular"}).fit(log, FitContext()).top(nobody, 10, np.ones(log.n_items, bool), nothing)
    assert len({tuple(ranked.items.tolist()) for ranked in popular}) == 1


@pytest.mark.parametrize("name", RECIPES)
def test_one_event_of_a_session_changes_the_list(name, log):
    model = parse({"recipe": name, **RECIPES[name]}).fit(log, FitContext(threads=1))
    first, second = query(np.array([0], np.int32), at=AT), query(np.array([1], np.int32), at=AT)
    lists = [
        model.top([asked], 10, np.ones(log.n_items, np.bool_), [asked.items])[0].items.tolist()
        for asked in (query(at=AT), first, second)
    ]
    assert lists[0] != lists[1] != lists[2] != lists[0]


# the door


def test_named_vectors_of_a_request_become_columns():
    given = ItemIn(item_id="a", vector=(1.0, 2.0), vectors={"image": (3.0,)})
    assert _item(given, 0) == {"item_id": "a", "vector": (1.0, 2.0), "vector_image": (3.0,)}


def test_a_vector_of_another_length_is_refused_at_the_door(tmp_path):
    vectors = {f"i{at:02}": [float(at % 2), 1.0] for at in range(40)}
    view = stand(tmp_path, make_bundle(tmp_path / "b", extra={"vector": vectors})).engine.live.view()
    _check_vectors(view, [{"item_id": "fits", "vector": [1.0, 2.0]}])
    with pytest.raises(Refused, match="vector of item 'odd' has 3 numbers, the others have 2"):
        _check_vectors(view, [{"item_id": "odd", "vector": [1.0, 2.0, 3.0]}])
