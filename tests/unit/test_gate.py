"""The gate: rights, ages, labels, takedowns and garbage; mask and check give the same answer."""

from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest

from recsys.clock import fixed_clock
from recsys.dataset.catalogue import Catalogue
from recsys.errors import DataError
from recsys.safety import Effective, Gate, Takedown, Verdict, load_policy
from recsys.types import Viewer

OPEN, STRICT = load_policy("open"), load_policy("strict")
NOW = datetime(2026, 3, 1, tzinfo=UTC).timestamp()
ADULT = Viewer("feed", "DE", 30)


def at(seconds: float) -> datetime:
    return datetime.fromtimestamp(NOW + seconds, UTC)


def judge(fields, viewer=ADULT, policy=OPEN, *, now=NOW, takedowns=()) -> tuple[bool, str, str]:
    """One item: shown by the mask, the check's verdict and its reason."""
    catalogue = Catalogue.from_records([{"item_id": "x", **fields}])
    gate = Gate.compile(catalogue, policy, fixed_clock(now), takedowns)
    verdicts = gate.check(viewer, np.array([0], np.int32))
    shown = bool(gate.mask(viewer)[0])
    assert shown == bool(verdicts.allowed[0]) == verdicts.verdict[0].shown
    return shown, verdicts.verdict[0].code, verdicts.reasons[0]


SHOWN = (True, "allow", "")


# labels and surfaces


@pytest.mark.parametrize("labels", [None, []])
def test_an_unlabelled_item_is_shown_on_feed_under_open_and_held_under_strict(labels):
    assert judge({"labels": labels}) == SHOWN
    assert judge({"labels": labels}, policy=STRICT) == (False, "hold", "unlabelled")


@pytest.mark.parametrize("surface", ["minor", "push", "home", "hot", "popup"])
def test_strict_surfaces_and_unknown_ones_show_the_cleared_pool_only(surface):
    viewer = Viewer(surface, "DE", 30)
    assert judge({}, viewer) == (False, "hold", "unlabelled")
    assert judge({"labels": ["nobody knows"]}, viewer) == (False, "hold", "unknown_label:nobody knows")
    assert judge({"labels": ["general"]}, viewer) == SHOWN


@pytest.mark.parametrize("surface", ["feed", "search", "detail", "batch"])
def test_surfaces_that_are_not_strict_show_unlabelled_items_to_a_viewer_of_unknown_age(surface):
    assert judge({}, Viewer(surface)) == SHOWN


def test_a_label_that_the_pack_does_not_know_is_shown_as_a_label_under_open_and_held_under_strict():
    assert judge({"labels": ["zzz"]}) == (True, "label", "unknown_label:zzz")
    assert judge({"labels": ["zzz"]}, policy=STRICT) == (False, "hold", "unknown_label:zzz")


def test_the_most_restrictive_label_wins():
    assert judge({"labels": ["general", "illegal", "sexual"]}) == (False, "block", "label:illegal")


def test_one_item_is_blocked_on_push_held_on_hot_and_shown_on_feed():
    item = {"labels": ["nudity"]}
    assert judge(item, Viewer("push", "DE", 30)) == (False, "block", "label:nudity")
    assert judge(item, Viewer("hot", "DE", 30)) == (False, "hold", "label:nudity")
    assert judge(item) == SHOWN


def test_a_limited_item_is_not_shown():
    assert judge({"labels": ["spam"]}) == (False, "limit", "label:spam")


def test_an_interstitial_item_is_shown_with_its_verdict():
    assert judge({"labels": ["sexual"]}) == (True, "interstitial", "label:sexual")


def test_a_label_that_is_only_shown_as_a_label_does_not_clear_an_item():
    item = {"labels": ["general", "sponsored"]}
    assert judge(item) == (True, "label", "label:sponsored")
    assert judge(item, Viewer("home", "DE", 30)) == (False, "hold", "label:sponsored")


def test_labels_are_compared_without_case_and_blanks():
    assert judge({"labels": [" Illegal "]}) == (False, "block", "label:illegal")


# ages


def test_an_item_with_a_minimum_age_is_shown_from_that_age_on():
    item = {"min_age": 13}
    assert judge(item, Viewer("feed", "DE", 13)) == SHOWN
    assert judge(item, Viewer("feed", "DE", 12)) == (False, "block", "age")


