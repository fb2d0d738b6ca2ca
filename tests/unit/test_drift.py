import json
import math
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from recsys.errors import ConfigError, DataError
from recsys.lake import Lake
from training.drift.between import drift
from training.drift.html import page
from training.drift.limits import DriftLimits, Limit
from training.drift.report import DriftReport, Measure
from training.drift.statistics import aligned, js, moved, psi, psi_noise
from training.drift.versions import named
from training.state import State

START = datetime(2024, 1, 1, tzinfo=UTC)


def test_psi_is_the_sum_over_bins_of_the_difference_times_the_log_of_the_ratio() -> None:
    a, b = np.array([49.5, 49.5]), np.array([24.5, 74.5])  # half a count is added to each
    assert psi(a, b) == pytest.approx((0.25 - 0.5) * math.log(0.25 / 0.5) + (0.75 - 0.5) * math.log(0.75 / 0.5))
    assert psi(a, 3 * a) == pytest.approx(0, abs=1e-4)


def test_jensen_shannon_is_one_bit_between_what_has_nothing_in_common() -> None:
    assert js(np.array([3.0, 0.0]), np.array([0.0, 5.0])) == 1.0
    assert js(np.array([2.0, 2.0]), np.array([1.0, 1.0])) == 0.0
    middle = 0.5 * math.log2(0.5 / 0.75) + 0.5 * math.log2(0.5 / 0.25)  # (½, ½) against (¾, ¼)
    other = math.log2(1 / 0.75)  # (1, 0) against (¾, ¼)
    assert js(np.array([1.0, 1.0]), np.array([1.0, 0.0])) == pytest.approx((middle + other) / 2)


def test_chance_is_what_two_samples_of_one_distribution_stay_below() -> None:
    rng = np.random.default_rng(0)
    p = [0.5, 0.3, 0.2]
    drawn = [psi(*(rng.multinomial(n, p).astype(float) for n in (200, 400))) for _ in range(500)]
    noise = psi_noise(200, 400, 3)
    assert noise == pytest.approx((1 / 200 + 1 / 400) * 13.816, rel=1e-4)  # chi-square, 2 degrees, 0.999
    assert np.mean(np.array(drawn) > noise) < 0.01
    assert np.quantile(drawn, 0.99) > noise / 3


def test_counts_are_put_in_one_order_and_small_categories_become_one() -> None:
    names, a, b = aligned({"x": 1.0, "y": 3.0}, {"x": 5.0})
    assert (names, a.tolist(), b.tolist()) == (["x", "y"], [1.0, 3.0], [5.0, 0.0])
    names, a, _ = aligned({f"g{n:02}": 1.0 for n in range(60)}, {})
    assert (len(names), names[-1], a[-1]) == (51, "(other)", 10.0)


def test_what_moved_most_is_named() -> None:
    assert moved(["x", "y", "z"], np.array([8.0, 1.0, 1.0]), np.array([5.0, 4.0, 1.0])) in (
        "x 80.0 % → 50.0 %",
        "y 10.0 % → 40.0 %",
    )


def report(*measures: Measure, **limits: Limit) -> DriftReport:
    return DriftReport("/lake", {"events": 1}, {"events": 2}, 100, measures, DriftLimits(**limits))


@pytest.mark.parametrize(("value", "verdict"), [(0.1, "ok"), (0.2, "warn"), (0.5, "block")])
def test_the_verdict_is_the_worst_level(value: float, verdict: str) -> None:
    assert report(Measure("a", "psi", 0.0), Measure("b", "psi", value)).verdict == verdict


def test_what_chance_alone_makes_is_no_drift() -> None:
    assert report(Measure("a", "psi", 0.9, noise=1.0)).verdict == "ok"


def test_of_overlap_less_is_worse() -> None:
    limit = Limit(warn=0.5, block=0.2)
    levels = [report(Measure("lists", "overlap", v), overlap=limit).verdict for v in (0.6, 0.5, 0.1)]
    assert levels == ["ok", "warn", "block"]


def test_what_is_beyond_its_limit_is_told() -> None:
    found = report(Measure("a", "psi", 0.6, detail="x 1 % → 9 %"), Measure("b", "psi", 0.3))
    assert found.sentence == "Drift that blocks: a psi 0.6 (x 1 % → 9 %)."


def events(first: int, last: int, *, kind: str = "view", items: str = "i", users: str = "u") -> pa.Table:
    """30 users with one event an hour from day ``first`` to ``last``; item by user and hour."""
    rows = [(user, hour) for user in range(30) for hour in range(24 * first, 24 * last)]
    return pa.table(
        {
            "event_id": [f"{kind}{items}{users}{user}-{hour}" for user, hour in rows],
            "user_id": [f"{users}{user}" for user, _ in rows],
            "item_id": [f"{items}{(user + hour) % 20}" for user, hour in rows],
            "kind": [kind] * len(rows),
            "timestamp": pa.array([START + timedelta(hours=h) for _, h in rows], pa.timestamp("us", tz="UTC")),
            "value": [float(hour % 5) for _, hour in rows],
        }
    )


def items(genre: str, count: int = 20) -> pa.Table:
    lists = pa.list_(pa.string())
    return pa.table({"item_id": [f"i{n}" for n in range(count)], "genres": pa.array([[genre]] * count, lists)})


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    made = Lake(tmp_path / "lake")
    made.append("events", events(0, 4))
    made.append("items", items("drama"))
    return made


