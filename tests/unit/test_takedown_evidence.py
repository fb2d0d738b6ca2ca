"""What is kept of a takedown: what it rests on, the work as it was, where it was shown and until when, who was told."""

import hashlib
import json
from dataclasses import replace

import pytest
import typer
from typer.testing import CliRunner

from recsys.errors import ConfigError, DataError
from recsys.types import Viewer
from serving.cli import commands
from serving.receipts import sightings
from serving.receipts.report import takedown_report
from serving.receipts.sightings import sighted
from serving.receipts.upkeep import Upkeep
from serving.settings import Settings
from serving.stores.takedowns import Attachment, Basis
from support.data import AT
from support.receipts import Logged, ids

GERMAN, FRENCH = Viewer("feed", "DE", 30), Viewer("search", "FR", 30)
PAPER = Attachment("order.pdf", 12, "0" * 64)


class Place(Logged):
    """A logged stand with two lists, which are written with the time that a test says."""

    def __init__(self, folder):
        super().__init__(folder)
        self.lists = {viewer: self.answer(viewer) for viewer in (GERMAN, FRENCH)}
        self.item = ids(self.lists[GERMAN])[2]

    def shown(self, seconds, viewer=GERMAN):
        self.write([replace(self.lists[viewer], decision_id=f"{viewer.territory}{seconds}")], at=AT + seconds)

    def order(self, **more):
        return self.control.take_down(self.item, reason="court order", actor="sam", **more)

    def found(self, takedown):
        return sighted(self.folder, [self.control.ordered(takedown.id)])[takedown.id]


@pytest.fixture
def place(tmp_path):
    here = Place(tmp_path)
    yield here
    here.close()


def test_an_order_keeps_what_it_rests_on_and_the_item_as_it_was(place):
    basis = Basis("Civil Code 1", (PAPER,), {"item_id": place.item, "title": "As it was"})
    found = place.control.ordered(place.order(basis=basis).id)
    assert found.basis == basis
    assert (found.actor, found.seq, found.restored_at) == ("sam", 1, None)


def test_an_order_is_to_be_told_as_soon_as_it_holds(place):
    made = place.order(basis=Basis("Civil Code 1", (PAPER,)))
    (event,) = place.control.reports(undelivered=True)
    assert (event.kind, event.subject) == ("takedown.ordered", made.id)
    assert event.payload["legal_basis"] == "Civil Code 1"
    assert event.payload["attachments"][0]["sha256"] == PAPER.sha256


def test_it_is_delivered_as_soon_as_one_webhook_has_taken_it(place):
    for name in ("one", "other"):
        place.control.add_webhook(f"https://{name}.example/hook", "sam")
    place.order()
    (event,) = place.control.reports(undelivered=True)
    first, second = place.control.take_letters()
    place.control.letter_sent(first, "it answered 500.")
    assert place.control.reports(undelivered=True) == [event]
    place.control.letter_sent(second, None)
    assert place.control.reports() == [replace(event, delivered_at=AT)]


def test_one_person_cannot_bring_back_and_a_second_one_can(place):
    made = place.order()
    place.control.request_restore(made.id, "sam", "lifted")
    with pytest.raises(ConfigError, match="second person"):
        place.control.approve_restore(made.id, "sam")
    assert [event.kind for event in place.control.reports()] == ["takedown.ordered"]
    place.control.approve_restore(made.id, "alex")
    assert place.control.reports()[-1].payload["approved_by"] == "alex"
    assert place.control.ordered(made.id).restored_at == AT


def test_the_time_to_the_last_appearance_is_from_the_order_to_the_last_list_that_showed_the_item(place):
    for seconds in (-5.0, 0.5, 2.25):
        place.shown(seconds)
    found = place.found(place.order())
    assert (found["decisions_before"], found["decisions_after"]) == (1, 2)
    assert found["seconds_to_last_appearance"] == 2.25
    assert found["last_at"] == AT + 2.25
    assert [at["decision_id"] for at in found["last_after"]] == ["DE0.5", "DE2.25"]
    assert found["last_before"][0] == {
        "decision_id": "DE-5.0",
        "at": AT - 5,
        "rank": 3,
        "surface": "feed",
        "territory": "DE",
        "control": 0,
    }


def test_an_item_that_was_not_shown_any_more_took_no_time(place):
    place.shown(-5.0)
    assert place.found(place.order())["seconds_to_last_appearance"] == 0.0


def test_what_was_shown_more_than_a_week_before_is_not_searched(place):
    place.shown(-8 * 86_400.0)
    assert place.found(place.order())["decisions_before"] == 0


def test_where_it_was_shown_is_counted_by_surface_and_territory(place):
    place.shown(-5.0)
    place.shown(-4.0, FRENCH)
    found = place.found(place.order())
    assert found["surfaces"] == {"feed": 1, "search": 1}
    assert found["territories"] == {"DE": 1, "FR": 1}


