import builtins

import numpy as np
import pytest
import scipy.sparse as sp

from recsys.dataset.catalogue import Catalogue
from recsys.dataset.data import Dataset, Holdout
from recsys.dataset.ids import IdMap
from recsys.errors import BundleError, ConfigError, FitError
from recsys.models.profile_tokens import ProfileVocabulary, profile_tokens
from recsys.models.recipe import FitContext
from recsys.models.warp import CHECKS, Warp
from recsys.models.warp_training import shares
from recsys.types import query

NOTHING = np.zeros(0, np.int32)


def dataset(rows, records, *, profiles=None, liked=None):
    """A dataset of (user, item) rows by number, sorted by user; one catalogue record an item."""
    user, item = (np.array([row[at] for row in rows], np.int32) for at in (0, 1))
    return Dataset(
        users=IdMap([str(u) for u in range(max(user, default=-1) + 1)]),
        catalogue=Catalogue.from_records([{"item_id": str(n), **record} for n, record in enumerate(records)]),
        user=user,
        item=item,
        time=np.full(len(user), np.nan),
        weight=np.ones(len(user), np.float32),
        positive=np.ones(len(user), np.bool_) if liked is None else np.array(liked),
        profiles=profiles or {},
    )


def two_tastes(**more):
    """Forty users, half of them like half of the first ten items, half of the next ten; item 20 and 21 are new."""
    rng = np.random.default_rng(0)
    rows = [
        (u, int(i)) for u in range(40) for i in np.sort(rng.choice(10, 6, replace=False)) + (0 if u % 2 == 0 else 10)
    ]
    records = [{"genres": ["drama" if n < 10 or n == 20 else "horror"]} for n in range(22)]
    return dataset(rows, records, **more)


def fit(data, holdout=None, **fields):
    return Warp(**{"factors": 8, "epochs": 10, **fields}).fit(data, FitContext(holdout=holdout))


def ask(model, one, n=5, exclude=NOTHING):
    return model.top([one], n, np.ones(len(model.able), np.bool_), [exclude])[0]


@pytest.fixture(scope="module")
def tastes():
    return fit(two_tastes())


def test_a_history_of_one_taste_is_answered_in_that_taste(tastes):
    assert all(item < 10 or item == 20 for item in ask(tastes, query(np.array([0, 1, 2]))).items)
    assert all(10 <= item < 20 or item == 21 for item in ask(tastes, query(np.array([10, 11, 12]))).items)


def test_an_item_without_events_is_ranked_by_its_content(tastes):
    drama, horror = tastes.score([query(np.array([0, 1, 2]))], np.array([20, 21]))[0]
    assert drama > horror


def test_an_item_without_events_and_content_is_abstained_from():
    model = fit(dataset([(0, 0), (0, 1), (1, 1), (1, 0)], [{}, {}, {}]))
    one = query(np.array([0]))
    assert model.score([one], np.array([2])).tolist() == [[-np.inf]]
    assert 2 not in ask(model, one).items


def test_a_new_user_without_a_profile_is_ranked_for_by_bias(tastes):
    found = ask(tastes, query(), n=22)
    assert len(found) == 22
    assert np.array_equal(found.scores, np.sort(tastes.weights.bias)[::-1])


def test_a_profile_alone_tells_tastes_apart():
    profiles = {str(u): {"group": "even" if u % 2 == 0 else "odd"} for u in range(40)}
    model = fit(two_tastes(profiles=profiles), profile=1.0)
    even, odd = model.score([query(profile={"group": "even"}), query(profile={"group": "odd"})], np.arange(20))
    assert even[:10].mean() - even[10:].mean() > odd[:10].mean() - odd[10:].mean() + 1


def test_an_event_changes_the_scores(tastes):
    before, after = tastes.score([query(np.array([0])), query(np.array([0, 13]))], np.arange(20))
    assert not np.array_equal(before, after)


