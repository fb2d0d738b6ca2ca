"""Lists made offline: the same engine, gate and control store; the file's format; recheck."""

import json
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from recsys.clock import fixed_clock
from recsys.errors import BundleError, DataError, StoreError
from recsys.lake import Lake
from recsys.overrides import Budget, Override
from recsys.types import Viewer
from serving import batch
from serving.histories import read_users
from serving.settings import Settings
from serving.stores.control import Controls, ControlStore
from support.data import AT
from support.serve import colour_data, make_bundle

DAY = 86_400
ADULT = Viewer("batch", age=30)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A lake with the log the bundle was trained on, and the bundle."""
    folder = tmp_path_factory.mktemp("batch")
    data = colour_data()
    lake = Lake(folder / "lake")
    lake.append(
        "events",
        pa.table(
            {
                "event_id": [f"e{n}" for n in range(data.n_events)],
                "user_id": [data.users[u] for u in data.user],
                "item_id": [data.catalogue.ids[i] for i in data.item],
                "kind": ["view"] * data.n_events,
                "timestamp": pa.array([round(t * 1e6) for t in data.time], pa.timestamp("us", tz="UTC")),
            }
        ),
    )
    bundle = make_bundle(folder / "bundle", lake=lake.root, lake_versions=lake.versions())
    return data, bundle


@pytest.fixture
def settings(tmp_path):
    return Settings(var=tmp_path / "var")


def run(made, settings, tmp_path, **job):
    out = tmp_path / "lists.parquet"
    given = {"users": None, "bundle": made[1].path, **job}
    batch.recommend(batch.Job(out, **given), settings)
    return pq.read_table(out)


def test_every_user_has_k_rows_ranked_from_one_with_scores_that_never_rise(made, settings, tmp_path):
    table = run(made, settings, tmp_path, k=7)
    frame = table.to_pandas()
    assert set(frame.groupby("user_id").size()) == {7}
    assert set(frame.user_id) == set(made[0].users.ids)
    for _, own in frame.groupby("user_id"):
        assert own["rank"].tolist() == [1, 2, 3, 4, 5, 6, 7]
        assert (own.score.diff().dropna() <= 0).all()


def test_the_columns_have_the_types_that_were_promised(made, settings, tmp_path):
    schema = run(made, settings, tmp_path, k=1).schema
    assert [str(schema.field(name).type) for name in schema.names] == [
        "string",
        "int32",
        "string",
        "float",
        "string",
        "list<element: string>",
    ]


def test_nobody_gets_a_work_of_the_own_history(made, settings, tmp_path):
    data = made[0]
    for row in run(made, settings, tmp_path, k=40).to_pylist():
        user = data.users.get(row["user_id"])
        assert data.catalogue.ids.get(row["item_id"]) not in data.seen(user)


def test_unknown_users_get_lists_too_and_never_fewer_than_k_while_works_are_left(made, settings, tmp_path):
    table = run(made, settings, tmp_path, users=["u00", "never seen"], k=100, viewer=ADULT).to_pandas()
    counts = table.groupby("user_id").size()
    assert counts["never seen"] == 40
    assert counts["u00"] == 40 - len(made[0].seen(made[0].users.get("u00")))


def test_lists_for_an_earlier_moment_know_only_the_events_until_then(made, settings, tmp_path):
    whole = run(made, settings, tmp_path, users=["u00"], k=100, viewer=ADULT).num_rows
    earlier = run(made, settings, tmp_path, users=["u00"], k=100, viewer=ADULT, at=AT - 15 * DAY).num_rows
    assert earlier > whole


def test_the_file_says_under_what_it_was_made(made, settings, tmp_path):
    meta = json.loads(run(made, settings, tmp_path, k=1).schema.metadata[b"recsys"])
    assert meta["bundle"] == made[1].version
    assert meta["policy"].startswith("open@")
    assert meta["takedown_sequence"] == 0
    assert datetime.fromisoformat(meta["time"]).tzinfo is not None
    assert meta["at"] == max(made[0].time)


def test_an_absent_control_store_is_empty_and_stays_absent(made, settings, tmp_path):
    run(made, settings, tmp_path, k=1)
    assert not settings.var.exists()


def test_takedowns_and_users_choices_count_in_lists(made, settings, tmp_path):
    settings.var.mkdir()
    control = ControlStore.open(settings.control_location(), fixed_clock(AT))
    control.take_down("i01", reason="test", actor="officer")
    control.put_controls("u00", Controls(True, frozenset({"i03"})))
    frame = run(made, settings, tmp_path, k=40).to_pandas()
    assert "i01" not in set(frame.item_id)
    assert "i03" not in set(frame[frame.user_id == "u00"].item_id)
    assert "i03" in set(frame[frame.user_id != "u00"].item_id)


def test_the_budget_of_new_works_is_for_lists_whose_impressions_are_counted(made, settings, tmp_path):
    before = run(made, settings, tmp_path, k=2)
    with closing(ControlStore.open(settings.control_location(), fixed_clock(AT))) as control:
        control.put_cold_start(Budget("cold_start.x", ("i38", "i39"), AT - DAY, AT + 1e9, "UTC", 1000, 0.5))
    assert run(made, settings, tmp_path, k=2).equals(before)
    with closing(ControlStore.open(settings.control_location(), fixed_clock(AT))) as control:
        control.put_override(Override("pin", "pin", "i38", slot=1, end=AT + 1e9), "mei")
    assert not run(made, settings, tmp_path, k=2).equals(before)


def test_a_control_store_that_is_set_but_does_not_answer_is_an_error_and_no_file(made, tmp_path):
    settings = Settings(var=tmp_path, control_url="postgresql://nobody@127.0.0.1:9/none")
    with pytest.raises(StoreError):
        run(made, settings, tmp_path, k=1)
    assert not list(tmp_path.glob("*lists*"))


def test_lists_for_children_hold_no_work_for_adults(made, settings, tmp_path):
    frame = run(made, settings, tmp_path, k=40, viewer=Viewer("batch", age=12)).to_pandas()
    assert all(int(item[1:]) % 4 for item in set(frame.item_id))


def test_a_bundle_that_was_altered_writes_nothing(made, settings, tmp_path):
    with pytest.raises(BundleError):
        run(made, settings, tmp_path, bundle=tmp_path / "nowhere")
    assert not list(tmp_path.glob("*lists*"))


def test_a_users_file_has_one_id_a_line_and_ignores_blanks_and_repeats():
    assert read_users(["b", "", "  a ", "b", "\t"]) == ["b", "a"]


def test_a_users_file_that_names_nobody_is_refused():
    with pytest.raises(DataError, match="names nobody"):
        read_users(["", " "])


def test_the_moment_of_a_log_without_times_falls_back_to_the_bundle(made, settings, tmp_path):
    lake = Lake(tmp_path / "timeless")
    events = {"event_id": ["1", "2"], "user_id": ["a", "a"], "item_id": ["i01", "i03"], "order": [1, 2]}
    lake.append("events", pa.table({**events, "kind": ["view", "view"]}))
    table = run(made, settings, tmp_path, lake=lake.root, k=5)
    assert datetime.fromtimestamp(AT, UTC).isoformat() in table.schema.metadata[b"recsys"].decode()
    assert not {"i01", "i03"} & set(table["item_id"].to_pylist())


def test_the_command_refuses_both_users_and_all(tmp_path):
    import typer
    from typer.testing import CliRunner

    from serving.commands import run as command

    app = typer.Typer()
    command.register(app)
    users = tmp_path / "users.txt"
    users.write_text("a\n")
    answer = CliRunner().invoke(app, ["recommend", "--all", "--users", str(users), "--out", str(Path(tmp_path / "x"))])
    assert answer.exit_code == 2
