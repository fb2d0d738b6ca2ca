"""Packs are signed, compared, published by one person or two, and rolled back."""

import pytest

from recsys.errors import ConfigError
from recsys.safety.signing import make_key, public_key, sign
from recsys.types import Viewer
from serving.current import Live
from serving.settings import Settings
from serving.stores.control import ControlStore
from serving.stores.reviews import ConflictError
from support.data import AT
from support.policies import KEY, desk, local, signed, text, view_of
from support.serve import make_bundle

WHY = {"actor": "sam", "reason": "a new rule"}
RED = '\n[labels.red]\nverdict = "{}"\n[[rules]]\nid = "red"\nfield = "genres"\nany_of = ["red"]\nlabels = ["red"]\n'
STRICT, MILD = text(RED.format("block"), "2"), text(RED.format("allow"), "3")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    recipes = [{"recipe": "popular", "half_life_days": 30.0}]
    return make_bundle(tmp_path_factory.mktemp("bundle") / "b", recipes=recipes)


@pytest.fixture
def control(tmp_path):
    store = ControlStore.open(tmp_path / "control.db", lambda: AT)
    yield store
    store.close()


@pytest.fixture
def at(control, bundle):
    """A desk as it is now."""
    return lambda: desk(control, view_of(bundle, control))


def publish(at, pack, **who):
    return at().publish(pack, signed(pack), **{**WHY, **who})[0]


def in_force(control):
    return dict(control.policy_standing().in_force)


def test_an_unsigned_pack_and_a_bad_signature_are_refused(at, control):
    other = sign(STRICT.encode(), make_key())
    for signature, said in (("", "not signed"), (signed(MILD), "trusted key"), (other, "trusted"), ("?", "trusted")):
        with pytest.raises(ConfigError, match=said):
            at().publish(STRICT, signature, **WHY)
    assert (control.policy_packs(), control.policy_steps()) == ([], [])


def test_unsigned_packs_are_for_development_only(control):
    open_desk = desk(control, policy_unsigned=True)
    assert open_desk.verified(STRICT, "").key_id == ""
    with pytest.raises(ConfigError, match="development"):
        Settings(policy_unsigned=True, production=True)


def test_a_key_of_the_settings_is_trusted_and_a_revoked_one_is_not(control, at):
    key = make_key()
    signature = sign(STRICT.encode(), key)
    assert desk(control, policy_keys=[public_key(key)]).verified(STRICT, signature).signature == signature
    (known,) = [one for one in control.policy_keys() if one.public_key == public_key(KEY)]
    control.revoke_policy_key(known.id, "ops", "lost")
    with pytest.raises(ConfigError, match="revoked"):
        control.trust_policy_key("again", public_key(KEY), "ops")


def test_a_pack_that_only_tightens_is_in_force_at_once(at, control):
    first = publish(at, MILD)  # milder than the shipped pack: nothing was held by genre there, but labels were unknown
    if first.action == "propose":
        control.approve_policy(first.step, "kim")
    assert publish(at, STRICT).action == "publish"
    assert control.policy_pack(in_force(control)[""]).text == STRICT


def test_a_pack_that_loosens_needs_a_second_person(at, control):
    agreed(at, STRICT)
    step = publish(at, MILD)
    assert step.action == "propose"
    assert any("20 works" in why for why in step.loosens)
    assert control.policy_pack(in_force(control)[""]).text == STRICT
    with pytest.raises(ConfigError, match="second person"):
        at().approve(step.step, "sam")
    at().approve(step.step, "kim")
    assert control.policy_pack(in_force(control)[""]).text == MILD
    with pytest.raises(ConfigError, match="No proposal"):
        at().approve(step.step, "kim")


def agreed(at, pack):
    step = publish(at, pack)
    return at().approve(step.step, "kim") if step.action == "propose" else step


def test_a_proposal_is_void_once_something_else_is_in_force(at, control):
    agreed(at, STRICT)
    waiting = publish(at, MILD)
    assert publish(at, text(RED.format("block") + '[labels.gore]\nverdict = "block"\n', "4")).action == "publish"
    with pytest.raises(ConflictError):
        at().approve(waiting.step, "kim")


def test_what_was_compared_with_another_policy_is_not_published(at, control):
    agreed(at, MILD)
    old = at()
    since = control.policy_standing().since
    agreed(at, STRICT)
    with pytest.raises(ConflictError):
        control.propose_policy(old.verified(MILD, signed(MILD)), "", (), since, **WHY)


