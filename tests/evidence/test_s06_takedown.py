"""S06: a takedown is out of every list, explanation, queue and cache in time, leaves evidence, and is reported."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from recsys.clock import to_datetime
from recsys.lake import Lake
from recsys.safety import Gate
from recsys.safety.labels import PRESENT, LabelEvent
from recsys.types import Viewer
from serving import middleware
from serving.asks import Answer
from serving.batch import LABEL_SOURCES, META, Job, recommend
from serving.current import Live
from serving.engine import Engine
from serving.receipts.report import takedown_report
from serving.recheck import recheck
from serving.settings import Settings
from serving.stores import notifications, takedowns
from serving.stores.control import ControlStore
from support.data import AT
from support.evidence import proves
from support.inside import inside
from support.receipts import ADULT, Logged, ids

SURFACES = ("feed", "search", "detail", "batch", "home", "push", "hot", "selected", "chart", "popup", "minor")


def _unheard(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Gate, "with_takedowns", lambda gate, orders: gate)


def _cleared(here: Logged, *items: str) -> None:
    here.control.add_labels([LabelEvent(i, i, PRESENT, "human", "general", created=1.0) for i in items], "officer")


@proves("S06", mutation="the gate does not learn of new takedowns", by=_unheard)
def test_s06_a_work_is_out_of_the_lists_of_every_surface_on_the_next_request(tmp_path: Path) -> None:
    here = Logged(tmp_path)
    _cleared(here, "i05", "i09")

    def shown() -> list[bool]:
        viewers = [Viewer(surface, "DE", None if surface == "minor" else 30) for surface in SURFACES]
        asked = [{"user_id": "bob"}, {"similar_to": "i07"}]
        return ["i05" in ids(here.answer(viewer, 40, **ask)) for viewer in viewers for ask in asked]

    assert all(shown())
    here.control.take_down("i05", reason="court order", actor="officer")
    assert not any(shown())
    here.close()


@proves("S06", mutation="the gate does not learn of new takedowns", by=_unheard)
def test_s06_a_work_is_named_in_no_explanation_any_more(tmp_path: Path) -> None:
    here = Logged(tmp_path)
    here.stand.saw("ann", "i05", "i07")

    def named() -> set[str]:
        return {item for row in here.answer(user_id="ann", k=40, explain=True).because for item in row}

    assert "i05" in named()
    here.control.take_down("i05", reason="court order", actor="officer")
    assert named() == {"i07"}
    here.close()


@proves("S06", mutation="the gate does not learn of new takedowns", by=_unheard)
def test_s06_another_worker_obeys_on_its_next_request(tmp_path: Path) -> None:
    here = Logged(tmp_path)
    replica = ControlStore.open(here.settings.control_location(), here.clock)
    other = Engine(Live(here.bundle, replica, here.clock), replica, here.stand.state, here.clock)
    ask = here.answer(k=40).ask
    before: Answer = other.recommend([ask])[0]
    assert "i05" in ids(before)
    here.control.take_down("i05", reason="court order", actor="officer")
    assert set(ids(before)) - set(ids(other.recommend([ask])[0])) == {"i05"}
    replica.close()
    here.close()


def _silent_for_long(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("serving.drafts.LEASE_SECONDS", float("inf"))


def _the_cleared_pool(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Gate, "vouched", Gate.cleared)


@proves("S06", mutation="a worker that hears of no takedowns goes on for ever", by=_silent_for_long)
@proves("S06", mutation="without word of takedowns the word of a machine is enough", by=_the_cleared_pool)
def test_s06_a_worker_that_may_have_missed_a_takedown_shows_after_5_s_only_what_a_person_cleared(
    tmp_path: Path,
) -> None:
    here = Logged(tmp_path)
    _cleared(here, "i05")
    machine = LabelEvent("m", "i07", PRESENT, "model", "general", created=1.0, actor="scanner")
    here.control.add_labels([machine], "platform")
    here.control.upsert_items([{"item_id": "own", "title": "Own", "labels": ["general"]}], "platform")
    here.control.__class__ = _Silent  # the same store over a server that has stopped to answer
    found = {}
    for seconds in (4.9, 5.1):
        _Silent.silence = seconds
        for viewer in (ADULT, Viewer("home", "DE", 30)):
            answer = here.answer(viewer, 60)
            found[viewer.surface, seconds] = (set(ids(answer)), "safety_stale" in answer.degraded)
    assert found["feed", 4.9][0] > {"i05", "i07", "own"}
    assert found["home", 4.9] == ({"i05", "i07", "own"}, False)
    assert found["feed", 5.1] == ({"i05"}, True)
    assert found["home", 5.1] == (set(), True)
    here.close()


class _Silent(ControlStore):
    silence = 0.0

    def silent_seconds(self) -> float:
        return self.silence


def _kept_anywhere(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(middleware, "CACHES", b"x-cache-control")


@proves("S06", mutation="caches outside may keep answers", by=_kept_anywhere)
def test_s06_no_cache_outside_may_keep_a_list(tmp_path: Path) -> None:
    with inside(tmp_path) as api:
        lists = [("/v1/recommend", {}), ("/v1/similar", {"item_id": "i05"}), ("/v1/recommend", {"k": -1})]
        answers = [api.answer("POST", path, body, role="platform") for path, body in lists]
        assert [answer.status_code for answer in answers] == [200, 200, 400]
        assert {answer.headers.get("cache-control") for answer in answers} == {"no-store"}


def _as_if_none(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("recsys.safety.gate.withheld", lambda orders: {})


@proves("S06", mutation="takedowns are not looked at when a file is rechecked", by=_as_if_none)
def test_s06_a_queue_of_pushes_loses_the_work_before_it_is_sent(tmp_path: Path) -> None:
    here = Logged(tmp_path)
    _cleared(here, "i05", "i09")
    lake = _lake(tmp_path / "lake", {"ann": "i01", "bob": "i03"})
    settings = Settings(var=tmp_path, bundle=here.bundle.path, clock="events", policy="open")
    queue = tmp_path / "pushes.parquet"
    recommend(Job(queue, None, 5, lake=str(lake), viewer=Viewer("push", "DE", 30)), settings)
    rows = pq.read_table(queue).to_pylist()
    assert sorted((row["user_id"], row["item_id"]) for row in rows) == [
        *(("ann", "i05"), ("ann", "i09")),
        *(("bob", "i05"), ("bob", "i09")),
    ]
    here.control.take_down("i05", reason="court order", actor="officer")
    recheck([queue], settings)
    left = pq.read_table(queue)
    assert {row["item_id"] for row in left.to_pylist()} == {"i09"}
    assert json.loads(left.schema.metadata[META])["takedown_sequence"] > 0
    assert json.loads(pq.read_metadata(queue).metadata[LABEL_SOURCES]) == {"i09": {"general": ["human"]}}
    here.close()


def _lake(folder: Path, had: dict[str, str]) -> Path:
    times = pa.array([to_datetime(AT)] * len(had), pa.timestamp("us", tz="UTC"))
    columns = {"event_id": list(had), "user_id": list(had), "item_id": list(had.values()), "timestamp": times}
    Lake(folder).append("events", pa.table({**columns, "kind": ["view"] * len(had)}))
    return folder


def _silent(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(takedowns, "emit", lambda *told: None)


@proves("S06", mutation="nothing of an order is noted to be told", by=_silent)
def test_s06_a_takedown_keeps_evidence_and_emits_a_report(tmp_path: Path) -> None:
    here = Logged(tmp_path)
    shown = here.served(ADULT)
    order = here.control.take_down(ids(shown)[0], reason="court order", actor="officer")
    report = takedown_report(order.id, here.control, here.settings)
    (last,) = next(iter(report["shown"].values()))["last_before"]
    assert (last["decision_id"], last["rank"], last["surface"]) == (shown.decision_id, 1, "feed")
    assert [event["kind"] for event in report["events"]] == ["takedown.ordered"]
    assert here.control.notes("takedown")[0].reason == "court order"
    here.close()


def _untold(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(notifications, "tell", lambda *told: None)


@proves("S06", mutation="nobody outside is told of what is noted", by=_untold)
def test_s06_whoever_keeps_lists_of_their_own_is_told_at_once(tmp_path: Path) -> None:
    here = Logged(tmp_path)
    here.control.add_webhook("https://platform.example/hook", "officer")
    here.control.take_down("i05", reason="court order", actor="officer", territory="DE")
    told = [json.loads(letter.body) for letter in here.control.take_letters()]
    assert [(one["event"], one["data"]["item_id"], one["data"]["territory"]) for one in told] == [
        ("takedown.ordered", "i05", "DE")
    ]
    here.close()
