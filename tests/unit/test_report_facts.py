import tomllib

import pytest

from recsys.models.recipe import FitContext, Model
from support.data import dataset, holdout
from support.models import Told
from support.report import SPEC, WORKS, contest, log, source
from training.report import values
from training.report.facts import finite, gather, toml_of
from training.report.lists import observe
from training.spec import load_spec, parse_spec, shipped_specs


@pytest.mark.parametrize("name", shipped_specs())
def test_the_toml_of_a_spec_is_that_spec(name):
    spec = load_spec(name)
    assert parse_spec(tomllib.loads(toml_of(spec))) == spec


def test_json_gets_none_for_what_it_does_not_know():
    assert finite({"a": float("nan"), "b": [float("inf"), 1.5, 2, "x", None, True]}) == {
        "a": None,
        "b": [None, 1.5, 2, "x", None, True],
    }


def always(*items: int) -> Model:
    """Gives everybody these of the items, in this order; the others it does not know."""
    scores = (float(len(items) - items.index(i)) if i in items else None for i in range(6))
    return Told(scores=tuple(scores)).fit(log(), FitContext())


def test_shares_of_a_field_are_means_over_lists():
    """``a`` and half of ``c`` are drama: the history is all drama, the lists a comedy and ``c``."""
    data = log()
    asked = holdout(data, {"secret-1": ["b"], "secret-2": ["d"]})
    found = observe(always(1, 2), asked, data, k=2, seed=0)["calibration"]
    assert found["field"] == "genres"
    rows = {row["value"]: row for row in found["rows"]}
    assert [rows["drama"][side] for side in ("history", "liked", "shown")] == [1.0, 0.0, 0.25]
    assert [rows["comedy"][side] for side in ("history", "liked", "shown")] == [0.0, 0.5, 0.5]
    assert [rows["war"][side] for side in ("history", "liked", "shown")] == [0.0, 0.5, 0.25]


def test_a_catalogue_without_fields_has_no_calibration():
    data = log([{"item_id": work["item_id"]} for work in WORKS])
    found = observe(always(1, 2), holdout(data, {"secret-1": ["b"]}), data, k=2, seed=0)
    assert found["calibration"] is None


def test_examples_are_hits_misses_and_one_new_user():
    events = [(user, f"i{item}", item - 5) for user in ("u", "v", "w") for item in range(4)]
    data = dataset(events, items=["x", "y"], users=["new"])
    asked = holdout(data, {"u": ["x"], "v": ["y"], "w": ["x"], "new": ["x"]})
    first = data.catalogue.ids.get("x")
    examples = observe(always(first), asked, data, k=1, seed=0)["examples"]
    assert [sum(work["hit"] for work in one["shown"]) for one in examples] == [1, 1, 0, 1]
    assert [one["history_length"] for one in examples] == [4, 4, 4, 0]
    assert [work["title"] for work in examples[0]["history"]] == ["i3", "i2", "i1", "i0"]  # newest first
    assert [work["title"] for work in examples[2]["missed"]] == ["y"]


def test_facts_of_a_log_say_what_is_in_it():
    data = log()
    held = contest(data)[1]
    found = gather(source(data), held, SPEC, values(held, SPEC), curves={}, git="abc")["data"]
    assert (found["events"], found["positives"], found["users"], found["items"]) == (9, 9, 3, 4)
    assert found["items_without_events"] == 3
    assert found["median_events_per_user"] == 3.0
    assert found["first_event"] == "2023-11-11T22:13:20+00:00"
    assert found["last_event"] == "2023-11-13T22:13:20+00:00"
    assert found["fields"] == {"title": 0.75, "genres": 1.0, "year": 0.25, "provider": 1.0}
