"""S10: the objective registry refuses raw session length as an objective for minors."""

import pytest

from recsys.errors import ConfigError
from recsys.overrides import Person, Pin, campaign, objective, plan
from support.campaigns import campaign as ordered
from support.campaigns import live
from support.evidence import proves


def _any_objective(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(campaign, "objective", lambda name, minors=False: None)


def _any_viewer(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(plan, "_for_minors", lambda campaign: True)


@proves("S10", mutation="the registry is not asked", by=_any_objective)
def test_s10_a_campaign_for_minors_may_not_aim_at_session_length() -> None:
    with pytest.raises(ConfigError, match="session_length"):
        objective("session_length", minors=True)
    with pytest.raises(ConfigError, match="not pursued with minors"):
        ordered("c", Pin("i1", 1), objective="session_length", surfaces=frozenset({"minor"})).validate()


@proves("S10", mutation="objectives are not looked at where a minor looks", by=_any_viewer)
def test_s10_where_a_minor_looks_a_campaign_for_session_length_promotes_nothing() -> None:
    order = ordered("c", Pin("i1", 1), objective="session_length")
    assert live(order).pins
    assert not live(order, person=Person(minor=True)).pins
