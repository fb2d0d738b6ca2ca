"""What a request leaves in the metrics: stages, sources, reasons and routes, never a word of a client's."""

import time

import pytest
from prometheus_client import REGISTRY

from recsys.types import Viewer
from serving import measures
from serving.asks import Ask
from serving.laps import CHECK, DRAFT, STAGES, Laps
from serving.routes import OTHER, route_of
from support.data import AT
from support.serve import stand


def value(name, **labels):
    measures.tallies.settle()
    return REGISTRY.get_sample_value(name, labels) or 0.0


def test_a_list_is_timed_by_stage_and_the_stages_are_within_the_whole(bundle, tmp_path):
    begun = time.perf_counter()
    answer = stand(tmp_path, bundle).engine.recommend([Ask(Viewer("feed", age=30), 5, session=("i01",))])[0]
    spent = dict(zip(STAGES, answer.laps.seconds, strict=True))
    assert all(spent[stage] > 0 for stage in ("draft", "candidates", "rerank", "overrides", "check"))
    assert sum(answer.laps.seconds) < time.perf_counter() - begun


def test_a_stage_that_runs_again_adds_to_itself():
    laps = Laps()
    laps.lap(DRAFT)
    first = laps.seconds[DRAFT]
    laps.lap(CHECK)
    laps.lap(DRAFT)
    assert laps.seconds[DRAFT] > first > 0


def test_a_list_counts_its_sources_its_stages_and_its_surface(bundle, tmp_path):
    answer = stand(tmp_path, bundle).engine.recommend([Ask(Viewer("feed", age=30), 5, session=("i01",))])[0]
    before = [
        value("recsys_items_shown_total", source="als"),
        value("recsys_stage_seconds_count", stage="check"),
        value("recsys_list_seconds_count", surface="feed"),
    ]
    measures.answered(answer, 0.003)
    after = [
        value("recsys_items_shown_total", source="als"),
        value("recsys_stage_seconds_count", stage="check"),
        value("recsys_list_seconds_count", surface="feed"),
    ]
    assert [b - a for a, b in zip(before, after, strict=True)] == [5.0, 1.0, 1.0]


def test_what_the_last_check_removes_is_counted_by_reason(bundle, tmp_path, monkeypatch):
    here = stand(tmp_path, bundle)
    right = type(here.engine.live.view()).allowed
    # A mask that forgets the age limit, so that only the last check stands between a child and works for adults.
    monkeypatch.setattr(
        type(here.engine.live.view()), "allowed", lambda self, viewer, now: right(self, Viewer("feed", age=30), now)
    )
    before = value("recsys_items_removed_total", reason="age")
    answer = here.engine.recommend([Ask(Viewer("feed", age=12), 10)])[0]
    measures.answered(answer, 0.003)
    assert set(answer.removed) == {"age"}
    assert value("recsys_items_removed_total", reason="age") - before == len(answer.removed)


def test_a_surface_that_a_client_made_up_is_no_label(bundle, tmp_path):
    answer = stand(tmp_path, bundle).engine.recommend([Ask(Viewer("u-secret", age=30), 5)])[0]
    measures.answered(answer, 0.003)
    assert "u-secret" not in measures.exposition().decode()


@pytest.mark.parametrize(
    ("path", "route"),
    [
        ("/v1/recommend", "/v1/recommend"),
        ("/v1/users/alice/controls", "/v1/users/{user_id}/controls"),
        ("/v1/users/controls", "/v1/users/{user_id}"),
        ("/v1/takedowns/td_1/restore/approval", "/v1/takedowns/{takedown_id}/restore/approval"),
        ("/livez", "/livez"),
        ("/v1/users/alice/secrets", OTHER),
        ("/alice", OTHER),
        ("", OTHER),
    ],
)
def test_a_route_never_holds_an_id(path, route):
    assert route_of(path) == route


def test_a_method_that_a_client_made_up_is_no_label():
    measures.requested("ALICE", "/v1/about", 405, 0.001)
    assert "ALICE" not in measures.exposition().decode()
    assert value("recsys_request_seconds_count", method="other", route="/v1/about", status="405") >= 1


def test_what_alerts_ask_the_rate_of_is_there_before_it_happens():
    measures.touch()
    assert REGISTRY.get_sample_value("recsys_items_removed_total", {"reason": "takedown"}) is not None
    assert REGISTRY.get_sample_value("recsys_items_removed_total", {"reason": "unknown_label"}) is not None
    assert REGISTRY.get_sample_value("recsys_lists_degraded_total", {"reason": "safety_stale"}) is not None


def test_gauges_are_the_documented_ones():
    measures.touch()
    measures.gauge("recsys_bundle_created_timestamp_seconds", AT)
    assert value("recsys_bundle_created_timestamp_seconds") == AT
    with pytest.raises(KeyError):
        measures.gauge("recsys_of_no_use", 1.0)
