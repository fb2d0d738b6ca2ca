"""Published policies in the control store, on SQLite and on PostgreSQL."""

import threading

import pytest

from recsys.errors import ConfigError, StoreError
from recsys.safety.signing import make_key, public_key
from serving.stores.control import ControlStore
from serving.stores.policies import PackText
from serving.stores.records import ConflictError
from serving.stores.tables import policy_packs
from support.stores import clock, control, location
from support.waiting import until

__all__ = ["clock", "control", "location"]

WHY = {"actor": "sam", "reason": "why"}


def pack(version, scope=""):
    return PackText(scope, f"p@{version}", f'name = "p"\nversion = "{version}"\n', "sig", "key")


def publish(control, version, scope="", loosens=(), **who):
    since = control.policy_standing().since
    return control.propose_policy(pack(version, scope), scope, loosens, since, **{**WHY, **who})


def test_versions_are_only_added_and_the_newest_step_of_a_scope_counts(control):
    publish(control, 1)
    publish(control, 2)
    publish(control, 7, "DE")
    control.propose_policy(control.policy_pack(1), "", (), control.policy_standing().since, **WHY)
    assert control.policy_standing().in_force == {"": 1, "DE": 3}
    assert [(one.number, one.cite) for one in control.policy_packs()] == [(1, "p@1"), (2, "p@2"), (3, "p@7")]
    control.propose_policy(None, "DE", (), control.policy_standing().since, **WHY)
    assert control.policy_standing().in_force == {"": 1}


def test_each_step_that_changes_what_judges_is_in_the_change_log(control):
    before = control.sequence()
    waiting = publish(control, 1, loosens=("milder",))
    assert [change.kind for change in control.changes(before)] == []
    control.approve_policy(waiting.step, "kim")
    control.try_policy(pack(2), share=None, **WHY)
    control.stop_policy_trial(**WHY)
    assert [(c.kind, c.payload["action"]) for c in control.changes(before)] == [
        ("policy", "publish"),
        ("policy", "shadow"),
        ("policy", "stop"),
    ]


def test_another_process_hears_of_a_policy_at_once(control, location, clock):
    other = ControlStore.open(location, clock)
    seen = other.sequence()
    publish(control, 1)
    until(lambda: other.sequence() > seen)
    assert [change.kind for change in other.changes(seen)] == ["policy"]
    assert other.policy_standing().in_force == {"": 1}
    other.close()


def test_of_two_who_approve_at_once_one_does(control):
    waiting = publish(control, 1, loosens=("milder",))
    said = []

    def approve(name):
        try:
            said.append(control.approve_policy(waiting.step, name).actor)
        except ConfigError:
            said.append(None)

    threads = [threading.Thread(target=approve, args=(name,)) for name in ("kim", "lee")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len([name for name in said if name]) == 1
    assert len([step for step in control.policy_steps() if step.action == "publish"]) == 1


def test_the_same_person_twice_is_not_two(control):
    waiting = publish(control, 1, loosens=("milder",))
    for name in ("sam", ""):
        with pytest.raises(ConfigError, match="second person"):
            control.approve_policy(waiting.step, name)
    assert control.policy_standing().in_force == {}


def test_what_was_compared_with_an_older_policy_is_refused(control):
    since = control.policy_standing().since
    waiting = publish(control, 1, loosens=("milder",))
    publish(control, 2)
    with pytest.raises(ConflictError):
        control.propose_policy(pack(3), "", (), since, **WHY)
    with pytest.raises(ConflictError):
        control.approve_policy(waiting.step, "kim")
    control.decline_policy(waiting.step, "kim", "too late")
    assert control.policy_standing().proposals == ()


def test_counts_of_a_trial_add_up_over_workers(control, location, clock):
    step = control.try_policy(pack(1), share=0.1, **WHY).step
    other = ControlStore.open(location, clock)
    key = ("feed", "hate", "allow > hold")
    for store in (control, other, control):
        store.count_policy_trial(step, {key: 2, ("feed", "", ""): 10})
    assert control.policy_trial_counts(step) == {key: 6, ("feed", "", ""): 30}
    other.close()


def test_a_revoked_key_is_never_trusted_again(control):
    public = public_key(make_key())
    key = control.trust_policy_key("desk", public, "ops")
    assert control.trust_policy_key("desk", public, "ops") == key
    control.revoke_policy_key(key.id, "ops", "lost")
    with pytest.raises(ConfigError, match="revoked"):
        control.trust_policy_key("desk", public, "ops")
    with pytest.raises(ConfigError, match="no public key|No trusted key"):
        control.revoke_policy_key(key.id, "ops", "again")
    with pytest.raises(ConfigError, match="no public key"):
        control.trust_policy_key("desk", "abc", "ops")


def test_an_altered_text_is_not_given_out(control):
    publish(control, 1)
    with control._db.write("mallory") as write:
        write.execute(policy_packs.update(), {"text": "name = 'q'"})
    with pytest.raises(StoreError, match="altered"):
        control.policy_pack(1)
