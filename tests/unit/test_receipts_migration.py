"""A store that was there before histories were kept: its newest items and rights are their beginning."""

import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, text

from recsys.safety.rights import Rights, Term, encoded
from serving.receipts.asof import AsOf
from serving.stores.control import Controls, ControlStore
from serving.stores.database import MIGRATIONS

ROWS = (
    "INSERT INTO items VALUES ('a', 1, 4, '{\"item_id\":\"a\"}', 4), ('b', 2, 2, '{\"item_id\":\"b\"}', 2)",
    (
        "INSERT INTO changes VALUES (1, 'item', 'a', '{}', 0), (2, 'item', 'b', '{}', 0), (3, 'rights', 'b', '{}', 0),"
        " (4, 'item', 'a', '{}', 0)"
    ),
)


def before(config):
    """The step that the histories build on."""
    steps = ScriptDirectory.from_config(config).walk_revisions()
    return next(step.down_revision for step in steps if step.doc.startswith("Histories of items"))


@pytest.fixture
def control(tmp_path):
    file = tmp_path / "control.db"
    engine = create_engine(f"sqlite:///{file}")
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, before(config))
        for row in ROWS:
            connection.execute(text(row))
        said = {"record": encoded(Rights((Term(),)))}
        connection.execute(text("INSERT INTO rights VALUES ('b', 3, :record)"), said)
    engine.dispose()
    opened = ControlStore.open(file)
    yield opened
    opened.close()


def lost(control, sequence):
    return AsOf(control, sequence, 0.0, Controls(), silent=0.0).lost()


def test_the_newest_records_and_rights_are_taken_over_in_the_order_of_arrival(control):
    assert [record["item_id"] for _, record in control.items_as_of(4)] == ["a", "b"]
    assert control.item_versions_as_of(4) == {"a": 4, "b": 2}
    assert set(control.rights_as_of(4)) == {"b"}
    assert lost(control, 4) == []


def test_what_was_replaced_before_is_lost_and_said(control):
    assert [record["item_id"] for _, record in control.items_as_of(3)] == ["b"]
    assert lost(control, 3) == ["upserts as of change 3 were not kept then (1 works, such as a)"]