@pytest.mark.parametrize("surface", ["feed", "search", "detail", "batch", "minor", "home", "popup"])
def test_an_item_from_eighteen_is_shown_to_a_known_minor_nowhere(surface):
    assert not judge({"min_age": 18, "labels": ["general"]}, Viewer(surface, "DE", 17))[0]


def test_an_item_from_eighteen_asks_for_a_known_age():
    assert judge({"min_age": 18}, Viewer("feed", "DE")) == (False, "block", "age")
    assert judge({"min_age": 18}) == SHOWN


def test_on_a_surface_for_minors_a_cleared_item_stays_within_the_band():
    item = {"labels": ["general"], "min_age": 12}
    assert judge(item, Viewer("minor", "DE", 15)) == SHOWN
    assert judge(item | {"min_age": 13}, Viewer("minor", "DE", 15)) == (False, "block", "age")
    assert judge(item, Viewer("minor", "DE", 11)) == (False, "block", "age")


@pytest.mark.parametrize("surface", ["minor", "home", "push", "hot"])
def test_an_unknown_age_on_a_strict_surface_sees_the_lowest_band_only(surface):
    assert judge({"labels": ["general"], "min_age": 3}, Viewer(surface)) == SHOWN
    assert judge({"labels": ["general"], "min_age": 4}, Viewer(surface)) == (False, "block", "age")


def test_a_known_minor_sees_the_cleared_pool_only_unless_the_pack_says_otherwise():
    loose = STRICT.model_copy(
        update={"surfaces": {"feed": STRICT.surfaces["feed"].model_copy(update={"unlabelled": Verdict.ALLOW})}}
    )
    assert judge({}, Viewer("feed", "DE", 30), loose) == SHOWN
    assert judge({}, Viewer("feed", "DE", 17), loose) == (False, "hold", "unlabelled")
    assert judge({}, Viewer("feed", "DE", 17), OPEN) == SHOWN


def test_the_minimum_age_of_a_label_counts_as_the_items():
    assert judge({"labels": ["mature"], "min_age": 6}, Viewer("feed", "DE", 15)) == (False, "block", "age")
    assert judge({"labels": ["mature"], "min_age": 6}, Viewer("feed", "DE", 16)) == SHOWN


# rights


def test_an_item_is_shown_in_its_territories_only_and_never_where_the_territory_is_unknown():
    item = {"territories": ["de", "FR"]}
    assert judge(item) == SHOWN
    assert judge(item, Viewer("feed", "US", 30)) == (False, "block", "territory")
    assert judge(item, Viewer("feed", None, 30)) == (False, "block", "territory")


@pytest.mark.parametrize("everywhere", [None, ["WW"], ["*"], ["DE", "ww"]])
def test_an_item_without_a_limit_is_shown_everywhere(everywhere):
    assert judge({"territories": everywhere}, Viewer("feed", None, 30)) == SHOWN


def test_an_empty_list_of_territories_is_nowhere():
    assert judge({"territories": []}) == (False, "block", "territory")


@pytest.mark.parametrize(("start", "shown"), [(-1, True), (0, True), (0.000001, False), (1, False)])
def test_a_window_holds_its_first_moment(start, shown):
    assert judge({"available_from": at(start)})[0] is shown


@pytest.mark.parametrize(("end", "shown"), [(1, True), (0.000001, True), (0, False), (-1, False)])
def test_a_window_does_not_hold_its_last_moment(end, shown):
    assert judge({"available_to": at(end)})[0] is shown


def test_before_an_embargo_lifts_an_item_is_withheld_and_at_that_moment_it_is_not():
    assert judge({"embargo_until": at(1)}) == (False, "block", "embargo")
    assert judge({"embargo_until": at(0)}) == SHOWN


def test_a_window_and_an_embargo_name_the_window():
    assert judge({"available_from": at(1), "embargo_until": at(2)}) == (False, "block", "window")


# takedowns


def test_a_takedown_everywhere_beats_everything():
    order = Takedown("t", "x")
    assert judge({"labels": ["illegal"], "territories": ["US"]}, takedowns=[order]) == (False, "takedown", "takedown")


@pytest.mark.parametrize(("territory", "shown"), [("CN", False), ("DE", True), (None, False)])
def test_a_takedown_in_a_territory_bites_there_and_where_the_territory_is_unknown(territory, shown):
    found = judge({}, Viewer("feed", territory, 30), takedowns=[Takedown("t", "x", "CN")])
    assert found == (SHOWN if shown else (False, "takedown", "legal_withholding"))


