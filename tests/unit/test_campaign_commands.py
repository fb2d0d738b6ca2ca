"""`recsys campaign`, `halt`, `exposure`, `webhook`, and exported audits."""

import json
import tomllib
from collections import Counter
from contextlib import closing

import pytest

from recsys.errors import ConfigError, DataError
from recsys.overrides import Newcomer
from recsys.safety.load import PACKS
from serving.settings import Settings
from serving.stores.control import ControlStore
from serving.stores.records import ConflictError
from support.newsroom import FESTIVAL, festival, nowhere, on_air, recsys  # noqa: F401

# ruff: noqa: F811


def test_two_people_bring_a_pin_on_home_on_air(recsys):
    assert on_air(recsys) == "festival is live, version 5.\n"
    (row,) = json.loads(recsys("campaign", "list", "--json"))
    assert (row["id"], row["state"], row["on air"]) == ("festival", "live", True)
    acts = [row["act"] for row in json.loads(recsys("campaign", "history", "festival", "--json"))]
    assert acts == ["create", "validate", "submit", "approve", "start"]
    assert recsys("campaign", "pause", "festival", "--actor", "anna") == "festival is paused, version 6.\n"


def test_one_person_does_not(recsys):
    recsys("campaign", "create", "festival.toml", "--actor", "anna")
    recsys("campaign", "validate", "festival", "--actor", "anna")
    recsys("campaign", "submit", "festival", "--actor", "anna")
    approve = ("campaign", "approve", "festival", "--version", 3, "--actor", "anna")
    assert "another person" in recsys(*approve, fails=ConflictError)
    single = ("override", "pin", "408", "--slot", 1, "--end", "+1d", "--surface", "home")
    assert "second person" in recsys(*single, fails=ConflictError)


@pytest.mark.parametrize("suffix", ["toml", "json"])
def test_what_is_exported_can_be_imported_and_says_the_same(recsys, tmp_path, monkeypatch, suffix):
    recsys("campaign", "create", "festival.toml", "--actor", "anna")
    recsys("campaign", "export", f"out.{suffix}")
    monkeypatch.setenv("RECSYS_VAR", str(tmp_path / "other"))
    recsys("campaign", "import", f"out.{suffix}", "--actor", "ben")
    recsys("campaign", "export", f"again.{suffix}")
    assert (tmp_path / f"again.{suffix}").read_text() == (tmp_path / f"out.{suffix}").read_text()
    taken = ("campaign", "import", f"out.{suffix}", "--actor", "ben")
    assert "nothing was imported" in recsys(*taken, fails=ConfigError)


def test_a_file_that_is_no_campaign_is_refused(recsys, tmp_path):
    (tmp_path / "bad.toml").write_text("id = ")
    assert "bad.toml cannot be read" in recsys("campaign", "create", "bad.toml", fails=DataError)
    (tmp_path / "odd.toml").write_text(FESTIVAL.replace("slot = 1", "slot = 0"))
    assert "slots count from 1" in recsys("campaign", "create", "odd.toml", fails=ConfigError)


def test_a_switch_is_thrown_listed_and_released_by_two(recsys):
    recsys("halt", "all", "--reason", "a mistake", "--actor", "anna")
    (halt,) = json.loads(recsys("halt", "list", "--json"))
    assert (halt["scope"], halt["by"], halt["reason"]) == ("all", "anna", "a mistake")
    recsys("halt", "release", halt["id"], "--reason", "mended", "--actor", "anna")
    assert "another person" in recsys("halt", "approve", halt["id"], "--actor", "anna", fails=ConflictError)
    recsys("halt", "approve", halt["id"], "--actor", "ben")
    assert json.loads(recsys("halt", "list", "--json")) == []


def test_the_exposure_report_is_a_page_a_picture_or_values(recsys, tmp_path):
    on_air(recsys)
    assert [line["campaign"] for line in json.loads(recsys("exposure", "report", "--json"))["campaigns"]] == [
        "festival"
    ]
    recsys("exposure", "report", "--out", "report.html")
    assert "festival" in (tmp_path / "report.html").read_text()
    recsys("exposure", "report", "--out", "report.png")
    assert (tmp_path / "report.png").read_bytes().startswith(b"\x89PNG")
    assert ".html" in recsys("exposure", "report", "--out", "report.xls", fails=ConfigError)


