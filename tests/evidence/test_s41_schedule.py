"""S41: a campaign holds in its time, territory and audience and within its caps; the audit cannot be altered unseen;
a preview is the list that the user would have."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from recsys.overrides import Campaign
from recsys.overrides.campaign import Caps
from serving import building
from serving.campaigns import preview
from serving.stores import audit
from serving.view import View
from support.data import AT
from support.evidence import proves
from support.inside import Inside, inside

PIN = {"kind": "pin", "item_id": "i39", "slot": 1}
HOUR = 3600.0


def _but(**fields: Any) -> Callable[[pytest.MonkeyPatch], None]:
    """Campaigns as if they said something else in some fields."""

    def mutate(patch: pytest.MonkeyPatch) -> None:
        whole = building.compiled

        def other(on: View, orders: Any) -> Any:
            return whole(on, [replace(one, **fields) if isinstance(one, Campaign) else one for one in orders])

        patch.setattr(building, "compiled", other)

    return mutate


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat()


@contextmanager
def _on_air(folder: Path, **more: Any) -> Iterator[Inside]:
    with inside(folder) as api:
        document = {"id": "c", "end": _iso(AT + 2 * HOUR), "surfaces": ["feed"], "actions": [PIN], **more}
        api.done("POST", "/v1/campaigns", document, role="editor")
        api.done("POST", "/v1/campaigns/c/validate", {}, role="editor")
        api.done("POST", "/v1/campaigns/c/submit", {}, role="editor")
        yield api


def _pinned(api: Inside, **ask: Any) -> bool:
    found = api.done("POST", "/v1/recommend", {"age": 30, "k": 5, "territory": "DE", **ask}, role="platform")
    return bool(found["items"][0].get("override_id") == "c")


@proves("S41", mutation="the start of a campaign is not looked at", by=_but(start=0.0))
@proves("S41", mutation="the end of a campaign is not looked at", by=_but(end=AT + 1e9))
def test_s41_a_campaign_holds_from_its_start_to_its_end(tmp_path: Path) -> None:
    with _on_air(tmp_path, start=_iso(AT + HOUR)) as api:
        found = []
        for moment in (AT, AT + HOUR - 1, AT + HOUR, AT + 2 * HOUR - 1, AT + 2 * HOUR):
            api.runtime.clock.saw(moment)  # type: ignore[attr-defined]
            found.append(_pinned(api))
    assert found == [False, False, True, True, False]


@proves("S41", mutation="territories of campaigns are not looked at", by=_but(territories=frozenset()))
def test_s41_a_campaign_holds_in_its_territories(tmp_path: Path) -> None:
    with _on_air(tmp_path, territories=["DE", "AT"]) as api:
        assert [_pinned(api, territory=place) for place in ("DE", "AT", "FR", None)] == [True, True, False, False]


@proves("S41", mutation="audiences of campaigns are not looked at", by=_but(audience=None))
def test_s41_a_campaign_holds_for_its_audience(tmp_path: Path) -> None:
    with _on_air(tmp_path, audience='profile.group == "readers"') as api:
        groups: list[dict[str, str]] = [{"group": "readers"}, {"group": "others"}, {}]
        assert [_pinned(api, profile=profile) for profile in groups] == [True, False, False]


@proves("S41", mutation="caps of campaigns are not looked at", by=_but(caps=Caps()))
def test_s41_a_campaign_keeps_within_its_caps(tmp_path: Path) -> None:
    with _on_air(tmp_path, caps={"user_day": 2, "total": 3}) as api:
        assert [_pinned(api, user_id=user) for user in ("ann", "ann", "ann", "bob", "cat")] == [
            *(True, True, False),  # of one user on one day
            *(True, False),  # over the whole run
        ]


def _not_chained(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(audit, "chained", lambda previous, entry: _Any())


class _Any(str):
    def __eq__(self, other: object) -> bool:
        return True

    def __ne__(self, other: object) -> bool:
        return False

    __hash__ = str.__hash__


@proves("S41", mutation="lines of the audit are not compared with their hashes", by=_not_chained)
def test_s41_a_line_of_the_audit_that_was_altered_is_found(tmp_path: Path) -> None:
    with _on_air(tmp_path) as api:
        assert api.runtime.control.verify_audit() is None
        (line,) = [one for one in api.runtime.control.audit() if one.action == "campaign.submit"]
        with sqlite3.connect(tmp_path / "control.db") as raw:
            raw.execute("UPDATE audit SET actor = 'somebody else' WHERE seq = ?", (line.seq,))
        raw.close()
        assert api.runtime.control.verify_audit() == line.seq


def _anybodys(patch: pytest.MonkeyPatch) -> None:
    whole = preview._listed
    patch.setattr(preview, "_listed", lambda stage, on, ask, clock: whole(stage, on, replace(ask, user_id=None), clock))


def _without_draft(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(preview, "compiled", lambda on, orders: building.compiled(on, []))


@proves("S41", mutation="a preview does not look as the user", by=_anybodys)
@proves("S41", mutation="a preview leaves the campaign out", by=_without_draft)
def test_s41_a_preview_is_the_list_that_the_user_has_once_the_campaign_is_on_air(tmp_path: Path) -> None:
    with inside(tmp_path) as api:
        events = [{"user_id": "ann", "item_id": item, "timestamp": _iso(AT)} for item in ("i05", "i07", "i09")]
        api.done("POST", "/v1/events", {"events": events}, role="platform")
        ask = {"user_id": "ann", "age": 30, "k": 8, "territory": "DE"}
        document = {"id": "c", "end": _iso(AT + HOUR), "surfaces": ["feed"], "actions": [PIN]}
        told = api.done("POST", "/v1/preview", {**ask, "campaign": document}, role="editor")
        before = api.ids(**ask)
        api.done("POST", "/v1/campaigns", document, role="editor")
        for act in ("validate", "submit"):
            api.done("POST", f"/v1/campaigns/c/{act}", {}, role="editor")
        after = api.ids(**ask)
    assert before != after
    assert [item["item_id"] for item in told["without"]["items"]] == before
    assert [item["item_id"] for item in told["list"]["items"]] == after