def told(lake: Lake, older: dict[str, int], **limits: Any) -> dict[str, Measure]:
    found = drift(lake.root, older, lake.versions(), State(Path(lake.root).parent), limits=DriftLimits(**limits))
    return {measure.name: measure for measure in found.measures}


BEFORE = {"events": 0, "items": 0}


def test_more_of_the_same_is_no_drift(lake: Lake, tmp_path: Path) -> None:
    lake.append("events", events(4, 6))
    found = drift(lake.root, BEFORE, lake.versions(), State(tmp_path), limits=DriftLimits())
    assert (found.new_events, found.verdict) == (30 * 48, "ok")
    measures = {measure.name: measure.value for measure in found.measures}
    assert measures["events.a_day"] == pytest.approx(1.0)
    assert (measures["users.new"], measures["items.new"]) == (0.0, 0.0)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["lake"]


def test_another_kind_of_events_blocks(lake: Lake, tmp_path: Path) -> None:
    lake.append("events", events(4, 6, kind="bot"))
    found = drift(lake.root, BEFORE, lake.versions(), State(tmp_path), limits=DriftLimits())
    assert found.verdict == "block"
    assert "events.kind psi" in found.sentence


def test_only_what_the_older_version_lacks_is_compared(lake: Lake) -> None:
    lake.append("events", events(1, 3, kind="late"))  # older in time, and new in the lake
    measures = told(lake, BEFORE)
    assert measures["events.kind"].detail in ("view 100.0 % → 0.0 %", "late 0.0 % → 100.0 %")


def test_new_users_and_new_items_are_shares_of_the_new_events(lake: Lake) -> None:
    lake.append("events", events(4, 5))
    lake.append("events", events(4, 5, users="v"))
    measures = told(lake, BEFORE)
    assert (measures["users.new"].value, measures["items.new"].value) == (0.5, 0.0)
    lake.append("events", events(4, 6, items="j"))
    assert told(lake, BEFORE)["items.new"].value == 0.5


def test_rates_are_how_many_times_more_or_fewer(lake: Lake) -> None:
    lake.append("events", events(4, 5).slice(0, 180))  # 180 of 720 events of a day, by 8 of 30 users
    measures = told(lake, BEFORE)
    assert measures["events.a_day"].value == pytest.approx(4.0)
    assert measures["users.a_day"].value == pytest.approx(30 / 8)


def test_popularity_tells_that_the_rare_became_popular(lake: Lake) -> None:
    rare = events(4, 5, items="r")
    lake.append("events", rare.slice(0, 20))  # hardly seen
    then = lake.versions()
    lake.append("events", events(5, 7, items="r"))
    assert told(lake, then)["items.popularity"].value > 1


def test_genres_are_compared_in_the_catalogue_and_in_what_is_consumed(lake: Lake) -> None:
    lake.append("items", items("horror", 10))
    lake.append("events", events(4, 6))
    measures = told(lake, BEFORE)
    assert measures["items.genres"].detail in ("drama 100.0 % → 50.0 %", "horror 0.0 % → 50.0 %")
    assert measures["events.genres"].value > 0.5


def test_values_are_compared_by_the_tenths_of_the_older_version(lake: Lake) -> None:
    late = events(4, 6)
    lake.append("events", late.set_column(late.column_names.index("value"), "value", pa.array([9.0] * len(late))))
    assert "above 0.0 % → 100.0 %" in told(lake, BEFORE)["events.value"].detail


def test_a_log_without_times_values_and_items_is_compared_by_the_rest(tmp_path: Path) -> None:
    bare = Lake(tmp_path / "bare")
    for first in (0, 2):
        bare.append("events", events(first, first + 2).select(["event_id", "user_id", "item_id", "kind"]))
    measures = told(bare, {"events": 0})
    assert set(measures) == {"events.kind", "users.new", "items.new", "items.popularity"}


def test_one_version_against_itself_has_nothing_new(lake: Lake, tmp_path: Path) -> None:
    found = drift(lake.root, BEFORE, BEFORE, State(tmp_path), limits=DriftLimits())
    assert (found.new_events, found.verdict, found.measures) == (0, "ok", ())


def test_a_version_that_the_lake_does_not_have_is_told(lake: Lake, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no version 7 of events"):
        drift(lake.root, {"events": 7}, lake.versions(), State(tmp_path), limits=DriftLimits())


def test_a_report_is_plain_json_and_a_page_that_escapes(lake: Lake, tmp_path: Path) -> None:
    lake.append("events", events(4, 6, kind="<script>"))
    values = drift(lake.root, BEFORE, lake.versions(), State(tmp_path), limits=DriftLimits()).values()
    assert json.loads(json.dumps(values, allow_nan=False)) == values
    assert (values["from"], values["to"]) == ({"events": 0, "items": 0}, {"events": 1, "items": 0})
    html = page(values)
    assert "&lt;script&gt; 0.0 % → 100.0 %" in html or "view 100.0 % → 0.0 %" in html
    assert "<script" not in html
    assert "http" not in html


def test_versions_are_named_by_number_or_by_table(lake: Lake, tmp_path: Path) -> None:
    lake.append("events", events(4, 5))
    state = State(tmp_path)
    assert named("newest", lake.root, state) == {"events": 1, "items": 0}
    assert named("0", lake.root, state) == {"events": 0, "items": 0}
    assert named("events=0, items=0", lake.root, state) == {"events": 0, "items": 0}
    for text in ("yesterday", "events=-1", "event=1", "1,2"):
        with pytest.raises(ConfigError, match="names no lake version"):
            named(text, lake.root, state)
    with pytest.raises(ConfigError, match="nothing is served"):
        named("champion", lake.root, state)