@pytest.mark.parametrize("territory", ["Germany", "", "WW", "*"])
def test_a_takedown_for_what_is_no_territory_bites_everywhere(territory):
    assert not judge({}, takedowns=[Takedown("t", "x", territory)])[0]


# garbage


@pytest.mark.parametrize(
    "fields",
    [
        {"available_from": at(-1), "available_to": at(-2)},
        {"min_age": -1},
        {"min_age": 100},
        {"labels": [""]},
        {"labels": ["general", None]},
        {"labels": ["general|teen"]},
        {"labels": ["gen\u0000eral"]},
        {"labels": ["a" * 65]},
        {"territories": ["DE", "USA"]},
        {"territories": ["DE", None]},
        {"item_id": ""},
    ],
)
def test_garbage_in_a_field_is_not_shown(fields):
    assert not judge(fields)[0]


def test_garbage_is_a_hold_with_its_own_reason():
    assert judge({"min_age": -1}) == (False, "hold", "error")
    assert judge({"labels": [""]}) == (False, "hold", "error")
    assert judge({"min_age": -1, "labels": ["illegal"]}) == (False, "block", "label:illegal")


def test_text_that_is_no_utf8_holds_its_item_and_no_other():
    good, bad = b"general", b"\xff\xfe"
    offsets = np.array([0, len(good), len(good + bad)], np.int32)
    strings = pa.StringArray.from_buffers(2, pa.py_buffer(offsets), pa.py_buffer(good + bad))
    labels = pa.ListArray.from_arrays(pa.array([0, 1, 2], pa.int32()), strings)
    catalogue = Catalogue(pa.table({"item_id": ["fine", "broken"], "labels": labels}))
    gate = Gate.compile(catalogue, OPEN, fixed_clock(NOW))
    assert gate.mask(ADULT).tolist() == [True, False]
    assert gate.check(ADULT, np.array([1], np.int32)).reasons == ["error"]


def test_an_index_that_the_gate_does_not_know_is_held():
    gate = Gate.compile(Catalogue.bare(["a"]), OPEN, fixed_clock(NOW))
    verdicts = gate.check(ADULT, np.array([-1, 0, 1], np.int32))
    assert verdicts.allowed.tolist() == [False, True, False]
    assert verdicts.reasons == ["error", "", "error"]


@pytest.mark.parametrize("now", [float("nan"), float("inf"), float("-inf")])
def test_a_broken_clock_shows_nothing(now):
    assert judge({}, now=now) == (False, "hold", "error")


def test_two_items_of_one_id_are_refused():
    with pytest.raises(DataError, match="given twice"):
        Gate.compile(Catalogue.bare(["a", "a"]), OPEN, fixed_clock(NOW))


def test_an_empty_catalogue_has_an_empty_mask():
    gate = Gate.compile(Catalogue.from_records([]), OPEN, fixed_clock(NOW))
    assert len(gate.mask(ADULT)) == gate.n_items == 0


# what the gate says of itself


def test_the_answer_names_the_policy():
    gate = Gate.compile(Catalogue.bare(["a"]), OPEN, fixed_clock(NOW))
    assert gate.check(ADULT, np.array([0], np.int32)).policy == OPEN.cite


def test_labels_of_an_item_are_those_it_brings_and_those_of_rules():
    catalogue = Catalogue.from_records([{"item_id": "x", "labels": ["Classic"], "genres": ["Horror"]}])
    gate = Gate.compile(catalogue, load_policy("demo"), fixed_clock(NOW))
    assert gate.labels(0) == ["classic", "frightening"]
    assert gate.min_age(0) == 16


def test_the_cleared_pool_is_the_part_of_the_mask_that_known_labels_allow():
    rows = [{"labels": None}, {"labels": ["general"]}, {"labels": ["sponsored"]}, {"labels": ["zzz"]}]
    rows.append({"labels": ["general"], "territories": ["US"]})
    catalogue = Catalogue.from_records([{"item_id": str(i), **row} for i, row in enumerate(rows)])
    gate = Gate.compile(catalogue, OPEN, fixed_clock(NOW))
    assert gate.mask(ADULT).tolist() == [True, True, True, True, False]
    assert gate.cleared(ADULT).tolist() == [False, True, False, False, False]


