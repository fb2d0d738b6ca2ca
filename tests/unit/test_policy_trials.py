"""A shadow changes nothing and counts; a canary is never milder than the policy in force."""

from pathlib import Path

import numpy as np
import pytest

from recsys.errors import ConfigError
from recsys.safety.signing import public_key
from recsys.types import Viewer
from serving.asks import Ask
from serving.policies import Desk
from serving.settings import Settings
from serving.trials import Trials, judged_by, trial_report
from support.policies import KEY, local, signed, text
from support.serve import N_ITEMS, make_bundle, stand

WHY = {"actor": "sam", "reason": "a new rule"}
RULE = '\n[labels.red]\nverdict = "{red}"\n[labels.blue]\nverdict = "{blue}"\n' + "".join(
    f'[[rules]]\nid = "{name}"\nfield = "genres"\nany_of = ["{name}"]\nlabels = ["{name}"]\n'
    for name in ("red", "blue")
)
LIVE = text(RULE.format(red="allow", blue="hold"), "live")
TURNED = text(RULE.format(red="hold", blue="allow"), "turned")  # stricter to red works, milder to blue ones
ADULT = Viewer("feed", "DE", 30)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    recipes = [{"recipe": "popular", "half_life_days": 30.0}]
    return make_bundle(tmp_path_factory.mktemp("bundle") / "b", recipes=recipes)


@pytest.fixture
def here(bundle, tmp_path):
    found = stand(tmp_path, bundle)
    found.control.trust_policy_key("tests", public_key(KEY), "ops")
    found.control.propose_policy(at(found).verified(LIVE, signed(LIVE)), "", (), 0, **WHY)
    return found


def at(here):
    settings = Settings(var=Path("nowhere"), policy="open")
    return Desk(settings, here.control, here.engine._clock, here.engine.live.view())


def tried(here, pack=TURNED, share=None):
    return at(here).try_out(pack, signed(pack), share=share, **WHY)


def answer(here, user="u", viewer=ADULT):
    return here.engine.recommend([Ask(viewer, N_ITEMS, user_id=user)])[0]


def items(found):
    return sorted(found.view.ids.external(found.slate.items))


def test_a_shadow_changes_no_list_and_counts_what_it_would_change(here):
    before = items(answer(here))
    step = tried(here)
    found = answer(here)
    assert items(found) == before
    assert found.view.policy_id.startswith("t@live+")
    trials = Trials(here.control)
    trials.saw(found)
    trials.saw(found)
    trials.flush()
    trials.flush()
    assert here.control.policy_trial_counts(step.step) == {
        ("feed", "", ""): 80,
        ("feed", "red", "allow > hold"): 40,  # each of the 20 works shown, twice
        ("feed", "blue", "hold > allow"): 40,  # and of those that it alone would show
    }
    report = trial_report(here.control)
    assert (report["mode"], report["pack"][:9], report["compared"]) == ("shadow", "t@turned+", {"feed": 80})


def test_of_a_canary_the_stricter_verdict_counts(here):
    tried(here, share=1.0)
    found = answer(here)
    assert items(found) == []  # the one holds blue works, the other red ones
    assert found.view.policy_id.count("t@") == 2
    assert "no_cleared_items" in found.degraded


def test_a_canary_takes_its_share_of_the_users_and_always_the_same(here):
    tried(here, share=0.5)
    view = here.engine.live.view()
    users = [f"u{n}" for n in range(400)]
    chosen = [judged_by(view, Ask(ADULT, user_id=user)) is not view for user in users]
    assert 150 < sum(chosen) < 250
    assert chosen == [judged_by(view, Ask(ADULT, user_id=user, seed=1)) is not view for user in users]
    assert [not len(answer(here, user).slate) for user in users[:10]] == chosen[:10]


def test_a_canary_fails_soft_where_the_model_of_popularity_is_dead(here, monkeypatch):
    tried(here, text(RULE.format(red="allow", blue="allow"), "milder"), share=1.0)

    def dead(*_, **__):
        raise RuntimeError("dead")

    for source in here.engine.live.view().bundle.pipeline.sources:
        monkeypatch.setattr(type(source), "score", dead)
        monkeypatch.setattr(type(source), "top", dead)
    found = answer(here)
    assert {int(item[1:]) % 2 for item in items(found)} == {0}  # red works, in whatever order
    assert "engine_failed" not in found.degraded


def test_a_trial_follows_labels_items_and_takedowns(here):
    tried(here, share=1.0)
    here.engine.live.view()
    here.control.upsert_items([{"item_id": "new", "title": "New", "labels": ["general"]}], "app")
    assert items(answer(here)) == ["new"]
    here.control.take_down("new", reason="order", actor="sam")
    assert items(answer(here)) == []


def test_both_gates_judge_alike_on_lists_and_masks(here):
    tried(here, share=1.0)
    view = here.engine.live.view()
    gates = (view.gate, view.trial.view.gate, view.canary.gate)
    every = np.arange(N_ITEMS, dtype=np.int32)
    for viewer in (ADULT, Viewer("home", "DE", 30), Viewer("minor", None, 9), Viewer("feed", None, None)):
        a, b, both = (gate.check(viewer, every) for gate in gates)
        assert both.codes.tolist() == np.maximum(a.codes, b.codes).tolist()
        assert gates[2].mask(viewer).tolist() == both.allowed.tolist()
        assert not (gates[2].cleared(viewer) & ~(gates[0].cleared(viewer) & gates[1].cleared(viewer))).any()
        assert gates[2].vouched(viewer).tolist() == (gates[0].vouched(viewer) & gates[1].vouched(viewer)).tolist()
        assert [one.verdict for one in both.findings] == both.verdict


def test_what_is_promoted_is_no_trial_any_more(here):
    tried(here)
    step = at(here).promote(**WHY)[0]
    assert step.action == "propose"  # it is milder to blue works
    at(here).approve(step.step, "kim")
    view = here.engine.live.view()
    assert (view.trial, view.policy_id[:9]) == (None, "t@turned+")


def test_an_aborted_trial_has_no_effect_any_more(here):
    tried(here, share=1.0)
    assert items(answer(here)) == []
    here.control.stop_policy_trial("kim", "too strict")
    assert len(items(answer(here))) == 20
    with pytest.raises(ConfigError, match="on trial"):
        here.control.stop_policy_trial("kim", "again")


def test_a_trial_that_does_not_fit_the_policy_in_force_any_more_is_none(here, bundle):
    tried(here, local("DE", "[surfaces]\nsearch = { strict = true, show_limited = false, unlabelled = 'hold', "
                      "unknown_label = 'hold', unknown_age = 3 }\n"))  # fmt: skip
    assert here.engine.live.view().trial is not None
    other = LIVE.replace(
        'search = { strict = false, unlabelled = "allow", show_limited = true, unknown_age = 16 }\n', ""
    )
    step = at(here).publish(other, signed(other), **WHY)[0]
    if step.action == "propose":
        at(here).approve(step.step, "kim")
    assert here.engine.live.view().trial is None
    assert len(items(answer(here))) == 20


def test_a_trial_needs_a_share_and_something_to_try(here):
    with pytest.raises(ConfigError, match="share"):
        tried(here, share=0.0)
    with pytest.raises(ConfigError, match="in force already"):
        tried(here, LIVE)