def test_an_order_for_one_territory_looks_only_there(place):
    place.shown(2.0)
    place.shown(3.0, FRENCH)
    assert place.found(place.order(territory="DE"))["seconds_to_last_appearance"] == 2.0


def test_an_order_for_one_territory_finds_it_under_whichever_of_its_codes_it_was_asked_for(place):
    asked = place.answer(Viewer("feed", "UK", 30))
    place.write([replace(asked, decision_id="uk")], at=AT - 1)
    order = place.control.take_down(ids(asked)[0], reason="court order", actor="sam", territory="GB")
    assert place.found(order)["decisions_before"] == 1


def test_many_orders_are_found_in_one_pass(place, monkeypatch):
    for seconds in range(30):
        place.shown(float(-seconds))
    items = ids(place.lists[GERMAN])
    orders = [place.control.take_down(item, reason="purge", actor="sam") for item in items]
    monkeypatch.setattr(sightings, "FEW", 5)
    found = sighted(place.folder, [place.control.ordered(order.id) for order in orders])
    assert {told["decisions_before"] for told in found.values()} == {30}
    assert [at["rank"] for at in found[orders[3].id]["last_before"]] == [4] * 20
    assert found[orders[3].id]["last_at"] == AT


def test_what_is_shown_after_a_restore_is_no_late_appearance(place):
    made = place.order()
    place.control.request_restore(made.id, "sam", "lifted")
    place.clock.saw(AT + 10)
    place.control.approve_restore(made.id, "alex")
    place.shown(20.0)
    assert place.found(made)["decisions_after"] == 0


def test_the_log_is_searched_a_minute_an_hour_and_a_day_after_an_order_and_tells_what_got_longer(place):
    told = []
    upkeep = Upkeep(place.folder, place.control, days=1e6, told=told.append)
    made = place.order()
    upkeep.round()
    assert place.control.sightings(made.id) == {}
    place.shown(1.5)
    for seconds in (60.0, 61.0, 3_600.0):
        place.clock.saw(AT + seconds)
        upkeep.round()
    assert told == [1.5]
    assert len([event for event in place.control.reports() if event.kind == "takedown.evidence"]) == 2
    place.shown(7_000.0)  # a partitioned replica, say
    place.clock.saw(AT + 86_400.0)
    upkeep.round()
    assert told == [1.5, 7_000.0]
    ((checked, found),) = place.control.sightings(made.id).values()
    assert (checked, found["seconds_to_last_appearance"]) == (AT + 86_400, 7_000.0)


def test_the_report_joins_this_nodes_log_with_what_other_nodes_found(place):
    place.shown(-5.0)
    place.shown(1.0)
    made = place.order()
    place.control.put_sighting(made.id, "other", {**place.found(made), "seconds_to_last_appearance": 4.0})
    report = takedown_report(made.id, place.control, place.settings)
    assert report["seconds_to_last_appearance"] == 4.0
    assert (report["decisions_before"], report["decisions_after"]) == (2, 2)
    assert len(report["shown"]) == 2
    assert [event["kind"] for event in report["events"]] == ["takedown.ordered", "takedown.evidence"]


def test_the_report_tells_the_item_as_it_was_at_the_order(place):
    place.control.upsert_items([{"item_id": place.item, "title": "Before"}], "platform")
    made = place.order()
    place.control.upsert_items([{"item_id": place.item, "title": "After"}], "platform")
    report = takedown_report(made.id, place.control, place.settings)
    assert (report["item"]["title"], report["item_from"]) == ("Before", "upserted before the order")


def test_a_report_of_no_takedown_is_refused(place):
    with pytest.raises(ConfigError, match="There is no takedown td_none"):
        takedown_report("td_none", place.control, place.settings)


@pytest.fixture
def command(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in Settings.model_fields:
        monkeypatch.delenv(f"RECSYS_{name.upper()}", raising=False)
    app = typer.Typer()
    commands(app)
    return lambda *words: CliRunner().invoke(app, [str(word) for word in words])


def test_the_command_takes_documents_by_their_hash_and_reports_them(command, tmp_path):
    (tmp_path / "order.txt").write_bytes(b"by order")
    made = command("takedown", "film-1", "--reason", "court", "--legal-basis", "Act 5", "--attach", "order.txt")
    assert made.exit_code == 0, made.output
    takedown = made.stdout.split()[-1].rstrip(".")
    report = json.loads(command("takedown", "report", takedown, "--json").stdout)
    digest = hashlib.sha256(b"by order").hexdigest()
    assert report["attachments"] == [{"name": "order.txt", "bytes": 8, "sha256": digest}]
    assert report["legal_basis"] == "Act 5"
    assert "Act 5" in command("takedown", "report", takedown).stdout


def test_a_document_that_cannot_be_read_takes_nothing_down(command):
    result = command("takedown", "film-1", "--reason", "court", "--attach", "nowhere.pdf")
    assert isinstance(result.exception, DataError)
    assert "none" in command("takedown", "list").stdout
