"""Prominence quotas of the policy in force: in every list, also of works that came after the bundle."""

import hashlib
import json

import pytest

from recsys.errors import ConfigError
from recsys.overrides import Kept
from recsys.safety import load_policy
from recsys.safety.load import PACKS
from recsys.types import Viewer
from serving.asks import Ask
from support.inside import inside
from support.serve import make_bundle, stand

ADULT = Viewer("feed", "DE", 30)
SESSION = ("i01", "i03", "i05")  # whoever has these gets blue works alone
QUOTA = """
[quotas.red-works]
field = "genres"
values = ["Red"]
share = 0.3
surfaces = ["feed"]
territories = ["DE"]
"""


def pack(tmp_path, quota=QUOTA):
    file = tmp_path / "own.toml"
    file.write_text((PACKS / "open.toml").read_text(encoding="utf-8") + quota, encoding="utf-8")
    return str(file)


def asked(here, viewer=ADULT, **more):
    return here.engine.recommend([Ask(viewer, 10, session=SESSION, **more)])[0]


def test_a_list_holds_the_share_that_the_policy_in_force_asks_for(tmp_path):
    here = stand(tmp_path, make_bundle(tmp_path / "b"), policy=pack(tmp_path))
    answer = asked(here)
    red = [name for name in here.bundle.catalogue.ids.external(answer.slate.items) if int(name[1:]) % 2 == 0]
    assert len(red) == 3
    assert answer.slate.overrides.count("red-works") == 3
    assert answer.placed.quotas == (Kept("red-works", 3, 3),)


@pytest.mark.parametrize("viewer", [Viewer("search", "DE", 30), Viewer("feed", "FR", 30)])
def test_elsewhere_it_does_not_hold(tmp_path, viewer):
    here = stand(tmp_path, make_bundle(tmp_path / "b"), policy=pack(tmp_path))
    assert "red-works" not in asked(here, viewer).slate.overrides


def test_works_that_came_or_changed_after_the_bundle_count(tmp_path):
    quota = QUOTA.replace('"genres"', '"origin"').replace('"Red"', '"AT"')
    here = stand(tmp_path, make_bundle(tmp_path / "b"), policy=pack(tmp_path, quota))
    assert asked(here).degraded == ("quota_unmet:red-works",)
    here.control.upsert_items([{"item_id": "new", "title": "New", "origin": "at"}], "tests")
    here.control.upsert_items([{"item_id": "i07", "title": "Blue 7", "origin": "AT"}], "tests")
    here.control.upsert_items([{"item_id": "i09", "title": "Blue 9", "origin": "AT"}], "tests")
    answer = asked(here)
    view = here.engine.live.view()
    assert {"new", "i07", "i09"} <= set(view.ids.external(answer.slate.items))
    assert answer.placed.quotas == (Kept("red-works", 3, 3),)
    here.control.upsert_items([{"item_id": "i07", "title": "Blue 7", "origin": "FR"}], "tests")
    assert asked(here).placed.quotas == (Kept("red-works", 3, 2, "pool"),)


def test_a_pack_that_asks_nothing_of_lists_is_cited_as_before_it_could():
    pack = load_policy("open")
    later = ("quotas", "cold_start", "traffic")
    said = {name: value for name, value in pack.model_dump(mode="json").items() if name not in later}
    assert pack.digest == hashlib.sha256(json.dumps(said, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


@pytest.mark.parametrize(
    ("right", "wrong", "says"),
    [
        ("share = 0.3", "share = 1.3", "quotas.red-works.share"),
        ('["DE"]', '["Germany"]', "no territory"),
        ('["feed"]', '["fed"]', "no surface 'fed'"),
        ('["Red"]', "[]", "quotas.red-works.values"),
    ],
)
def test_a_quota_that_cannot_be_is_named(tmp_path, right, wrong, says):
    with pytest.raises(ConfigError, match=says):
        load_policy(pack(tmp_path, QUOTA.replace(right, wrong)))


def test_what_came_of_quotas_is_counted_by_hour_and_reported(tmp_path):
    short = QUOTA.replace("red-works", "rare").replace('"Red"', '"Green"')
    with inside(tmp_path, policy=pack(tmp_path, QUOTA + short)) as api:
        for k in (10, 5):
            api.ids(k=k, territory="DE", session=list(SESSION))
        api.ids(k=10, territory="FR")
        api.runtime.lists.tell()
        rare, red = api.done("GET", "/v1/exposure", role="editor")["quotas"]
    hour = "2023-11-14T22:00:00+00:00"
    assert red == {
        "quota": "red-works",
        "lists": 2,
        "wanted": 3 + 2,
        "got": 3 + 2,
        "missing": 0,
        "unmet": 0,
        "why": [],
        "by_hour": [{"hour": hour, "lists": 2, "wanted": 5, "got": 5, "missing": 0}],
    }
    assert (rare["wanted"], rare["got"], rare["missing"], rare["unmet"]) == (5, 0, 5, 2)
    assert rare["why"] == [{"reason": "pool", "missing": 5, "lists": 2}]
