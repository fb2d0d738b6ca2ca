from dataclasses import replace

import numpy as np
import pytest

from recsys.dataset.data import Dataset
from recsys.dataset.splits import newest
from recsys.errors import ConfigError
from recsys.models.ranker.facts import Facts
from recsys.models.ranker.judge import Judge
from recsys.models.ranker.learning import Table, folds, learn, linear, ndcg, table_of, together
from recsys.models.ranker.nearness import Nearness
from recsys.models.ranker.recipe import _slicing
from recsys.models.ranker.trees import ENOUGH, Trees
from recsys.models.recipe import FitContext, parse
from recsys.types import query
from support.data import AT, dataset


def table(wanted: list[list[float]], column: list[list[float]], bucket: list[int]) -> Table:
    """Queries whose candidates have one feature."""
    features = [np.array(own, np.float32)[:, None] for own in column]
    found = [np.arange(len(own), dtype=np.int32) for own in column]
    truth = [np.flatnonzero(own).astype(np.int32) for own in wanted]
    made = table_of(features, found, truth, np.array(bucket, np.int32))
    assert made is not None
    return made


def test_facts_are_logs_of_decayed_shares():
    # of four events two are item a's, one of them eight days old; the log is ten days long
    data = dataset([("u", "a", -8.0), ("v", "a", 0.0), ("u", "b", -10.0), ("w", "c", 0.0, 1.0, False)])
    facts = Facts.of(data)
    assert facts.names[:3] == ("had", "liked", "liking")
    assert facts.items[0, 0] == pytest.approx(np.log(3 * 2 / 4 + 0.01))
    day = facts.names.index("had@1d")
    weights = np.array([2.0**-8 + 1.0, 2.0**-10, 1.0])
    assert facts.items[:, day] == pytest.approx(np.log(3 * weights / weights.sum() + 0.01), rel=1e-5)
    assert facts.items[2, facts.names.index("liked@1d")] == pytest.approx(np.log(0.01))
    assert facts.items[:, facts.names.index("age")] == pytest.approx(np.log1p([8.0, 10.0, 0.0]))
    assert "had@30d" not in facts.names, "a half-life longer than the log says what `had` says"


def test_a_fact_is_also_known_by_its_place_and_by_its_lead_before_another():
    data = dataset([("u", "a", -8.0), ("v", "a", -8.0), ("u", "b", 0.0), ("w", "c", -9.0)])
    facts = Facts.of(data)
    column = dict(zip(facts.names, facts.items.T, strict=True))
    assert column["place of liked@1d"] == pytest.approx(np.log1p([1, 0, 2]))
    assert column["liked@1d - liked@7d"] == pytest.approx(column["liked@1d"] - column["liked@7d"])
    assert "place of liked@30d" not in column, "there is no such column where the log is shorter"


def test_a_log_without_times_has_no_decayed_facts():
    assert Facts.of(dataset([("u", "a", None), ("v", "b", None)])).names == ("had", "liked", "liking")


def test_the_taste_of_a_profile_raises_what_its_people_like():
    events = [(f"f{n}", "a", -1.0) for n in range(8)] + [(f"m{n}", "b", -1.0) for n in range(8)]
    profiles = {name: {"gender": name[0]} for name, _, _ in events}
    facts = Facts.of(dataset(events, profiles=profiles))
    items = np.array([0, 1], np.int32)
    woman, nobody = (facts.rows(query(at=AT, profile=own), items)[:, -1] for own in ({"gender": "f"}, {}))
    # 8 of her 8 likes are a; smoothed by 1,000 of everyone's taste, in which both have a half
    assert woman == pytest.approx(np.log([(8 + 500) / 1008 / 0.5, 500 / 1008 / 0.5]), rel=1e-4)
    assert nobody == pytest.approx([0.0, 0.0])


FILMS = [{"item_id": "a", "genres": ["x"]}, {"item_id": "b", "genres": ["y"]}, {"item_id": "c", "genres": ["x", "y"]}]