def test_a_rollback_goes_by_the_same_rule(at, control):
    agreed(at, STRICT), agreed(at, MILD)
    assert at().rollback("", **WHY)[0].action == "publish"  # back to the stricter one
    assert control.policy_pack(in_force(control)[""]).text == STRICT
    assert at().rollback("", **WHY)[0].action == "propose"
    assert [step.number for step in control.policy_steps() if step.action == "publish"] == [1, 2, 1]


def test_a_milder_label_that_no_work_has_yet_needs_a_second_person_too(at, control):
    agreed(at, text('\n[labels.gore]\nverdict = "block"\n', "4"))
    step = publish(at, text('\n[labels.gore]\nverdict = "label"\n', "5"))
    assert step.action == "propose"
    assert any("may come" in why for why in step.loosens)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("home = { strict = true, max_per_creator = 2 }", "home = { strict = true, max_per_creator = 3 }"),
        ('[minors.curfew]\nstarts = "22:00"\nends = "06:00"', '[minors.curfew]\nstarts = "23:00"\nends = "06:00"'),
        ("confirm_within = 60", "confirm_within = 90"),
    ],
)
def test_what_no_verdict_shows_may_loosen_too(at, control, before, after):
    def made(line, version):
        if line.startswith("home"):
            return text(version=version).replace("home = { strict = true }", line)
        if line.startswith("confirm"):
            return text(version=version).replace("[surfaces]", f"{line}\n[surfaces]")
        return text(f'\n[minors]\nzones = {{ CN = ["Asia/Shanghai"] }}\n{line}\n', version)

    agreed(at, made(before, "6"))
    assert publish(at, made(after, "7")).loosens
    assert not at().diff(made(before, "6")).loosens


def test_a_published_pack_judges_from_the_next_request_on(at, control, bundle):
    live = Live(bundle, control, lambda: AT, policy="open")
    feed = Viewer("feed", "DE", 30)
    assert live.view().gate.mask(feed).all()
    agreed(at, STRICT)
    mask = live.view().gate.mask(feed)
    assert mask.tolist() == [False, True] * 20
    assert live.view().policy_id.startswith("t@2+")
    assert Live(bundle, control, lambda: AT, policy="open").view().policy_id == live.view().policy_id
    agreed(at, MILD)
    assert live.view().gate.mask(feed).all()


def test_a_local_pack_judges_its_territory_alone(at, control, bundle):
    agreed(at, MILD)
    agreed(at, local("DE", '[labels.red]\nverdict = "block"\n'))
    gate = view_of(bundle, control).gate
    assert not gate.mask(Viewer("feed", "DE", 30))[0::2].any()
    assert gate.mask(Viewer("feed", "FR", 30)).all()
    assert in_force(control).keys() == {"", "DE"}
    step = at().rollback("DE", **WHY)[0]
    at().approve(step.step, "kim")
    assert in_force(control).keys() == {""}
    assert view_of(bundle, control).gate.mask(Viewer("feed", "DE", 30)).all()


def test_a_local_pack_that_does_not_fit_is_refused_by_name(at, control):
    agreed(at, MILD)
    for pack, said in (
        (local("north"), "neither a territory"),
        (local("DE", "[surfaces]\nbillboard = { strict = true }\n"), "billboard"),
        (local("DE", "[surfaces.home]\nstrict = false\nshow = 1\n"), "line 6: surfaces.home.show"),
    ):
        with pytest.raises(ConfigError, match=said):
            at().publish(pack, signed(pack), **WHY)


def test_a_text_that_was_altered_in_the_store_is_not_obeyed(at, control, bundle):
    agreed(at, STRICT)
    with control._db.write("mallory") as write:
        from serving.stores.tables import policy_packs

        write.execute(policy_packs.update(), {"text": MILD})
    with pytest.raises(Exception, match="altered"):
        view_of(bundle, control)


def test_everything_is_in_the_audit(at, control):
    agreed(at, STRICT)
    step = publish(at, MILD)
    control.decline_policy(step.step, "kim", "not now")
    actions = [entry.action for entry in control.audit(0)]
    assert actions[0] == "policy.key.trust"
    assert actions[-3:] == ["policy.add", "policy.propose", "policy.decline"]
    assert {"policy.publish", "policy.propose"} <= set(actions)


def test_the_difference_names_surfaces_audiences_examples_and_providers(at):
    agreed(at, MILD)
    found = at().diff(STRICT)
    feed = next(one for one in found.surfaces if one.surface == "feed")
    assert (feed.changed, feed.gained, feed.lost) == (20, 0, 20)
    assert found.providers == {"unknown": (0, 20)}
    assert not found.loosens
    assert (feed.examples[0].before, feed.examples[0].reason) == ("allow", "label:red")
    assert any(one.ages == "18+" and one.lost == 20 for one in feed.audiences)