def test_items_beyond_the_catalogue_do_not_count(tastes):
    known, more = tastes.vectors([query(np.array([0])), query(np.array([0, 99]))])
    assert np.array_equal(known, more)


def test_scores_are_those_of_the_list(tastes):
    one = query(np.array([3, 4]))
    found = ask(tastes, one)
    assert np.array_equal(tastes.score([one], found.items)[0], found.scores)


@pytest.mark.parametrize("rows", [[(0, 0)], [(0, 0), (0, 0)], [(u, 0) for u in range(5)]])
def test_a_degenerate_log_gives_finite_scores(rows):
    model = fit(dataset(rows, [{}]))
    assert np.isfinite(model.score([query(np.array([0])), query()], np.array([0]))).all()


def test_a_log_without_positives_gives_finite_scores():
    model = fit(dataset([(0, 0), (1, 1)], [{}, {}], liked=[False, False]))
    assert np.isfinite(model.score([query(np.array([0]))], np.array([0, 1]))).all()


def test_a_log_without_events_is_refused():
    with pytest.raises(FitError, match="without events"):
        fit(dataset([], [{}]))


def test_the_same_seed_gives_the_same_scores(tastes):
    again = fit(two_tastes())
    assert np.array_equal(again.weights.items, tastes.weights.items)


def test_epochs_are_chosen_on_the_holdout_and_kept_in_the_recipe():
    data = two_tastes()
    users = np.arange(40, dtype=np.int32)
    left = [np.setdiff1d(np.arange(10) + (u % 2) * 10, data.seen(u)).astype(np.int32) for u in users]
    asked = Holdout(
        users, [data.query(u) for u in users], left, [data.seen(u) for u in users], data.matrix().sum(0) > 0
    )
    chosen = fit(data, holdout=asked, epochs=None)
    again = chosen.recipe.fit(data, FitContext())
    assert chosen.recipe.epochs in CHECKS
    assert np.array_equal(again.weights.items, chosen.weights.items)


def test_a_missing_lightfm_is_said_with_what_to_install(monkeypatch):
    real = builtins.__import__

    def without(name, *rest):
        if name == "lightfm":
            raise ImportError("No module named 'lightfm'")
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ConfigError, match="C compiler and then rectools-lightfm"):
        fit(two_tastes())


def test_a_saved_model_is_mapped_and_gives_the_same_list(tastes, tmp_path):
    tastes.save(tmp_path)
    loaded = Warp.load(tmp_path)
    one = query(np.array([3, 4]))
    assert np.array_equal(ask(loaded, one).scores, ask(tastes, one).scores)
    assert not loaded.weights.items.flags.writeable


def test_a_model_that_lost_its_profile_tokens_is_refused(tastes, tmp_path):
    tastes.save(tmp_path)
    (tmp_path / "profile_tokens.json").unlink()
    with pytest.raises(BundleError, match="profile_tokens.json"):
        Warp.load(tmp_path)


def test_shares_of_a_history_sum_to_one():
    assert shares(sp.csr_matrix([[1.0, 3.0], [0.0, 0.0]])).toarray().tolist() == [[0.25, 0.75], [0.0, 0.0]]


def test_a_number_in_a_profile_is_also_its_decade():
    assert list(profile_tokens({"age": "24", "Job": "Writer"})) == ["age:24", "age:20s", "Job:writer"]


def test_a_profile_token_of_two_users_is_not_learned():
    profiles = [{"sex": "f"}, {"sex": "f"}, {"sex": "f", "zip": "1"}, {"zip": "1"}]
    assert ProfileVocabulary.fit(profiles).tokens == ("sex:f",)


def test_profile_rows_have_unit_length():
    rows = ProfileVocabulary(("a:x", "b:y")).rows([{"a": "x", "b": "y"}, {"a": "x"}, {"c": "z"}])
    assert np.allclose(rows.toarray(), [[0.5**0.5, 0.5**0.5], [1, 0], [0, 0]])
