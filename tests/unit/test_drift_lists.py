from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recsys.bundle import Bundle
from recsys.dataset.catalogue import Catalogue
from recsys.dataset.data import Dataset
from recsys.pipeline import Pipeline
from support.data import dataset
from support.models import Told, ToldModel
from training.drift.limits import DriftLimits
from training.drift.lists import ask, list_drift, recent
from training.drift.report import Measure

ITEMS = [{"item_id": f"i{n:02}", "genres": ["early" if n < 12 else "late"]} for n in range(24)]
BEST_FIRST = tuple(float(-n) for n in range(24))


def bundle() -> Bundle:
    """24 items that everyone is shown in the order of their ids, without what they have seen."""
    manifest: Any = None
    return Bundle(Path(), manifest, Pipeline(Catalogue.from_records(ITEMS), (ToldModel(Told(scores=BEST_FIRST)),)))


def data(*events: tuple[str, str, float]) -> Dataset:
    return dataset(events, items=ITEMS)


def measures(older: Dataset, newer: Dataset, **limits: Any) -> dict[str, Measure]:
    return {measure.name: measure for measure in list_drift(bundle(), older, newer, DriftLimits(**limits))}


def test_the_lists_of_one_history_do_not_drift() -> None:
    found = measures(data(("u", "i00", 0)), data(("u", "i00", 0)))
    assert (found["lists.items"].value, found["lists.genres"].value) == (0.0, 0.0)
    assert found["lists.overlap@20"].value == 1.0


def test_overlap_is_the_share_of_a_list_that_stays() -> None:
    found = measures(data(("u", "i00", -1)), data(("u", "i00", -1), ("u", "i01", 0)))
    assert found["lists.overlap@20"].value == pytest.approx(19 / 20)  # i01 goes, i21 comes


def test_what_is_shown_is_compared_by_item_and_by_genre() -> None:
    found = measures(data(("u", "i23", -1)), data(("u", "i23", -1), *(("u", f"i{n:02}", 0.0) for n in range(12))))
    # before: i00 to i19, 12 of 20 early; after: the 11 late ones that are left
    assert found["lists.genres"].detail in ("early 60.0 % → 0.0 %", "late 40.0 % → 100.0 %")
    p, q = np.array([0.6, 0.4]), np.array([0.0, 1.0])
    middle = (p + q) / 2
    divergence = (0.6 * np.log2(0.6 / middle[0]) + 0.4 * np.log2(0.4 / middle[1]) + np.log2(1 / middle[1])) / 2
    assert found["lists.genres"].value == pytest.approx(divergence)


def test_users_without_an_event_in_the_newest_days_are_not_asked() -> None:
    log = data(("old", "i00", -40), ("new", "i00", 0))
    assert [log.users[user] for user in recent(log, DriftLimits(days=28))] == ["new"]
    assert len(recent(log, DriftLimits(days=50))) == 2


def test_of_many_users_two_versions_ask_the_same() -> None:
    users = [(f"u{n}", "i00", 0.0) for n in range(40)]
    older, newer = data(*users), data(*users, ("v", "i01", 0.0))
    asked = [{log.users[user] for user in recent(log, DriftLimits(queries=8))} for log in (older, newer)]
    assert [len(side) for side in asked] == [8, 8]
    assert len(asked[0] & asked[1]) >= 7


def test_items_that_the_bundle_does_not_know_are_dropped_from_a_history() -> None:
    log = dataset([("u", "unheard of", -1), ("u", "i00", 0)], items=ITEMS)
    (shown,) = ask(bundle(), log, [0]).shown
    assert [bundle().catalogue.ids[int(item)] for item in shown[:2]] == ["i01", "i02"]
