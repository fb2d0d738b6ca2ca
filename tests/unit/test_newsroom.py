"""The scripted day catches what it is there to catch."""

from benchmarks import newsroom
from benchmarks.form import Options
from recsys.overrides import board, placing
from serving import exposure

UNEXPLAINED, WRONG, BARE, MOVED, AUDIT = range(5)


def day(count=2):
    found = newsroom.run(Options(quick=True, count=count))
    return [row["ours"] for row in found["rows"]], found["details"]


def test_a_day_on_which_all_is_delivered_or_explained():
    rows, details = day(4)
    assert rows == [0, 0, 0, 0, 0]
    assert details["planned by now"] == details["delivered of it"] + sum(details["missing by reason"].values())
    assert {"halted", "not_on_air", "gate:takedown", "few_lists"} <= set(details["missing by reason"])
    assert details["campaigns"]["c08"]["missing"]["gate:takedown"]


def test_a_promise_that_is_passed_over_in_silence_is_caught(monkeypatch):
    monkeypatch.setattr(placing, "_guarantee", lambda board, found: ())
    rows, _ = day()
    assert rows[UNEXPLAINED] > 0


def test_a_list_that_is_left_out_of_the_account_is_caught(monkeypatch):
    monkeypatch.setattr(exposure, "missed", lambda answer: iter(()))
    rows, details = day()
    assert rows[UNEXPLAINED] == 0  # the report alone would put it down to too few lists
    assert rows[WRONG] > 0
    assert all("lists without it" in what for what in details["wrong"])


def test_a_position_without_its_id_is_caught(monkeypatch):
    put = board.Board.put

    def anonymous(self, at, spot):
        put(self, at, spot._replace(override=None) if spot.source == "guarantee" else spot)

    monkeypatch.setattr(board.Board, "put", anonymous)
    rows, _ = day()
    assert rows[BARE] > 0


def test_an_editors_item_that_passes_for_the_models_is_caught(monkeypatch):
    put = board.Board.put

    def disguised(self, at, spot):
        put(self, at, spot._replace(override=None, source="als") if spot.source == "fill" else spot)

    monkeypatch.setattr(board.Board, "put", disguised)
    rows, _ = day(5)
    assert rows[BARE] == 0
    assert rows[MOVED] > 0
