"""S41: whoever looks at a list as a user is in the audit, may do so by role alone, and not as who has opted out."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from serving import middleware
from serving.campaigns import preview
from serving.stores.control import Controls, ControlStore
from support.data import AT
from support.evidence import proves
from support.inside import Inside, inside

AS_ANN = {"user_id": "ann", "age": 30, "k": 8, "surface": "feed"}


def _like_ann(api: Inside) -> None:
    at = datetime.fromtimestamp(AT, UTC).isoformat()
    events = [{"user_id": "ann", "item_id": item, "timestamp": at} for item in ("i05", "i07", "i09")]
    api.done("POST", "/v1/events", {"events": events}, role="platform")


def _unaudited(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(preview, "_audit", lambda *looked: None)


@proves("S41", mutation="a preview as a user is not audited", by=_unaudited)
def test_s41_who_looks_as_a_user_is_in_the_audit_and_the_user_by_pseudonym(tmp_path: Path) -> None:
    with inside(tmp_path) as api:
        _like_ann(api)
        before = api.done("GET", "/v1/audit")[-1]["seq"]
        api.done("POST", "/v1/preview", {**AS_ANN, "user_id": None}, role="editor")
        api.done("POST", "/v1/preview", AS_ANN, role="editor")
        lines = [line for line in api.done("GET", "/v1/audit") if line["seq"] > before]
        name = api.runtime.control.pseudonym("ann")
    assert [(line["action"], line["target"]) for line in lines] == [("preview.user", f"user:{name}")]
    assert lines[0]["actor"].startswith("test-editor ")
    assert lines[0]["after"] == {"surface": "feed", "at": AT, "campaign": None}
    assert "ann" not in str(lines[0]["after"])


def _anybody(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(middleware, "allowed", lambda role, method, path: True)


@proves("S41", mutation="roles are not looked at", by=_anybody)
def test_s41_only_editors_and_safety_look_as_a_user(tmp_path: Path) -> None:
    with inside(tmp_path) as api:
        _like_ann(api)
        found: dict[str, Any] = {
            role: api.answer("POST", "/v1/preview", AS_ANN, role=role).status_code
            for role in ("platform", "metrics", "editor", "safety")
        }
    assert found == {"platform": 403, "metrics": 403, "editor": 200, "safety": 200}


def _unread(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ControlStore, "controls", lambda store, user_id: Controls())


@proves("S41", mutation="the choice of who has opted out is not read", by=_unread)
def test_s41_a_preview_reads_nothing_of_who_has_opted_out(tmp_path: Path) -> None:
    with inside(tmp_path) as api:
        _like_ann(api)
        api.done("PUT", "/v1/users/ann/controls", {"personalised": False}, role="platform")
        ann = api.done("POST", "/v1/preview", AS_ANN, role="editor")["list"]
        nobody = api.done("POST", "/v1/preview", {**AS_ANN, "user_id": None}, role="editor")["list"]
    assert not ann["personalised"]
    assert ann["items"] == nobody["items"]
