"""How often a key may call, and that looking a key up tells nothing of it."""

import hmac

import pytest

from recsys.clock import fixed_clock
from recsys.errors import ConfigError
from serving.limits import Rates
from serving.stores.control import ControlStore, Principal
from serving.stores.keys import NOBODY, _digest

EDITOR = Principal("key_1", "desk", "editor")


class Seconds:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def test_a_key_may_save_up_two_seconds_of_its_rate_and_not_more():
    clock = Seconds()
    rates = Rates({"editor": 5.0}, clock)
    assert [rates.wait(EDITOR) for _ in range(11)] == [0.0] * 10 + [pytest.approx(0.2)]
    clock.now = 100.0
    assert [rates.wait(EDITOR) for _ in range(11)].count(0.0) == 10


def test_a_token_comes_back_when_it_was_said():
    clock = Seconds()
    rates = Rates({"editor": 0.5}, clock)
    assert rates.wait(EDITOR) == 0.0
    clock.now = 1.0
    assert rates.wait(EDITOR) == pytest.approx(1.0)  # half a token is there
    clock.now = 2.0
    assert rates.wait(EDITOR) == 0.0


def test_a_key_does_not_use_up_the_rate_of_another():
    rates = Rates({"editor": 0.5}, Seconds())
    assert rates.wait(EDITOR) == 0.0
    assert rates.wait(Principal("key_2", "other", "editor")) == 0.0
    assert rates.wait(EDITOR) > 0


def test_a_role_without_a_rate_is_not_limited():
    rates = Rates({"editor": 0.5}, Seconds())
    assert [rates.wait(Principal("key_3", "app", "platform")) for _ in range(100)] == [0.0] * 100


def test_the_rate_of_a_key_outranks_that_of_its_role():
    rates = Rates({"editor": 100.0}, Seconds())
    slow = Principal("key_4", "script", "editor", 0.5)
    assert [rates.wait(slow) > 0 for _ in range(2)] == [False, True]


def test_the_rate_of_a_key_is_kept_listed_and_audited(tmp_path):
    control = ControlStore.open(tmp_path / "control.db", fixed_clock(0.0))
    token = control.create_key("script", "platform", "tests", rate=2.5)
    assert control.authenticate(token).rate == 2.5
    assert [key.rate for key in control.keys()] == [2.5]  # noqa: SIM118 - a store, not a dict
    assert control.audit()[-1].after["rate"] == 2.5


@pytest.mark.parametrize("rate", [0.0, -1.0, float("nan"), float("inf")])
def test_a_rate_that_is_none_is_refused(rate, tmp_path):
    control = ControlStore.open(tmp_path / "control.db", fixed_clock(0.0))
    with pytest.raises(ConfigError, match="above 0"):
        control.create_key("script", "platform", "tests", rate=rate)


def test_every_key_known_or_not_is_compared_whole_and_in_one_time(tmp_path, monkeypatch):
    control = ControlStore.open(tmp_path / "control.db", fixed_clock(0.0))
    token = control.create_key("app", "platform", "tests")
    compared = []
    right = hmac.compare_digest
    monkeypatch.setattr(hmac, "compare_digest", lambda one, other: compared.append((one, other)) or right(one, other))
    assert control.authenticate(token) is not None
    assert control.authenticate(token[:-1] + "?") is None
    assert control.authenticate("") is None
    assert [(len(kept), len(given)) for kept, given in compared] == [(64, 64)] * 3
    assert all(token not in pair for pair in compared)  # only hashes meet


def test_the_digest_of_nobody_is_no_ones():
    assert NOBODY[1] is None
    assert NOBODY[0] != _digest("")
