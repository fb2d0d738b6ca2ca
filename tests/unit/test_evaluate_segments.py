import numpy as np
import pytest

from recsys.evaluate import Evaluation, evaluate, pool
from recsys.evaluate.segments import item_segments, query_segments
from recsys.models.recipe import FitContext
from recsys.types import query
from support.data import dataset, holdout
from support.models import Told


def asked(*profiles):
    return [query(profile=profile) for profile in profiles]


def sizes(found):
    return {name: int(members.sum()) for name, members in found.items() if not name.startswith("history=")}


def test_histories_are_told_apart_by_their_length():
    lengths = [0, 1, 4, 5, 19, 20, 300]
    found = query_segments([query(np.zeros(n, np.int32)) for n in lengths])
    assert {name: np.flatnonzero(members).tolist() for name, members in found.items()} == {
        "history=0": [0],
        "history=1-4": [1, 2],
        "history=5-19": [3, 4],
        "history=20+": [5, 6],
    }


def test_a_profile_column_makes_a_segment_of_each_frequent_value():
    people = [{"gender": "F"}] * 30 + [{"gender": "M"}] * 40 + [{"gender": "X"}] * 29 + [{}]
    assert sizes(query_segments(asked(*people))) == {"gender=M": 40, "gender=F": 30}


def test_a_column_with_one_frequent_value_makes_none():
    assert sizes(query_segments(asked(*[{"country": "CN"}] * 90, *[{"country": "FR"}] * 29))) == {}


def test_a_column_of_mostly_rare_values_makes_none():
    codes = [{"zip": "1"}] * 30 + [{"zip": "2"}] * 30 + [{"zip": f"rare {n}"} for n in range(61)]
    assert sizes(query_segments(asked(*codes))) == {}


def test_a_column_has_twelve_segments_at_most():
    territories = [{"territory": f"{n:02}"} for n in range(14) for _ in range(30)]
    assert list(sizes(query_segments(asked(*territories)))) == [f"territory={n:02}" for n in range(12)]


def test_ages_are_put_into_bands():
    people = [{"age": age} for age in ("17", "18", "24.5", "34", "55", "70", "unknown") for _ in range(30)]
    assert sizes(query_segments(asked(*people))) == {
        "age=18-24": 60,
        "age=55+": 60,
        "age=0-17": 30,
        "age=25-34": 30,
        "age=unknown": 30,
    }


FILMS = [{"item_id": f"f{n}", "media_type": "film", "language": "zh"} for n in range(3)]
BOOKS = [{"item_id": f"b{n}", "media_type": "book", "language": "zh"} for n in range(3)]
RARE = [{"item_id": "x", "media_type": "game"}]
PEOPLE = [f"u{n:02}" for n in range(40)]
DATA = dataset([("v", "f0", 0.0), ("v", "b0", 0.0)], items=FILMS + BOOKS + RARE, users=PEOPLE)


def test_items_are_told_apart_by_the_values_that_many_queries_want():
    wanted = DATA.catalogue.ids.dense(["f1", "b1"] * 40 + ["x"] * 29)
    owner = np.concatenate([np.repeat(np.arange(40), 2), np.arange(29)]).astype(np.int32)
    found = item_segments(DATA.catalogue, wanted, owner)
    assert list(found) == ["media_type=book", "media_type=film"]  # all speak Chinese, which tells nothing apart
    assert DATA.catalogue.ids.external(np.flatnonzero(found["media_type=film"])) == ["f0", "f1", "f2"]


def test_a_query_that_wants_one_segment_ten_times_counts_once():
    wanted = DATA.catalogue.ids.dense(["f1", "b1"] * 40)
    assert item_segments(DATA.catalogue, wanted, np.zeros(80, np.int32)) == {}


def evaluated() -> Evaluation:
    # all are shown b0 b1 b2 f0 f1 f2 x; the first 30 want f1 alone, the others b1 and f2
    wants = {user: ["f1"] if n < 30 else ["b1", "f2"] for n, user in enumerate(PEOPLE)}
    wants |= {f"w{n}": ["b0"] for n in range(20)}
    data = dataset([("v", "f0", 0.0)], items=FILMS + BOOKS + RARE, users=list(wants))
    model = Told(scores=(7.0, 6.0, 5.0, 4.0, 3.0, 2.0, 1.0)).fit(data, FitContext())
    return evaluate(model, holdout(data, wants), data, ks=(5,))


def test_a_segment_of_items_restricts_the_truth():
    found = evaluated()
    assert found.groups["media_type=film"].sum() == 40
    assert found.mean("recall@5", "media_type=film") == pytest.approx(30 / 40)  # f1 at 5, f2 at 6
    assert found.mean("mrr@5", "media_type=book") == pytest.approx((20 * 1 + 10 / 2) / 30)


def test_pooled_windows_keep_the_segments_that_all_of_them_have():
    found = evaluated()
    few = {name: members for name, members in found.groups.items() if name != "media_type=film"}
    lacking = Evaluation(**{**vars(found), "groups": few})
    both = pool([found, lacking])
    assert "media_type=film" not in both.groups
    assert len(both.values("recall@5", "media_type=book")) == 60