def test_how_near_a_work_is_to_what_a_history_holds():
    # a is had on its fourth day, and c on its first; of each work's events two are a's, one b's, one c's
    data = dataset([("v", "a", -8.0), ("u", "a", -5.0), ("u", "c", -1.0), ("v", "b", 0.0)], items=FILMS)
    near = Nearness.of(data).rows(data.query(0), np.array([0, 1, 2], np.int32))
    # x and y weigh alike; the taste of a and c lies between x and the diagonal, and both are its last works
    taste = np.array([1 + 0.5**0.5, 0.5**0.5]) / 2
    works = np.array([[1, 0], [0, 1], [0.5**0.5, 0.5**0.5]])
    assert near[:, 0] == pytest.approx(works @ taste / np.linalg.norm(taste), rel=1e-6)
    assert near[:, 1] == pytest.approx(works @ taste, rel=1e-6)
    assert near[:, 2] == pytest.approx(np.log1p([3.0, 0.0]).mean() - np.log1p([8.0, 0.0, 1.0]), rel=1e-6)
    assert near[:, 3] == pytest.approx(np.log1p([2, 1, 1]) - np.log1p([2, 1]).mean(), rel=1e-6)


def test_who_has_no_history_is_near_to_nothing():
    data = dataset([("u", "a", -5.0), ("v", "b", 0.0)], items=FILMS)
    assert not Nearness.of(data).rows(query(at=AT), np.array([0, 1, 2], np.int32)).any()


def test_a_history_without_times_or_genres_is_compared_by_how_known_it_is():
    data = dataset([("v", "b", -1.0), ("w", "b", -1.0), ("u", "a", None)])
    near = Nearness.of(data).rows(data.query(data.users.get("u") or 0), np.array([0, 1], np.int32))
    assert near == pytest.approx(np.array([[0, 0, 0, 0], [0, 0, 0, np.log(3 / 2)]]), rel=1e-6)


def test_facts_are_loaded_as_they_were_saved(tmp_path):
    events = [("u", "a", -5.0), *((f"f{n}", "b", 0.0) for n in range(9))]
    data = dataset(events, items=FILMS, profiles={name: {"gender": "f"} for name, _, _ in events})
    facts = Facts.of(data)
    facts.save(tmp_path)
    again = Facts.load(tmp_path)
    items = np.array([0, 1, 2], np.int32)
    assert again.features == facts.features
    assert again.features[-5:] == ("genres", "genres of the last", "newer", "more known", "profile")
    assert np.array_equal(again.rows(data.query(0), items), facts.rows(data.query(0), items))


def test_ndcg_of_a_table_is_that_of_its_order():
    # the wanted item is second, then first
    both = table([[0, 1, 0], [1, 0]], [[3.0, 2.0, 1.0], [5.0, 4.0]], [0, 0])
    assert ndcg(both, np.ones((1, 1))) == pytest.approx([1 / np.log2(3), 1.0])


def test_a_feature_that_tells_gets_a_weight_and_one_that_does_not_gets_none():
    rng = np.random.default_rng(0)
    noise = [rng.normal(size=20).astype(np.float32) for _ in range(80)]
    features = [np.stack([np.arange(20, dtype=np.float32), own], axis=1) for own in noise]
    found, truth = [np.arange(20, dtype=np.int32)] * 80, [np.array([18, 19], np.int32)] * 80
    made = table_of(features, found, truth, np.zeros(80, np.int32))
    assert made is not None
    learned = learn(made, 1, np.random.default_rng(0))
    assert learned.ndcg == pytest.approx(1.0)
    assert learned.weights[0, 0] * 5.77 > 5 * abs(learned.weights[0, 1])  # in standard deviations of the column


def test_a_length_of_history_has_weights_of_its_own():
    up, down = [0.0, 1.0, 2.0, 3.0], [3.0, 2.0, 1.0, 0.0]
    made = table([[0, 0, 0, 1]] * 80, [up] * 40 + [down] * 40, [0] * 40 + [1] * 40)
    weights = learn(made, 2, np.random.default_rng(0)).weights
    assert weights[0, 0] > 0 > weights[1, 0]
    assert ndcg(made, weights) == pytest.approx(1.0)


