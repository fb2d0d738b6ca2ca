"""What of `recsys campaign`, `halt` and `webhook` a newsroom does after a campaign is on air; and what is refused."""

import json

import pytest

from recsys.errors import ConfigError, DataError
from serving.campaigns.webhooks import Herald
from serving.stores.control import ControlStore
from serving.stores.records import ConflictError
from support.newsroom import FESTIVAL, festival, nowhere, on_air, recsys  # noqa: F401

# ruff: noqa: F811

MEI = ("--actor", "mei")


def state(recsys):
    shown = json.loads(recsys("campaign", "show", "festival"))
    return shown["state"], shown["version"]


def test_from_the_air_and_back_and_off_for_good(recsys):
    on_air(recsys)
    assert (
        recsys("campaign", "pause", "festival", *MEI, "--reason", "Wrong print") == "festival is paused, version 6.\n"
    )
    assert recsys("campaign", "resume", "festival", "--version", 6, *MEI) == "festival is pending, version 7.\n"
    assert recsys("campaign", "reject", "festival", *MEI) == "festival is draft, version 8.\n"
    assert recsys("campaign", "revoke", "festival", *MEI) == "festival is revoked, version 9.\n"
    assert "revoked cannot pause" in recsys("campaign", "pause", "festival", *MEI, fails=ConflictError)
    shown = json.loads(recsys("campaign", "show", "festival"))
    assert (shown["served"], shown["four_eyes"]) == (None, ["it takes positions on home, push or hot"])


def test_a_change_names_the_version_that_was_read(recsys, tmp_path):
    on_air(recsys)
    (tmp_path / "shorter.toml").write_text(FESTIVAL.replace("2999-02-15", "2998-02-15"), encoding="utf-8")
    update = ("campaign", "update", "festival", "shorter.toml", *MEI)
    assert "version is missing" in recsys(*update, fails=ConfigError)
    assert "you read 4" in recsys(*update, "--version", 4, fails=ConflictError)
    assert recsys(*update, "--version", 5) == "festival is live, version 6.\n"


def test_what_is_not_there_is_said(recsys):
    for act in ("show", "history"):
        assert "no campaign 'x'" in recsys("campaign", act, "x", fails=ConfigError)
    for act in ("validate", "submit", "reject", "pause", "resume", "revoke"):
        assert "no campaign 'x'" in recsys("campaign", act, "x", *MEI, fails=ConfigError)
    assert "no campaign 'x'" in recsys("campaign", "approve", "x", "--version", 1, *MEI, fails=ConfigError)
    assert "published model" in recsys("campaign", "preview", fails=ConfigError)
    assert "no halt 'x'" in recsys("halt", "release", "x", "--reason", "r", *MEI, fails=ConfigError)
    assert "no halt 'x'" in recsys("halt", "approve", "x", *MEI, fails=ConfigError)
    assert "no webhook 'x'" in recsys("webhook", "remove", "x", *MEI, fails=ConfigError)
    assert "cannot be read" in recsys("campaign", "create", "nothing.toml", *MEI, fails=DataError)


@pytest.mark.parametrize("scope", [("campaign", "festival"), ("editor", "anna"), ("all",)])
def test_every_kill_switch_takes_it_off_the_air_at_once(recsys, tmp_path, scope):
    on_air(recsys)
    control = ControlStore.open(tmp_path / "var" / "control.db")
    assert [order.id for order in control.orders()] == ["festival"]
    recsys("halt", *scope, "--reason", "a mistake", *MEI)
    assert control.orders() == []
    control.close()


def test_a_webhook_says_its_secret_once_and_its_letters_can_be_looked_at(recsys, tmp_path, monkeypatch):
    assert "https" in recsys("webhook", "add", "http://example.org/x", *MEI, fails=ConfigError)
    monkeypatch.setenv("RECSYS_WEBHOOK_HOSTS", "127.0.0.1")
    secret = recsys("webhook", "add", "http://127.0.0.1:1/nobody-listens", *MEI).strip()
    assert len(secret) == 64
    (hook,) = json.loads(recsys("webhook", "list", "--json"))
    assert secret not in json.dumps(hook)
    recsys("campaign", "create", "festival.toml", *MEI)
    control = ControlStore.open(tmp_path / "var" / "control.db")
    assert Herald(control, control._db.clock, {"127.0.0.1"}).step() == 0
    control.close()
    (letter,) = json.loads(recsys("webhook", "letters", "--json"))
    assert (letter["attempts"], letter["arrived"], letter["error"]) == (1, None, "ConnectionRefusedError")
    assert letter["next"] is not None
    recsys("webhook", "remove", hook["id"], *MEI)
    assert json.loads(recsys("webhook", "list", "--json")) == []
    (letter,) = json.loads(recsys("webhook", "letters", "--json"))
    assert letter["next"] is None  # what waited for it is dropped
