"""What the demo shows a person, and what the smoke test asserts."""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from serving.demo.server import Api
from serving.demo.steps import StepFailed
from serving.settings import Settings
from serving.stores.state import open_state

USER = "1"
DAY = timedelta(days=1)


def user_history(var: Path, newest: int = 8) -> list[str]:
    """The newest items of the demo's user, newest first."""
    state = open_state(Settings(var=var).state_location())
    return state.history(USER, newest).items[::-1]


def now(api: Api) -> str:
    """The service's time, by what it says of itself."""
    return str(api.call("platform", "GET", "/v1/about")["now"])


def show(var: Path, api: Api, table: str, console: Console) -> None:
    """The models, one user's history and recommendations with titles, and lines to try."""
    console.print(table, highlight=False)
    history = _named(var, user_history(var))
    console.print(_rows(f"User {USER}: newest in the history", history))
    shown = api.titles("platform", "/v1/recommend", user_id=USER, k=10, explain=True)
    console.print(
        _rows(f"User {USER}: recommended", [_row(item, dict(_named(var, user_history(var, 10_000)))) for item in shown])
    )
    console.print(_lines(api, shown), highlight=False, soft_wrap=True, markup=False)


def check(var: Path, api: Api) -> list[str]:
    """Walk the demo's own claims; returns a line for each that holds, raises StepFailed at the first that does not."""
    first = api.titles("platform", "/v1/recommend", user_id=USER, k=10)
    seen = set(user_history(var, 10_000))
    _claim(len(first) == 10, f"10 items for user {USER}")
    _claim(not seen & {item["item_id"] for item in first}, "no item of the user's history")
    near = api.titles("platform", "/v1/similar", item_id=first[0]["item_id"], k=5)
    _claim(len(near) == 5 and first[0]["item_id"] not in {item["item_id"] for item in near}, "5 similar items")
    return [
        "recommend: 10 items, none of them seen before",
        "similar: 5 other items",
        _event_counts(api),
        _pin_counts(api),
        _takedown_counts(api),
        _minors_are_spared(api),
    ]


def _event_counts(api: Api) -> str:
    before = api.titles("platform", "/v1/recommend", user_id="smoke", k=10)
    event = {"user_id": "smoke", "item_id": before[0]["item_id"], "kind": "rating", "value": 5}
    api.call("platform", "POST", "/v1/events", {"events": [event]})
    after = api.titles("platform", "/v1/recommend", user_id="smoke", k=10)
    _claim(
        [item["item_id"] for item in before] != [item["item_id"] for item in after], "an event changes the next list"
    )
    api.call("platform", "DELETE", "/v1/users/smoke")
    return "events: one event changed the next answer, and the user was erased again"


def _pin_counts(api: Api) -> str:
    item = api.titles("platform", "/v1/recommend", user_id=USER, k=40)[-1]["item_id"]
    pin = {
        "action": "pin",
        "item_id": item,
        "slot": 1,
        "surfaces": ["feed"],
        "end": _later(api),
        "reason": "smoke test",
    }
    made = api.call("editor", "POST", "/v1/overrides", pin)
    first = api.titles("platform", "/v1/recommend", user_id=USER, k=5)[0]
    api.call("editor", "DELETE", f"/v1/overrides/{made['id']}?reason=smoke+test")
    _claim((first["item_id"], first.get("override_id")) == (item, made["id"]), "a pin stands in slot 1")
    return "overrides: a pin stood in slot 1 on the next request, and was revoked"


def _takedown_counts(api: Api) -> str:
    item = api.titles("platform", "/v1/recommend", user_id=USER, k=5)[0]["item_id"]
    made = api.call("safety", "POST", "/v1/takedowns", {"item_id": item, "reason": "smoke test"})
    after = api.titles("platform", "/v1/recommend", user_id=USER, k=100)
    _claim(item not in {other["item_id"] for other in after}, "a takedown counts on the next request")
    restore = f"/v1/takedowns/{made['id']}/restore"
    api.call("safety", "POST", restore, {"reason": "smoke test is over"})
    api.call("second officer", "POST", f"{restore}/approval")
    back = api.titles("platform", "/v1/recommend", user_id=USER, k=100)
    _claim(item in {other["item_id"] for other in back}, "two people bring a work back")
    return "takedowns: gone on the next request, and back once a second person agreed"


def _minors_are_spared(api: Api) -> str:
    feed = api.titles("platform", "/v1/recommend", k=1000, surface="feed", age=30)
    minor = {item["item_id"] for item in api.titles("platform", "/v1/recommend", k=1000, surface="minor", age=10)}
    withheld = [item for item in feed if item["item_id"] not in minor]
    _claim(bool(withheld) and bool(minor), "something is shown on feed and withheld on minor")
    return f"safety: {withheld[0]['title']} ({', '.join(withheld[0]['labels'])}) is on feed and withheld on minor"


def _claim(holds: bool, what: str) -> None:
    if not holds:
        raise StepFailed(f"The demo's own claim does not hold: {what}.")


def _later(api: Api) -> str:
    return (datetime.fromisoformat(now(api)) + DAY).isoformat()


def _named(var: Path, ids: list[str]) -> list[tuple[str, str]]:
    from serving.batch import the_bundle

    catalogue = the_bundle(None, Settings(var=var)).catalogue
    known = [(item, catalogue.ids.get(item)) for item in ids]
    return [(item, str(catalogue.record(index).get("title", ""))) for item, index in known if index is not None]


def _row(item: dict[str, Any], titles: dict[str, str]) -> tuple[str, str, str]:
    """An item, and the work of the history that speaks for it; the reason's own words where none does."""
    because = [titles.get(name, name) for name in item["reason"].get("because", [])]
    why = f"because of {because[0]}" if because else item["reason"]["en"]
    return (item["item_id"], str(item.get("title", "")), why)


def _rows(title: str, rows: Sequence[tuple[str, ...]]) -> Table:
    columns = ("item", "title", "why")[: len(rows[0]) if rows else 2]
    table = Table(*columns, title=title, title_justify="left", box=SIMPLE_HEAD)
    for row in rows:
        table.add_row(*row)
    return table


def _lines(api: Api, shown: list[dict[str, Any]]) -> str:
    first, last = shown[0]["item_id"], shown[-1]["item_id"]
    pin = {"action": "pin", "item_id": last, "slot": 1, "surfaces": ["feed"], "end": _later(api), "reason": "demo"}
    event = {"events": [{"user_id": USER, "item_id": first, "kind": "rating", "value": 5}]}
    calls = [
        ("Recommend", "platform", "POST", "/v1/recommend", {"user_id": USER, "k": 5, "explain": True}),
        ("Similar works", "platform", "POST", "/v1/similar", {"item_id": first, "k": 5}),
        ("An event; then recommend again", "platform", "POST", "/v1/events", event),
        ("A pin, as an editor; then recommend again", "editor", "POST", "/v1/overrides", pin),
        ("A takedown, as a safety officer; then recommend again", "safety", "POST", "/v1/takedowns",
         {"item_id": last, "reason": "demo"}),
        ("What a child is shown", "platform", "POST", "/v1/recommend", {"surface": "minor", "age": 10, "k": 5}),
    ]  # fmt: skip
    return "\n".join(
        f"# {title}\n{_curl(api, role, method, path, body)}\n" for title, role, method, path, body in calls
    )


def _curl(api: Api, role: str, method: str, path: str, body: Any) -> str:
    return (
        f"curl -s -X {method} {api.url}{path} -H 'Authorization: Bearer {api.keys[role]}' "
        f"-H 'Content-Type: application/json' -d '{json.dumps(body)}'"
    )
