"""`recsys review` on the command line."""

import json

import pytest

from recsys.errors import ConfigError
from serving.stores.control import ControlStore
from serving.stores.records import ConflictError
from support.command_line import nowhere, over_a_bundle, published, recsys

__all__ = ["nowhere", "over_a_bundle", "published", "recsys"]

pytestmark = pytest.mark.usefixtures("over_a_bundle")
WHY = ("--what", "hate symbols", "--why", "no context", "--rule", "terms 4.2", "--scope", "everywhere")


def listed(recsys, *arguments):
    return json.loads(recsys("review", "list", "--json", *arguments))


def test_a_report_is_listed_claimed_decided_and_appealed(recsys, tmp_path):
    control = ControlStore.open(tmp_path / "control.db")
    control.report("i01", "hate", "", "platform")
    control.close()
    (found,) = listed(recsys)
    assert (found["kind"], found["item_id"], found["version"]) == ("report", "i01", 1)
    recsys("review", "claim", found["id"], "--actor", "sam")
    said = recsys("review", "decide", found["id"], "--label", "hate", *WHY, "--actor", "sam")
    statement_id = said.split(": ")[1].rstrip(".\n")
    assert "terms 4.2" in recsys("review", "statement", statement_id, "--json")
    recsys("review", "appeal", statement_id, "--reason", "a museum", "--actor", "studio")
    (appeal,) = listed(recsys)
    lift = ("review", "decide", appeal["id"], "--negate", "hate", *WHY)
    assert "another reviewer" in recsys(*lift, "--actor", "sam", fails=ConflictError)
    recsys(*lift, "--actor", "tom")
    assert listed(recsys) == []


def test_works_without_a_label_are_listed_for_a_strict_surface(recsys):
    found = listed(recsys, "--surface", "home", "--limit", 5)
    assert [(entry["kind"], entry["reason"]) for entry in found] == [("hold", "unlabelled")] * 5


def test_without_a_bundle_only_what_is_stored_is_listed(recsys, tmp_path, monkeypatch):
    monkeypatch.setenv("RECSYS_VAR", str(tmp_path))
    assert listed(recsys) == []


def test_an_old_version_and_an_unknown_case_are_refused(recsys):
    found = listed(recsys, "--surface", "home", "--limit", 1)[0]
    recsys("review", "claim", found["id"], "--actor", "sam")
    sentence = recsys("review", "claim", found["id"], "--version", 0, "--actor", "sam", fails=ConflictError)
    assert "has changed" in sentence
    assert "review list" in recsys("review", "claim", "nothing", fails=ConfigError)
