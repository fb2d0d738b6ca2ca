"""When people come: counted by the service, put in force for what is paced, or said by the policy pack."""

from collections import Counter
from contextlib import contextmanager

import pytest

from recsys.errors import ConfigError, StoreError
from recsys.overrides import Boost, Campaign, Impression, Traffic, moment_of
from recsys.overrides.documents import document_of
from recsys.overrides.pacing import EVEN
from recsys.safety.load import PACKS, parse_policy
from recsys.types import Viewer
from serving.asks import Ask
from serving.campaigns.reporting import lines
from support.data import AT
from support.inside import inside

HOUR = 3600.0
WEEK = 168 * HOUR
NOON = moment_of("2023-11-15T12:00", "UTC")  # the first after AT
MIDNIGHT = NOON - 12 * HOUR
QUOTA = '\n[quotas.red]\nfield = "genres"\nvalues = ["red"]\nshare = 0.2\n'
EVENINGS = "\n[traffic]\nhours = [" + ", ".join(["0"] * 18 + ["1"] * 6) + "]\n"


@contextmanager
def started(tmp_path, more=""):
    file = tmp_path / "own.toml"
    file.write_text((PACKS / "open.toml").read_text(encoding="utf-8") + more, encoding="utf-8")
    with inside(tmp_path, policy=str(file)) as api:
        yield api


def weeks_of_evenings(api, weeks):
    """Lists of so many weeks up to now, in the evening alone."""
    last = int(api.runtime.clock() // HOUR)
    hours = {hour: 100 if hour % 24 >= 18 else 0 for hour in range(last - weeks * 168, last)}
    api.runtime.control.add_lists(Counter(hours), {})


def promised(api):
    """A guarantee of 100 over the day after AT, on air."""
    feed = frozenset({"feed"})
    day = Campaign("day", (Boost("i01", 1.0),), surfaces=feed, start=MIDNIGHT, end=MIDNIGHT + 24 * HOUR, guarantee=100)
    api.done("POST", "/v1/campaigns", document_of(day), role="editor")
    for act in ("validate", "submit"):
        api.done("POST", f"/v1/campaigns/day/{act}", {}, role="editor")


def due(api):
    """Whether the next list owes the guarantee a place."""
    found = api.runtime.engine.recommend_on(api.runtime.view(), [_ask()])[0]
    return bool(found.placed.live.due)


def _ask():
    return Ask(Viewer("feed", None, 30), 10)


def test_every_list_that_is_answered_counts_in_its_hour(tmp_path):
    with started(tmp_path) as api:
        for _ in range(3):
            api.ids(k=5)
        api.runtime.lists.tell()
        assert api.runtime.control.list_hours() == {int(AT // HOUR): 3}


def test_what_the_store_did_not_take_is_told_again(tmp_path, monkeypatch):
    def refuse(*counted):
        raise StoreError("The control store does not answer.")

    with started(tmp_path, QUOTA) as api:
        api.ids(k=5)
        with monkeypatch.context() as patch:
            patch.setattr(api.runtime.control, "add_lists", refuse)
            with pytest.raises(StoreError):
                api.runtime.lists.tell()
        api.ids(k=5)
        api.runtime.lists.tell()
        assert api.runtime.control.list_hours() == {int(AT // HOUR): 2}
        assert api.runtime.control.quota_hours() == {("red", "", int(AT // HOUR)): (2, 2, 4)}


def test_all_hours_are_alike_until_a_week_was_counted(tmp_path):
    with started(tmp_path) as api:
        promised(api)
        last = int(AT // HOUR)
        api.runtime.control.add_lists(Counter(range(last - 167, last)), {})
        api.runtime.lists.plan()
        assert api.runtime.view().traffic == EVEN
        api.runtime.clock.saw(NOON)
        assert due(api)  # 50 are planned by noon


def test_a_guarantee_is_paced_by_the_hours_in_which_people_came(tmp_path):
    with started(tmp_path) as api:
        weeks_of_evenings(api, 2)
        api.runtime.lists.plan()
        assert api.runtime.view().traffic.zone == "UTC"
        promised(api)
        api.runtime.clock.saw(MIDNIGHT + 18 * HOUR)
        (line,) = lines(api.runtime.control, api.runtime.clock(), api.runtime.view().traffic)
        # 2 weeks of 100 in 6 of 24 hours and one of 50 in each: 18 × 50 of 18 × 50 + 6 × 250, of which 37 are planned
        assert line.planned == 37
        (told,) = api.done("GET", "/v1/exposure", role="editor")["campaigns"]
        assert told["planned"] == 37
        (alike,) = lines(api.runtime.control, api.runtime.clock())
        assert alike.planned == 75
        api.runtime.exposure.record(None, [Impression("day", 1, 1)] * 37)
        assert due(api)
        api.runtime.exposure.record(None, [Impression("day", 1, 1)])
        assert not due(api)


def test_what_the_pack_says_outranks_what_was_counted(tmp_path):
    with started(tmp_path, EVENINGS) as api:
        weeks_of_evenings(api, 1)
        api.runtime.lists.plan()
        promised(api)
        api.runtime.clock.saw(NOON)
        assert api.runtime.view().traffic == Traffic((0.0,) * 18 + (1.0,) * 6)
        assert not due(api)  # nobody comes before the evening
        api.runtime.clock.saw(MIDNIGHT + 18.5 * HOUR)
        assert due(api)


def test_a_profile_is_measured_once_a_day_and_known_after_a_restart(tmp_path):
    with started(tmp_path) as api:
        weeks_of_evenings(api, 1)
        api.runtime.lists.plan()
        before = api.runtime.control.sequence()
        api.runtime.lists.plan()
        assert api.runtime.control.sequence() == before
        api.runtime.clock.saw(AT + 24 * HOUR)
        api.runtime.lists.plan()
        assert api.runtime.control.sequence() == before + 1
        found = api.runtime.view().traffic
    with started(tmp_path) as api:
        assert api.runtime.view().traffic == found != EVEN


def test_hours_that_no_profile_goes_by_any_more_are_forgotten(tmp_path):
    with started(tmp_path) as api:
        weeks_of_evenings(api, 12)
        hour = int(AT // HOUR)
        api.runtime.control.add_lists(Counter(), {("old", "", hour - 9000): (1, 1, 1), ("new", "", hour): (1, 1, 1)})
        api.runtime.lists.plan()
        assert [quota for quota, _, _ in api.runtime.control.quota_hours()] == ["new"]
        assert min(api.runtime.control.list_hours()) == int(AT // HOUR) - 8 * 168


@pytest.mark.parametrize("hours", ["[1, 2]", "[" + ", ".join(["0"] * 24) + "]", "[" + ", ".join(["-1"] * 24) + "]"])
def test_an_impossible_profile_is_refused_by_its_name(tmp_path, hours):
    text = (PACKS / "open.toml").read_text(encoding="utf-8") + f"\n[traffic]\nhours = {hours}\n"
    with pytest.raises(ConfigError, match=r"traffic\.hours: "):
        parse_policy(text)
