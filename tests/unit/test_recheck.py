"""Batch files looked at again: what goes, why, and that nothing else changes."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import typer
from typer.testing import CliRunner

from recsys.clock import fixed_clock
from recsys.errors import ConfigError, DataError
from recsys.overrides import Override
from recsys.types import Viewer
from serving import batch
from serving.commands import run as command
from serving.current import Live
from serving.recheck import Options, recheck
from serving.settings import Settings
from serving.stores.control import Controls, ControlStore
from support.data import AT

ADULT = Viewer("batch", "DE", 30)
ROWS = [("ann", "i01"), ("ann", "i03"), ("ann", "i05"), ("bob", "i01"), ("bob", "i02"), ("cat", "i03")]


class Place:
    def __init__(self, folder, bundle):
        self.settings = Settings(var=folder / "var", bundle=bundle.path, clock="events")
        self.control = ControlStore.open(self.settings.control_location(), fixed_clock(AT + 60))
        self.file = folder / "lists.parquet"
        view = Live(bundle, self.control, fixed_clock(AT)).view()
        self.write(view, ROWS)

    def write(self, view, rows, file=None, viewer=ADULT):
        ranks = [1 + sum(user == other for other, _ in rows[:at]) for at, (user, _) in enumerate(rows)]
        users, items = zip(*rows, strict=True)
        columns = [users, ranks, items, [1.0 / rank for rank in ranks], ["als"] * len(rows), [[]] * len(rows)]
        writer = batch.Writer(file or self.file, batch.metadata(view, viewer, AT, AT))
        writer.write(pa.Table.from_arrays([pa.array(c) for c in columns], names=batch.SCHEMA.names))
        writer.publish()

    def rows(self, file=None):
        table = pq.read_table(file or self.file).to_pylist()
        return [(row["user_id"], row["rank"], row["item_id"]) for row in table]

    def recheck(self, **options):
        (done,) = recheck([self.file], self.settings, Options(**{"at": AT + 120, **options}))
        return done


@pytest.fixture
def place(tmp_path, bundle):
    here = Place(tmp_path, bundle)
    yield here
    here.control.close()


def test_what_was_taken_down_goes_and_the_ranks_close_up(place):
    place.control.take_down("i03", reason="court", actor="sam")
    done = place.recheck()
    assert (done.kept, done.removed, done.lists) == (4, 2, 2)
    assert (done.why, done.items) == ({"takedown": 2}, {"i03": "takedown"})
    assert place.rows() == [("ann", 1, "i01"), ("ann", 2, "i05"), ("bob", 1, "i01"), ("bob", 2, "i02")]


def test_the_metadata_stay_and_name_the_new_takedown_sequence(place):
    before = json.loads(pq.read_schema(place.file).metadata[b"recsys"])
    place.control.take_down("i03", reason="court", actor="sam")
    place.recheck()
    after = json.loads(pq.read_schema(place.file).metadata[b"recsys"])
    assert (before["takedown_sequence"], after["takedown_sequence"]) == (0, 1)
    assert after["checked"] == AT + 120
    assert {name: after[name] for name in ("at", "viewer", "bundle")} == {
        name: before[name] for name in ("at", "viewer", "bundle")
    }


def test_a_takedown_in_another_territory_removes_nothing(place):
    place.control.take_down("i03", reason="court", actor="sam", territory="FR")
    assert place.recheck().removed == 0


def test_what_a_user_hid_goes_for_that_user_alone(place):
    place.control.put_controls("ann", Controls(hidden=frozenset({"i01"}), not_interested=frozenset({"i05"})))
    done = place.recheck()
    assert done.why == {"hidden": 1, "not_interested": 1}
    assert done.items == {}
    assert place.rows()[:2] == [("ann", 1, "i03"), ("bob", 1, "i01")]


def test_the_list_of_who_has_opted_out_goes_as_a_whole(place):
    place.control.put_controls("bob", Controls(personalised=False))
    assert place.recheck().why == {"personalisation_off": 2}
    assert {user for user, _, _ in place.rows()} == {"ann", "cat"}


def test_the_list_of_who_was_erased_goes_as_a_whole(place):
    place.control.erase_user("ann")
    assert place.recheck().why == {"erased": 3}


def test_an_editors_exclude_and_an_item_nobody_knows_go(place, bundle):
    ends = {"end": AT + 9e6, "created_at": AT, "created_by": "ed"}
    place.control.put_override(Override(id="o", action="exclude", item_id="i05", **ends), "ed")
    place.write(Live(bundle, place.control, fixed_clock(AT)).view(), [*ROWS, ("dan", "vanished")])
    assert place.recheck().why == {"excluded": 1, "unknown_item": 1}


def test_an_age_limit_that_came_later_goes_by_the_viewer_of_the_file(place, bundle):
    young = Viewer("batch", "DE", 12)
    place.write(Live(bundle, place.control, fixed_clock(AT)).view(), ROWS, viewer=young)
    place.control.upsert_items([{"item_id": "i03", "title": "Re-rated", "min_age": 18}], "board")
    assert place.recheck().items == {"i03": "age"}


def test_check_says_the_same_and_changes_nothing(place):
    place.control.take_down("i03", reason="court", actor="sam")
    before = place.file.read_bytes()
    done = place.recheck(check=True)
    assert (done.removed, done.out) == (2, None)
    assert place.file.read_bytes() == before


def test_out_leaves_the_file_as_it_was(place, tmp_path):
    place.control.take_down("i03", reason="court", actor="sam")
    before = place.file.read_bytes()
    place.recheck(out=tmp_path / "clean.parquet")
    assert place.file.read_bytes() == before
    assert len(place.rows(tmp_path / "clean.parquet")) == 4


def test_several_files_go_into_a_folder(place, tmp_path):
    other = tmp_path / "other.parquet"
    other.write_bytes(place.file.read_bytes())
    done = recheck([place.file, other], place.settings, Options(out=tmp_path / "clean"))
    assert [found.out for found in done] == [
        str(tmp_path / "clean" / name) for name in ("lists.parquet", "other.parquet")
    ]


def test_one_file_that_is_none_of_ours_leaves_all_of_them_as_they_were(place, tmp_path):
    place.control.take_down("i03", reason="court", actor="sam")
    foreign, before = tmp_path / "foreign.parquet", place.file.read_bytes()
    pq.write_table(pa.table({"a": [1]}), foreign)
    with pytest.raises(DataError, match=r"foreign\.parquet is no list of recommendations"):
        recheck([place.file, foreign], place.settings)
    assert place.file.read_bytes() == before


def test_several_files_into_one_file_are_refused(place, tmp_path):
    with pytest.raises(ConfigError, match="need a folder"):
        recheck([place.file, place.file], place.settings, Options(out=place.file))


def test_the_command_exits_with_4_where_a_check_finds_something(place, monkeypatch):
    app = typer.Typer()
    command.register(app)
    monkeypatch.setenv("RECSYS_VAR", str(place.settings.var))
    monkeypatch.setenv("RECSYS_BUNDLE", str(place.settings.bundle))
    asked = ["recheck", str(place.file), "--check", "--json"]
    clean = CliRunner().invoke(app, asked)
    assert (clean.exit_code, json.loads(clean.stdout)[0]["removed"]) == (0, 0)
    place.control.take_down("i03", reason="court", actor="sam")
    found = CliRunner().invoke(app, asked)
    assert (found.exit_code, json.loads(found.stdout)[0]["why"]) == (4, {"takedown": 2})
