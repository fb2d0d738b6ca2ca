"""`recsys takedown` where works are known: the order keeps the record, and an id of no work is said to be one."""

import json

import pytest
import typer
from typer.testing import CliRunner

from serving.champion import CHAMPION
from serving.cli import commands
from support.command_line import nowhere, over_a_bundle, published, recsys

__all__ = ["nowhere", "over_a_bundle", "published", "recsys"]

pytestmark = pytest.mark.usefixtures("over_a_bundle")
MISTYPED = "No work here has the id"


@pytest.fixture
def told(nowhere):
    """What a command prints beside its answer."""
    app = typer.Typer()
    commands(app)
    return lambda *words: CliRunner().invoke(app, list(words)).stderr


def test_an_order_keeps_the_record_of_its_work(recsys):
    made = recsys("takedown", "i03", "--reason", "court order", "--actor", "sam")
    found = json.loads(recsys("takedown", "report", made.split()[-1].rstrip("."), "--json"))
    assert (found["item"]["title"], found["item_from"]) == ("Blue 3", "order")


def test_an_id_of_no_work_is_said_to_be_none_and_is_down_all_the_same(recsys, told):
    assert MISTYPED not in told("takedown", "i05", "--reason", "court order")
    assert f"{MISTYPED} i0S" in told("takedown", "i0S", "--reason", "court order")
    assert "i0S" in recsys("takedown", "list")


def test_no_order_waits_for_a_bundle_that_cannot_be_read(recsys, told, tmp_path, monkeypatch):
    monkeypatch.setenv("RECSYS_VAR", str(tmp_path))
    (tmp_path / CHAMPION).write_text("garbage")
    assert MISTYPED not in told("takedown", "i07", "--reason", "court order")
    assert "i07" in recsys("takedown", "list")