def test_the_exposure_report_has_new_works_and_quotas(recsys, tmp_path):
    with closing(ControlStore.open(Settings().control_location())) as control:
        control.add_newcomers([Newcomer("premiere", 1e9)])
        control.count_newcomers(Counter(premiere=200), {("premiere", "ann")}, {("premiere", "ann")})
        control.end_newcomers({"premiere": "stopped"}, 0.0)
        control.add_lists(Counter({5: 3}), {("de-works", "pool", 5): (3, 9, 4), ("de-works", "", 6): (1, 3, 3)})
    values = json.loads(recsys("exposure", "report", "--json"))
    assert [work["stage"] for work in values["new_works"]] == ["stopped"]
    assert [quota["got"] for quota in values["quotas"]] == [7]
    said = recsys("exposure", "report")
    for words in ("premiere", "stopped", "0.001–0.028", "de-works", "pool 5"):
        assert words in said
    recsys("exposure", "report", "--out", "report.html")
    page = (tmp_path / "report.html").read_text()
    for words in ("<h2>New works</h2>", "premiere", "<h2>Quotas</h2>", "5 in 3 lists: nothing else that may be shown"):
        assert words in page
    recsys("exposure", "report", "--out", "report.png")
    assert (tmp_path / "report.png").read_bytes().startswith(b"\x89PNG")


def test_an_exported_audit_is_verified_and_an_altered_line_is_named(recsys, tmp_path):
    on_air(recsys)
    recsys("audit", "export", "--out", "audit.jsonl")
    assert "holds: 5 lines" in recsys("audit", "verify", "audit.jsonl")
    text = (tmp_path / "audit.jsonl").read_text()
    (tmp_path / "audit.jsonl").write_text(text.replace('"actor": "ben"', '"actor": "eve"'))
    assert "from line 4 on" in recsys("audit", "verify", "audit.jsonl", fails=DataError)
    lines = text.splitlines(keepends=True)
    (tmp_path / "audit.jsonl").write_text("".join(lines[:2] + lines[3:]))
    assert "from line 3 on" in recsys("audit", "verify", "audit.jsonl", fails=DataError)


def test_an_audit_is_exported_since_a_time_and_as_csv(recsys):
    on_air(recsys)
    assert recsys("audit", "export", "--since", "2999-01-01") == ""
    assert len(recsys("audit", "export", "--since", "2000-01-01").splitlines()) == 5
    assert recsys("audit", "export", "--since", 3, "--format", "csv").splitlines()[0].startswith("seq,at,actor,action")


def test_a_campaign_file_is_toml_that_others_read_too(recsys, tmp_path):
    recsys("campaign", "create", "festival.toml", "--actor", "anna")
    recsys("campaign", "export", "out.toml")
    (document,) = tomllib.loads((tmp_path / "out.toml").read_text(encoding="utf-8"))["campaigns"]
    assert document["name"] == "修复电影 · Restored"
    assert document["end"] == "2999-02-14T16:00:00+00:00"


def test_a_pack_says_which_surfaces_are_for_minors(recsys, tmp_path, monkeypatch):
    text = (PACKS / "open.toml").read_text(encoding="utf-8")
    nursery = "[surfaces.nursery]\nstrict = true\nminors = true\nunknown_age = 3\n\n[surfaces.push]"
    (tmp_path / "own.toml").write_text(text.replace("[surfaces.push]", nursery), encoding="utf-8")
    pin = ("override", "pin", "408", "--slot", 1, "--end", "+1d", "--surface", "nursery", "--reason", "r")
    recsys(*pin)
    monkeypatch.setenv("RECSYS_POLICY", str(tmp_path / "own.toml"))
    assert "minors" in recsys(*pin, fails=ConflictError)
