"""What happens when the service is killed, when the champion moves, and when there is none."""

import json
import threading

import httpx
import pyarrow as pa
import pytest

from recsys.lake import Lake
from support.data import AT
from support.http import Served, make_keys, promote, publish, serving
from support.serve import make_bundle
from support.waiting import until


@pytest.fixture
def var(tmp_path):
    return tmp_path


def bombard(served: Served, acknowledged: list[str], stop: threading.Event):
    """Send events until the server is gone; note those that were acknowledged."""
    with httpx.Client(timeout=60) as client:
        for number in range(100_000):
            if stop.is_set():
                return
            event = {"user_id": f"k{number % 7}", "item_id": f"i{number % 40:02}", "event_id": f"e{number}"}
            try:
                answer = client.post(
                    served.url + "/v1/events",
                    json={"events": [event]},
                    headers={"X-API-Key": served.keys["platform"]},
                )
            except httpx.TransportError:
                return
            if answer.status_code == 202:
                acknowledged.append(event["event_id"])


def test_kill_9_loses_no_acknowledged_event_takedown_or_override(var):
    publish(var)
    keys = make_keys(var)
    acknowledged: list[str] = []
    stop = threading.Event()
    with serving(var, keys, workers=2) as served:
        sender = threading.Thread(target=bombard, args=(served, acknowledged, stop))
        sender.start()
        until(lambda: len(acknowledged) > 100)
        taken = served.ids(k=1)[0]
        made = served.call("POST", "/v1/takedowns", {"item_id": taken, "reason": "test"}, role="safety")
        assert made.status_code == 201
        served.kill()
        stop.set()
        sender.join()
    with serving(var, keys) as served:
        assert taken not in served.ids(k=40)
        again = [{"user_id": "k", "item_id": "i01", "event_id": name} for name in acknowledged]
        answers = [
            served.call("POST", "/v1/events", {"events": again[start : start + 500]}).json()
            for start in range(0, len(again), 500)
        ]
        assert sum(answer["accepted"] for answer in answers) == 0
        assert sum(answer["duplicates"] for answer in answers) == len(acknowledged)


def test_accepted_events_reach_the_lake_once_and_an_erased_user_leaves_it(var):
    publish(var)
    lake = Lake(var / "lake")
    (var / "lake").mkdir()
    with serving(var, make_keys(var), workers=2) as served:
        events = [{"user_id": user, "item_id": "i01", "event_id": f"e-{user}"} for user in ("stays", "leaves")]
        served.call("POST", "/v1/events", {"events": events})
        until(lambda: lake.has("events") and lake.read("events").num_rows == 2)
        (var / "prepared").mkdir()
        assert served.call("DELETE", "/v1/users/leaves").json()["lake_erasure"] == "queued"
        until(lambda: not (var / "prepared").exists())  # goes last; the files of the lake are exchanged before
        assert lake.read("events")["user_id"].to_pylist() == ["stays"]
    held = b"".join(file.read_bytes() for file in (var / "lake").rglob("*.parquet"))
    assert b"leaves" not in held


def test_what_is_ingested_elsewhere_is_known_to_the_service(var):
    publish(var)
    lake = Lake(var / "lake")
    with serving(var, make_keys(var)) as served:
        assert "i01" in served.ids(user_id="visitor", k=40)
        times = pa.array([int(AT - 60) * 1_000_000], pa.timestamp("us", tz="UTC"))
        event = {"event_id": ["e1"], "user_id": ["visitor"], "item_id": ["i01"], "kind": ["view"], "timestamp": times}
        lake.append("events", pa.table(event))
        until(lambda: "i01" not in served.ids(user_id="visitor", k=40))


def test_without_a_champion_the_service_is_alive_not_ready_and_says_why(var):
    keys = make_keys(var)
    with serving(var, keys, ready=False) as served:
        until(lambda: alive(served))
        assert served.client.get(served.url + "/readyz").status_code == 503
        answer = served.call("POST", "/v1/recommend", {})
        assert answer.status_code == 503
        assert "train and promote" in answer.json()["detail"]
        version = publish(var)
        until(lambda: served.client.get(served.url + "/readyz").status_code == 200)
        assert served.call("POST", "/v1/recommend", {}).json()["model"] == version


def alive(served: Served):
    try:
        return served.client.get(served.url + "/livez").status_code == 200
    except httpx.TransportError:
        return False


def test_a_moved_champion_is_served_without_a_failed_request(var):
    first = publish(var, "one")
    with serving(var, make_keys(var)) as served:
        second = publish(var, "two")
        seen = []

        def moved():
            answer = served.call("POST", "/v1/recommend", {})
            assert answer.status_code == 200
            seen.append(answer.json()["model"])
            return seen[-1] == second

        until(moved)
        assert set(seen) <= {first, second}


def test_a_bad_bundle_is_refused_and_the_old_one_serves_on(var):
    first = publish(var, "one")
    with serving(var, make_keys(var)) as served:
        bundle = make_bundle(var / "bundles" / "two")
        next(bundle.path.glob("models/*/*.npy")).write_bytes(b"not what was published")
        promote(var, bundle)
        until(lambda: "champion_refused" in (var / "serve.log").read_text())
        assert served.call("POST", "/v1/recommend", {}).json()["model"] == first


def test_a_champion_file_that_cannot_be_read_is_said_and_the_next_good_one_is_served(var):
    (var / "champion.json").write_text(json.dumps({"version": 3}))
    with serving(var, make_keys(var), ready=False) as served:
        until(lambda: "champion.json cannot be read" in (var / "serve.log").read_text())
        until(lambda: alive(served))
        assert served.client.get(served.url + "/readyz").status_code == 503
        publish(var)
        until(lambda: served.client.get(served.url + "/readyz").status_code == 200)
