import json

import numpy as np
import pyarrow.parquet as pq
import pytest

from recsys.errors import DataError
from recsys.evaluate import compare, evaluate, load_evaluation, pool, save_evaluation
from recsys.models.recipe import FitContext
from support.data import dataset, holdout
from support.models import Told

DATA = dataset([("alice", "a", -1.0), ("bob", "b", 0.0)], items=["c", "d"], users=["carol"])
ASKED = holdout(DATA, {"alice": ["b", "c"], "carol": ["b"]})


def evaluated(scores=(4.0, 3.0, 2.0, 1.0), asked=ASKED):
    return evaluate(Told(scores=scores).fit(DATA, FitContext()), asked, DATA, ks=(1, 10), name="told", seed=3)


def test_what_is_loaded_is_what_was_saved(tmp_path):
    found = pool([evaluated(), evaluated()])
    save_evaluation(found, tmp_path / "made" / "here")
    again = load_evaluation(tmp_path / "made" / "here")
    assert again.summary() == found.summary()
    assert again.values("mrr@10", "new_items").tolist() == found.values("mrr@10", "new_items").tolist()
    assert again.at.tolist() == found.at.tolist()


def test_loaded_runs_pair_with_each_other_and_with_those_in_memory(tmp_path):
    better = evaluated((1.0, 4.0, 3.0, 2.0))
    save_evaluation(evaluated(), tmp_path / "a")
    save_evaluation(better, tmp_path / "b")
    a, b = load_evaluation(tmp_path / "a"), load_evaluation(tmp_path / "b")
    assert compare(b, a, "mrr@10") == compare(better, a, "mrr@10") == compare(better, evaluated(), "mrr@10")


def test_no_user_id_is_in_the_files(tmp_path):
    save_evaluation(evaluated(), tmp_path)
    for file in tmp_path.iterdir():
        assert not any(name in file.read_bytes() for name in (b"alice", b"bob", b"carol"))


def test_the_columns_are_as_the_format_says(tmp_path):
    save_evaluation(evaluated(), tmp_path)
    queries = pq.read_table(tmp_path / "queries.parquet")
    assert queries["mrr@10"].to_pylist() == [1.0, 0.5]  # alice is shown b c d, carol a b c d
    assert queries["in:warm"].to_pylist() == [True, False]
    assert queries["new_items:mrr@10"].to_pylist() == [0.5, None]
    facts = json.loads((tmp_path / "evaluation.json").read_text())
    assert (facts["groups"]["new_items"], facts["parts"], facts["lists"]["filled@1"]) == (1, ["new_items"], 1.0)


def test_unknown_times_and_no_queries_survive(tmp_path):
    untimed = dataset([("u", "a", None)], items=["b"])
    model = Told(scores=(1.0, 2.0)).fit(untimed, FitContext())
    for name, wants in (("one", {"u": ["b"]}), ("none", {})):
        found = evaluate(model, holdout(untimed, wants), untimed)
        save_evaluation(found, tmp_path / name)
        assert compare(load_evaluation(tmp_path / name), found, "mrr@10").ratio == pytest.approx(
            1.0 if wants else np.nan, nan_ok=True
        )


def test_exposure_survives_where_nothing_is_shown_too(tmp_path):
    data = dataset([], items=[{"item_id": "a", "provider": "p"}, {"item_id": "b", "provider": "q"}], users=["u"])
    for scores in ((1.0, 2.0), (None, None)):
        found = evaluate(Told(scores=scores).fit(data, FitContext()), holdout(data, {"u": ["b"]}), data)
        save_evaluation(found, tmp_path)
        json.loads((tmp_path / "evaluation.json").read_text(), parse_constant=pytest.fail)  # NaN is not JSON
        assert load_evaluation(tmp_path).summary()["exposure"] == found.summary()["exposure"]


@pytest.mark.parametrize("facts", [None, "{", "[]", '{"format": 2}', '{"format": 1}'])
def test_a_folder_without_a_readable_evaluation_is_refused(tmp_path, facts):
    save_evaluation(evaluated(), tmp_path)
    (tmp_path / "evaluation.json").unlink()
    if facts is not None:
        (tmp_path / "evaluation.json").write_text(facts)
    with pytest.raises(DataError, match=f"{tmp_path} holds"):
        load_evaluation(tmp_path)


def test_a_place_that_cannot_be_written_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="cannot be written"):
        save_evaluation(evaluated(), tmp_path / "file")
