import json
import subprocess
import sys

import pyarrow as pa
import typer

from recsys.errors import ConfigError, DataError
from recsys.lake import Lake
from serving.cli import commands
from serving.stores.control import ControlStore
from serving.stores.state import Event, open_state
from support.command_line import nowhere, recsys

__all__ = ["nowhere", "recsys"]


def listed(recsys, *arguments):
    return json.loads(recsys(*arguments, "--json"))


def test_the_commands_are_mounted_without_importing_what_they_work_with():
    code = (
        "import sys, typer; from serving.cli import commands; commands(typer.Typer()); "
        "print([m for m in ('sqlalchemy', 'torch', 'bentoml', 'numpy', 'pyarrow', 'pydantic') if m in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert found.stdout.strip() == "[]"


def test_an_item_is_taken_down_and_listed(recsys):
    recsys("takedown", "film-1", "--reason", "court order", "--territory", "cn", "--actor", "sam")
    (found,) = listed(recsys, "takedown", "list")
    assert (found["item_id"], found["territory"], found["reason"]) == ("film-1", "CN", "court order")


def test_a_takedown_without_a_reason_is_refused(recsys):
    assert "--reason" in recsys("takedown", "film-1", fails=ConfigError)


def test_an_item_whose_id_is_list_can_be_taken_down(recsys):
    recsys("takedown", "list", "--reason", "court order")
    assert [row["item_id"] for row in listed(recsys, "takedown", "list")] == ["list"]


def test_a_restore_takes_two_people(recsys):
    recsys("takedown", "film-1", "--reason", "court order")
    takedown_id = listed(recsys, "takedown", "list")[0]["id"]
    recsys("restore", "request", takedown_id, "--reason", "cleared", "--actor", "sam")
    assert listed(recsys, "takedown", "list")[0]["restore_requested_by"] == "sam"
    assert "second person" in recsys("restore", "approve", takedown_id, "--actor", "sam", fails=ConfigError)
    recsys("restore", "approve", takedown_id, "--actor", "tom")
    assert listed(recsys, "takedown", "list") == []


def test_a_pin_is_listed_with_its_slot_and_place(recsys):
    recsys("override", "pin", "film-1", "--slot", 2, "--end", "2999-01-01", "--surface", "feed", "--territory", "fr")
    (found,) = listed(recsys, "override", "list")
    assert (found["action"], found["slot"], found["surfaces"], found["territories"]) == ("pin", 2, "feed", "FR")
    assert (found["start"], found["end"]) == (None, "2999-01-01T00:00:00+00:00")


def test_boost_bury_and_exclude_are_kept_by_priority_and_factor(recsys):
    recsys("override", "boost", "a", "--factor", 2, "--end", "+7d", "--priority", 5, "--surface", "feed")
    recsys("override", "bury", "b", "--factor", 0.5, "--end", "+12h")
    recsys("override", "exclude", "c", "--end", "+2w")
    rows = {row["item_id"]: row for row in listed(recsys, "override", "list")}
    assert (rows["a"]["factor"], rows["a"]["priority"]) == (2.0, 5)
    assert (rows["b"]["factor"], rows["c"]["action"]) == (0.5, "exclude")


def test_an_impossible_override_is_refused(recsys):
    assert "slot" in recsys("override", "pin", "a", "--slot", 0, "--end", "+1d", fails=ConfigError)
    assert "--end 'soon' is no time" in recsys("override", "exclude", "a", "--end", "soon", fails=ConfigError)


def test_a_revoked_override_is_not_listed(recsys):
    recsys("override", "exclude", "a", "--end", "+1d")
    override_id = listed(recsys, "override", "list")[0]["id"]
    recsys("override", "revoke", override_id, "--reason", "over")
    assert listed(recsys, "override", "list") == []
    assert "No override in force" in recsys("override", "revoke", override_id, "--reason", "over", fails=ConfigError)


def test_a_key_is_printed_once_and_listed_without_its_token(recsys):
    token = recsys("key", "create", "app", "--role", "platform").strip()
    rows = listed(recsys, "key", "list")
    assert [(row["name"], row["role"], row["revoked"]) for row in rows] == [("app", "platform", None)]
    assert token not in json.dumps(rows)
    control = ControlStore.open("var/control.db")
    assert control.authenticate(token).name == "app"
    recsys("key", "revoke", rows[0]["id"])
    assert control.authenticate(token) is None
    control.close()


def test_a_key_of_an_unknown_role_is_refused(recsys):
    assert "no role 'king'" in recsys("key", "create", "app", "--role", "king", fails=ConfigError)


def test_the_actor_is_in_the_audit(recsys):
    recsys("takedown", "a", "--reason", "r", "--actor", "sam")
    (line,) = [json.loads(line) for line in recsys("audit", "export").splitlines()]
    assert (line["actor"], line["action"], line["target"]) == ("sam", "takedown", "a")


def test_an_audit_log_that_holds_is_verified_and_an_altered_one_is_not(recsys):
    recsys("takedown", "a", "--reason", "r")
    assert "holds: 1 lines" in recsys("audit", "verify")
    control = ControlStore.open("var/control.db")
    with control._db.write("intruder") as write:
        write.connection.exec_driver_sql("UPDATE audit SET actor = 'nobody'")
    control.close()
    assert "from line 1 on" in recsys("audit", "verify", fails=DataError)


def test_an_audit_log_is_exported_to_a_file(recsys, tmp_path):
    recsys("takedown", "a", "--reason", "理由")
    recsys("takedown", "b", "--reason", "r")
    recsys("audit", "export", "--since", 1, "--out", tmp_path / "audit.jsonl")
    assert [json.loads(line)["seq"] for line in (tmp_path / "audit.jsonl").read_text().splitlines()] == [2]


def test_the_lake_comes_into_the_state_and_goes_out_again(recsys, tmp_path):
    lake = Lake(tmp_path / "lake")
    rows = {"event_id": ["1"], "user_id": ["u"], "item_id": ["a"], "kind": ["view"]}
    lake.append("events", pa.table(rows))
    assert listed(recsys, "state", "sync", "--lake", tmp_path / "lake")["added"] == 1
    state = open_state("var/state.db")
    state.append([Event("2", "u", "b", timestamp=1.0)])
    assert "1 events were added" in recsys("state", "drain", "--lake", tmp_path / "lake")
    assert lake.read("events").num_rows == 2
    state.close()


def test_a_sync_without_a_lake_says_what_to_do(recsys, tmp_path):
    assert "--lake" in recsys("state", "sync", fails=ConfigError)
    assert "holds no lake" in recsys("state", "sync", "--lake", tmp_path / "nothing", fails=ConfigError)


def test_a_pack_is_shown_and_checked(recsys, tmp_path):
    assert listed(recsys, "policy", "show", "open")["name"] == "open"
    assert "Surfaces" in recsys("policy", "show", "strict")
    assert "is fine" in recsys("policy", "check", "open")
    (tmp_path / "bad.toml").write_text('name = "x"\n')
    assert "version" in recsys("policy", "check", tmp_path / "bad.toml", fails=ConfigError)


def test_an_empty_list_says_so(recsys):
    assert "none" in recsys("takedown", "list")
    assert listed(recsys, "key", "list") == []


def test_a_list_for_people_is_a_table(recsys):
    recsys("takedown", "film[1]", "--reason", "court order")
    assert "film[1]" in recsys("takedown", "list")


def test_commands_are_there_once_however_often_they_are_added():
    apps = [typer.Typer(), typer.Typer()]
    for app in apps:
        commands(app)
    once, twice = (typer.main.get_command(app) for app in apps)
    assert list(once.commands) == list(twice.commands)
    assert "policy" in once.commands
    groups = {group.name: group.typer_instance for group in apps[1].registered_groups}
    names = [one.name or one.callback.__name__ for one in groups["policy"].registered_commands]
    assert len(names) == len(set(names))
