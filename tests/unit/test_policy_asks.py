"""What packs ask of lists, as a comparison of two of them tells it."""

import pytest

from recsys.clock import fixed_clock
from recsys.dataset.catalogue import Catalogue
from recsys.safety.difference import difference
from recsys.safety.load import PACKS, parse_policy
from support.inside import inside

OPEN = (PACKS / "open.toml").read_text(encoding="utf-8")
QUOTA = '[quotas.at]\nfield = "origin"\nvalues = ["AT"]\nshare = 0.3\n'


def asks(before, after):
    old, new = (parse_policy(f"{OPEN}\n{more}") for more in (before, after))
    found = difference(Catalogue.from_records([]), {}, old, new, fixed_clock(0.0))
    assert found.loosens == found.surfaces == ()
    return found.asks


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("", "", ()),
        ("[cold_start]\ndaily = 5\n", "[cold_start]\ndaily = 7\n", ("cold_start.daily: 5 > 7",)),
        (QUOTA, QUOTA.replace("0.3", "0.4"), ("quotas.at.share: 0.3 > 0.4",)),
    ],
)
def test_each_key_that_is_another_one_is_told_with_both_values(before, after, told):
    assert asks(before, after) == told


def test_what_is_new_and_what_goes_is_told():
    assert "quotas.at.field: none > origin" in asks("", QUOTA)
    assert "cold_start.daily: 10000 > none" in asks("[cold_start]\n", "")


def test_it_is_told_over_http(tmp_path):
    with inside(tmp_path) as api:
        found = api.done("POST", "/v1/policies/diff", {"pack": f"{OPEN}\n[cold_start]\n"})
    assert "cold_start.rate: none > 0.02" in found["asks"]