def test_queries_that_find_nothing_teach_nothing():
    found = [np.array([0, 1], np.int32)]
    assert table_of([np.ones((2, 1), np.float32)], found, [np.array([7], np.int32)], np.zeros(1, np.int32)) is None


def test_tables_put_together_keep_each_query_whole():
    first = table([[0, 1]], [[1.0, 2.0]], [1])
    second = table([[1, 0, 0]], [[3.0, 4.0, 5.0]], [0])
    both = together([first, second])
    assert both.bucket.tolist() == [0, 1]
    assert both.x[:, 0].tolist() == [3.0, 4.0, 5.0, 1.0, 2.0]
    assert both.wanted.tolist() == [True, False, False, False, True]


def test_trees_learn_what_a_sum_cannot_say():
    # wanted is the middle of a feature's range, which no weight of it puts on top
    column = np.linspace(-1, 1, 21).astype(np.float32)
    made = table([[abs(x) < 0.06 for x in column]] * ENOUGH, [column.tolist()] * ENOUGH, [0] * ENOUGH)
    trees = Trees.grow(made, seed=0)
    assert trees is not None
    assert int(np.argmax(trees.score(column[:, None], 0))) == 10
    judge = Judge.learned(made, 1, seed=0)
    assert int(np.argmax(judge.score(column[:, None], 0))) == 10
    assert int(np.argmax(linear(made, judge.weights)[:21])) != 10


def slices_by_heart(rng: np.random.Generator) -> Table:
    """Each slice has works of its own, liked by one fact and by luck; who learns them by heart learns the luck."""
    tables, found = [], np.arange(20, dtype=np.int32)
    for _ in range(5):
        facts = rng.normal(size=(20, 12)).astype(np.float32)
        liking = facts[:, 0] + 0.7 * rng.normal(size=20)
        best = [np.argsort(-(liking + 0.5 * rng.gumbel(size=20)))[:2].astype(np.int32) for _ in range(80)]
        made = table_of([facts] * 80, [found] * 80, best, np.zeros(80, np.int32))
        assert made is not None
        tables.append(made)
    return together(tables)


def slices_of_a_middle(rng: np.random.Generator) -> Table:
    """In every slice the middle of a fact's range is liked, of which a weighted sum knows nothing."""
    tables, found = [], [np.arange(20, dtype=np.int32)] * 160
    for _ in range(3):
        facts = [rng.normal(size=(20, 2)).astype(np.float32) for _ in found]
        best = [np.argsort(np.abs(own[:, 0]))[:2].astype(np.int32) for own in facts]
        made = table_of(facts, found, best, np.zeros(160, np.int32))
        assert made is not None
        tables.append(made)
    return together(tables)


def test_trees_that_learn_a_slice_by_heart_count_nothing_on_the_next():
    made = slices_by_heart(np.random.default_rng(0))
    assert Judge.learned(made, 1, seed=0).trees is None
    one = replace(made, moment=np.zeros_like(made.moment))  # nothing tells: they count like the sum
    assert Judge.learned(one, 1, seed=0).trees is not None


def test_of_many_queries_the_newest_slice_alone_tells(monkeypatch):
    learned_from, grow = [], Trees.grow
    spy = lambda cls, made, seed: learned_from.append(len(made)) or grow(made, seed)  # noqa: E731
    monkeypatch.setattr(Trees, "grow", classmethod(spy))
    Judge.learned(slices_of_a_middle(np.random.default_rng(0)), 1, seed=0)
    assert learned_from == [480, 320, 320, 320]
    learned_from.clear()
    slices = [slices_of_a_middle(np.random.default_rng(seed)) for seed in range(3)]  # each as one slice of 480
    Judge.learned(together(slices), 1, seed=0)
    assert learned_from == [1440, 960]


def test_a_sum_that_knows_nothing_counts_nothing():
    made = slices_of_a_middle(np.random.default_rng(0))
    judge = Judge.learned(made, 1, seed=0)
    assert judge.trees is not None
    assert not judge.weights.any()
    one = replace(made, moment=np.zeros_like(made.moment))
    assert Judge.learned(one, 1, seed=0).weights.any()


