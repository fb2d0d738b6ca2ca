"""`recsys label` on the command line."""

import json

import pytest

from recsys.errors import ConfigError, DataError
from serving.stores.control import ControlStore
from serving.stores.records import ConflictError
from support.command_line import nowhere, recsys
from support.http import publish

__all__ = ["nowhere", "recsys"]


def listed(recsys, item):
    return json.loads(recsys("label", "list", item, "--json"))


def test_a_label_is_added_negated_and_listed(recsys):
    recsys(
        "label", "add", "408", "war", "--evidence", "reel 2", "--territory", "de", "--expires", "+7d", "--actor", "sam"
    )
    recsys("label", "negate", "408", "war", "--actor", "tom")
    first, second = listed(recsys, "408")
    assert (first["label"], first["evidence"], first["territory"], first["actor"]) == ("war", "reel 2", "DE", "sam")
    assert (second["negates"], second["source"], second["actor"]) == (True, "human", "tom")
    assert "not war" in recsys("label", "list", "408")


def test_a_label_is_stated_by_the_pack_that_the_bundle_asks_for(recsys, tmp_path):
    publish(tmp_path / "var", policy="strict")
    recsys("label", "add", "i01", "unheard_of", "--actor", "sam")
    control = ControlStore.open(tmp_path / "var" / "control.db")
    (told,) = control.statements(item_id="i01")
    control.close()
    assert "feed" in told.reasons.scope  # the pack open shows there what it does not know
    assert "policy strict@" in told.reasons.rule


def test_a_file_is_imported_once(recsys, tmp_path):
    (tmp_path / "l.csv").write_text("item_id,source,label,score\n408,model,war,0.7\n409,human,general,\n")
    assert "2 labels were added" in recsys("label", "import", "l.csv")
    assert "0 labels were added" in recsys("label", "import", "l.csv")
    assert listed(recsys, "408")[0]["score"] == 0.7


def test_an_appeal_against_an_imported_label_goes_neither_to_who_said_it_nor_to_who_imported_it(recsys, tmp_path):
    (tmp_path / "l.csv").write_text("item_id,source,label,actor\n408,human,illegal,sam\n")
    recsys("label", "import", "l.csv", "--actor", "ops")
    control = ControlStore.open(tmp_path / "var" / "control.db")
    (told,) = control.statements(item_id="408")
    case = control.appeal(told.id, "It is a museum.", "studio")
    for actor in ("sam", "ops"):
        with pytest.raises(ConflictError, match="another reviewer"):
            control.claim_review(case.id, 1, actor)
    assert control.claim_review(case.id, 1, "tom").claimed_by == "tom"
    control.close()


def test_a_bad_row_names_itself_and_changes_nothing(recsys, tmp_path):
    (tmp_path / "l.csv").write_text("item_id,source,label,score\n408,model,war,0.7\n409,model,war,high\n")
    assert "row 2: score" in recsys("label", "import", "l.csv", fails=DataError)
    assert listed(recsys, "408") == []


def test_an_unknown_source_and_a_bad_time_are_refused(recsys):
    assert "--source 'press'" in recsys("label", "add", "408", "war", "--source", "press", fails=ConfigError)
    assert "--expires" in recsys("label", "add", "408", "war", "--expires", "soon", fails=ConfigError)