@pytest.mark.parametrize(
    ("labels", "vouched"),
    [
        ((("general", "human", None),), True),
        ((("general", "model", None),), False),
        ((("general", "provider", None),), False),
        ((("general", "model", None), ("teen", "human", None)), True),
        ((("general", "model", None), ("synthetic", "human", None)), False),  # clears nothing
        ((("general", "human", None), ("sponsored", "model", None)), False),  # not all of them are allowed
        ((("general", "model", None), ("teen", "human", "FR")), False),  # said of another place
        ((("general", "human", "DE"),), True),
    ],
)
def test_a_person_has_cleared_what_has_a_persons_label_that_clears_it_there(labels, vouched):
    said = {"x": tuple(Effective(label, None, where, source, None) for label, source, where in labels)}
    catalogue = Catalogue.from_records([{"item_id": "x"}])
    gate = Gate.compile(catalogue, OPEN, fixed_clock(NOW), labels=said)
    viewer = Viewer("feed", "DE", 30)
    assert gate.vouched(viewer).tolist() == [vouched]
    assert gate.vouched(viewer)[0] <= gate.cleared(viewer)[0]


# the demo's pack


@pytest.mark.parametrize(
    ("genres", "labels", "min_age"),
    [
        (["Animation", "Children's", "Comedy"], ["general"], 0),
        (["Horror"], ["frightening"], 16),
        (["Action", "Sci-Fi"], ["violence"], 12),
        (["Action", "Crime"], ["violence"], 16),
        (["Animation", "Horror"], ["frightening"], 16),
        (["Musical", "Drama"], ["teen"], 12),
        (["Drama"], ["teen"], 12),
        (["unknown"], ["teen"], 12),
        (None, ["teen"], 12),
    ],
)
def test_the_demos_pack_labels_every_film_by_its_genres(genres, labels, min_age):
    catalogue = Catalogue.from_records([{"item_id": "x", "genres": genres}])
    gate = Gate.compile(catalogue, load_policy("demo"), fixed_clock(NOW))
    assert (gate.labels(0), gate.min_age(0)) == (labels, min_age)


def test_the_demos_pack_withholds_a_horror_film_on_minor_and_shows_it_on_feed():
    demo = load_policy("demo")
    horror, cartoon = {"genres": ["Horror"]}, {"genres": ["Children's"]}
    assert judge(horror, Viewer("feed"), demo)[0]
    assert not judge(horror, Viewer("minor"), demo)[0]
    assert judge(cartoon, Viewer("minor"), demo)[0]


def test_lists_checked_together_are_judged_as_each_alone():
    rows = [{"item_id": "a"}, {"item_id": "b", "labels": ["illegal"]}, {"item_id": "c", "labels": ["sexual"]}]
    gate = Gate.compile(Catalogue.from_records(rows), OPEN, fixed_clock(NOW))
    lists = [np.array(items, np.int32) for items in ([0, 1], [], [2], [1, 2, 0])]
    for items, found in zip(lists, gate.check_lists(ADULT, lists), strict=True):
        alone = gate.check(ADULT, items)
        assert found.codes.tolist() == alone.codes.tolist()
        assert found.allowed.tolist() == alone.allowed.tolist()
        assert found.reasons == alone.reasons
        assert found.notices() == alone.notices()


@pytest.mark.parametrize(("written", "means"), [("UK", "GB"), ("el", "GR"), ("GB", "GB"), ("XK", "XK")])
def test_a_territory_is_the_same_whichever_of_its_codes_is_written(written, means):
    for one, other in ((written, means), (means, written)):
        viewer, order = Viewer("feed", one, 30), [Takedown("t", "x", other)]
        assert judge({"territories": [other]}, viewer) == SHOWN
        assert judge({}, viewer, takedowns=order) == (False, "takedown", "legal_withholding")
        assert judge({}, ADULT, takedowns=order) == SHOWN


@pytest.mark.parametrize("nowhere", ["EU", "ZY", "WW", "QA1"])
def test_what_is_no_one_territory_is_an_unknown_viewer_and_an_order_everywhere(nowhere):
    viewer = Viewer("feed", nowhere, 30)
    assert judge({}, viewer) == SHOWN
    assert judge({"territories": ["DE"]}, viewer) == (False, "block", "territory")
    assert judge({}, viewer, takedowns=[Takedown("t", "x", "DE")]) == (False, "takedown", "legal_withholding")
    assert judge({}, ADULT, takedowns=[Takedown("t", "x", nowhere)]) == (False, "takedown", "takedown")
