"""When the connections to a silent server are given up."""

from types import SimpleNamespace

import pytest

from serving.stores import postgres
from serving.stores.postgres import ROUNDS, PostgresFeed


class Rounds:
    """In place of the event that stops the guard: one round for each moment at which the server was last heard."""

    def __init__(self, feed, heard):
        self._feed, self._heard = feed, iter(heard)

    def wait(self, seconds):
        for heard in self._heard:
            self._feed._heard = heard
            return False
        return True


@pytest.fixture
def given_up(monkeypatch):
    """What the guard of a feed gives up in rounds at which the server was last heard then, starting from 0."""
    ended = []
    monkeypatch.setattr(postgres, "_shut", ended.append)

    def guard(*heard):
        feed = SimpleNamespace(_heard=0.0, _waiting=["open"], silent_seconds=lambda: 60.0)
        feed._stop = Rounds(feed, heard)
        PostgresFeed._give_up(feed)
        return ended

    return guard


def test_a_server_that_says_nothing_round_after_round_is_given_up(given_up):
    assert given_up(*[0.0] * ROUNDS) == ["open"]


def test_a_process_that_stood_still_for_a_minute_gives_up_nothing(given_up):
    assert given_up(0.0) == []


def test_every_answer_starts_the_count_again(given_up):
    assert given_up(*[0.0] * (ROUNDS - 1), *[1.0] * ROUNDS) == []