def test_a_slice_is_a_fold_and_one_slice_is_dealt_into_folds():
    two = together([table([[0, 1]] * 3, [[1.0, 2.0]] * 3, [1, 0, 1]), table([[1, 0]] * 2, [[3.0, 4.0]] * 2, [0, 1])])
    assert two.bucket.tolist() == [0, 0, 1, 1, 1]
    assert folds(two, np.random.default_rng(0)).tolist() == [0, 1, 0, 0, 1]
    one = table([[0, 1]] * 6, [[1.0, 2.0]] * 6, [0] * 6)
    assert sorted(folds(one, np.random.default_rng(0)).tolist()) == [0, 0, 1, 1, 2, 2]


def test_a_small_log_that_asks_many_is_learned_from_at_several_moments():
    recipe = parse({"recipe": "ranker", "parts": [{"recipe": "popular"}]})
    # 8,000 people with one work each; the newest tenth asks 800 of them
    many = dataset([(f"u{n:04}", f"i{n % 7}", n / 8_000 - 1) for n in range(8_000)])
    assert _slicing(recipe, many, 0) == (0.05, np.inf)
    assert _slicing(recipe, rising_age(), 0) == (0.1, 400), "few are asked: each slice has to be large"
    untimed = dataset([(user, item, None) for user in (f"u{n:03}" for n in range(500)) for item in "abcd"])
    assert _slicing(recipe, untimed, 0) == (0.1, 400), "without times there is one moment"


def test_few_queries_grow_no_trees():
    assert Trees.grow(table([[0, 1]] * 5, [[1.0, 2.0]] * 5, [0] * 5), seed=0) is None


def test_the_newest_slice_by_time_is_asked_of_what_came_before():
    data = dataset([(f"u{n}", "abcdefghij"[n], float(n - 9)) for n in range(10)])
    found = newest(data, 0.2)
    assert found is not None
    past, asked = found
    assert past.n_events == 8
    assert past.at == AT - 1 * 86_400
    assert data.users.external(asked.users) == ["u8", "u9"]


@pytest.mark.parametrize("events", [[], [("u", "a", 0.0)], [("u", "a", -1.0), ("u", "a", 0.0)]])
def test_a_log_with_nothing_to_ask_has_no_newest_slice(events):
    assert newest(dataset(events, items=["a"], users=["u"])) is None


def rising_age() -> Dataset:
    """Everyone takes the newest work, whatever was popular before."""
    events = [(f"u{n}", f"i{n // 12:02}", n / 12 - 40) for n in range(480)]
    events += [(f"u{n}", "i00", n / 12 - 40 + 1e-4) for n in range(240)]
    return dataset(events)


def test_a_ranker_learns_what_none_of_its_parts_knows():
    data = rising_age()
    found = newest(data)
    assert found is not None
    past, _ = found
    recipe = parse({"recipe": "ranker", "parts": [{"recipe": "popular", "half_life_days": 36_500.0}]})
    model = recipe.fit(past, FitContext(seed=0))
    newcomer = query(at=past.at)
    everything = np.ones(data.n_items, np.bool_)
    (ranked,) = model.top([newcomer], 3, everything, [np.zeros(0, np.int32)])
    (popular,) = model.parts[0].top([newcomer], 3, everything, [np.zeros(0, np.int32)])
    assert data.catalogue.ids[int(popular.items[0])] == "i00"
    assert data.catalogue.ids[int(ranked.items[0])] in ("i32", "i33", "i34", "i35", "i36")


def test_a_ranker_on_a_log_that_cannot_be_sliced_trusts_its_parts_alike():
    data = dataset([("u", "a", None), ("v", "b", None)])
    recipe = parse({"recipe": "ranker", "parts": [{"recipe": "popular"}]})
    model = recipe.fit(replace(data, ordered=False), FitContext())
    assert model.judge.trees is None
    assert model.judge.weights[:, 0].tolist() == [1.0, 1.0, 1.0]
    assert not model.judge.weights[:, 1:].any()


def test_lengths_that_do_not_ascend_are_refused():
    with pytest.raises(ConfigError, match="lengths must ascend"):
        parse({"recipe": "ranker", "parts": [{"recipe": "popular"}], "lengths": [20, 1]})
