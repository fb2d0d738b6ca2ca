"""`recsys policy` from the key to the rollback, and the same over HTTP."""

import json

import pytest

from recsys.errors import ConfigError
from recsys.safety.signing import public_key
from support.command_line import nowhere, over_a_bundle, published, recsys
from support.inside import inside
from support.policies import KEY, signed, text

__all__ = ["nowhere", "over_a_bundle", "published", "recsys"]

RED = '\n[labels.red]\nverdict = "{}"\n[[rules]]\nid = "red"\nfield = "genres"\nany_of = ["red"]\nlabels = ["red"]\n'
STRICT, MILD = text(RED.format("block"), "2"), text(RED.format("allow"), "3")
WHY = ("--actor", "sam", "--reason", "a new rule")


@pytest.mark.usefixtures("over_a_bundle")
def test_a_pack_on_its_way_from_a_key_to_a_rollback(recsys, tmp_path):
    for name, pack in (("strict.toml", STRICT), ("mild.toml", MILD)):
        (tmp_path / name).write_text(pack)
    public = recsys("policy", "keys", "make", "key.pem").strip()
    assert (tmp_path / "key.pem").stat().st_mode & 0o777 == 0o600
    assert "not there yet" in recsys("policy", "keys", "make", "key.pem", fails=ConfigError)
    recsys("policy", "sign", "strict.toml", "--key", "key.pem")
    assert "trusted" in recsys("policy", "publish", "strict.toml", *WHY, fails=ConfigError)
    recsys("policy", "keys", "trust", "desk", public, "--actor", "ops")
    (key,) = json.loads(recsys("policy", "keys", "list", "--json"))
    assert key["public_key"] == public
    assert "is fine" in recsys("policy", "check", "strict.toml")
    assert "feed" in recsys("policy", "diff", "strict.toml")

    step = json.loads(recsys("policy", "publish", "strict.toml", *WHY, "--json"))
    if step["action"] == "propose":
        recsys("policy", "approve", step["step"], "--actor", "kim")
    assert "not signed" in recsys("policy", "publish", "mild.toml", *WHY, fails=ConfigError)
    recsys("policy", "sign", "mild.toml", "--key", "key.pem")
    assert "shadow" in recsys("policy", "shadow", "start", "mild.toml", *WHY)
    assert json.loads(recsys("policy", "shadow", "report", "--json"))["mode"] == "shadow"
    assert "second person" in recsys("policy", "promote", *WHY)
    (waiting,) = [one for one in json.loads(recsys("policy", "list", "--json"))["open"] if one["action"] == "propose"]
    recsys("policy", "approve", waiting["step"], "--actor", "kim")
    assert [pack["in_force"] for pack in json.loads(recsys("policy", "list", "--json"))["packs"]] == [False, True]
    assert "in force" in recsys("policy", "rollback", *WHY)
    assert [pack["in_force"] for pack in json.loads(recsys("policy", "list", "--json"))["packs"]] == [True, False]
    recsys("policy", "keys", "revoke", key["id"], *WHY)
    assert "trusted" in recsys("policy", "rollback", *WHY, fails=ConfigError)


def test_a_pack_on_its_way_over_http(tmp_path):
    with inside(tmp_path) as api:
        api.runtime.control.trust_policy_key("tests", public_key(KEY), "ops")
        assert "rules" in api.refused(400, "POST", "/v1/policies/check", {"pack": text("[[rules]]\n")})
        assert api.done("POST", "/v1/policies/check", {"pack": STRICT})["scope"] == "base"
        api.refused(403, "POST", "/v1/policies/check", {"pack": STRICT}, role="editor")
        assert any(item == "i02" for item in api.ids())
        found = api.done("POST", "/v1/policies/diff", {"pack": STRICT})
        assert any(one["surface"] == "feed" and one["lost"] >= 20 for one in found["surfaces"])

        step = api.done("POST", "/v1/policies", {"pack": STRICT, "signature": signed(STRICT), "reason": "law"})
        if step["action"] == "propose":
            assert "second person" in api.refused(400, "POST", f"/v1/policies/{step['step']}/approval")
            api.done("POST", f"/v1/policies/{step['step']}/approval", role="safety2")
        assert all(int(item[1:]) % 2 for item in api.ids())

        body = {"pack": MILD, "signature": signed(MILD), "reason": "try", "mode": "canary", "share": 1.0}
        api.done("POST", "/v1/policies/trial", body)
        assert all(int(item[1:]) % 2 for item in api.ids())
        report = api.done("GET", "/v1/policies/trial")
        assert {"surface": "feed", "label": "red", "verdicts": "block > allow", "count": 20} in report["differing"]
        step = api.done("POST", "/v1/policies/trial/promotion", {"reason": "fine"})
        api.done("POST", f"/v1/policies/{step['step']}/refusal", {"reason": "not yet"})
        api.done("POST", "/v1/policies/trial/end", {"reason": "seen enough"})
        assert "on trial" in api.refused(404, "GET", "/v1/policies/trial")
        listed = api.done("GET", "/v1/policies")
        assert [(pack["scope"], pack["in_force"]) for pack in listed["packs"]] == [("base", True), ("base", False)]
        assert listed["policy"].startswith("t@2+")
        assert api.done("GET", "/v1/policies/keys")[0]["trusted"]
