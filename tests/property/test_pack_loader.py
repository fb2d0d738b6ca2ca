"""Whatever stands in a pack, the loader gives a policy that a gate can use, or says what is wrong."""

import re

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys.clock import fixed_clock
from recsys.dataset.catalogue import Catalogue
from recsys.errors import ConfigError
from recsys.safety import Gate, Policy, packs, parse_policy
from recsys.safety.load import PACKS
from recsys.types import Viewer

LINES = sorted({line for name in packs() for line in (PACKS / f"{name}.toml").read_text(encoding="utf-8").splitlines()})
JUNK = st.sampled_from(
    [
        "-1",
        "1e400",
        "nan",
        "true",
        '""',
        "[]",
        "{}",
        "[[]]",
        '"\\u0000"',
        "1979-05-27",
        "22:00:00",
        '["x"]',
        "{ a = 1 }",
        '"list:"',
        '["list:none"]',
        "99999999999999999999",
        '{ DE = ["Europe/Berlin"] }',
        '{ DE = ["../../etc/passwd"] }',
        '{ starts = "22:00", ends = "06:00" }',
        "{ labels = [] }",
        "{ feed = { strict = false } }",
        '"takedown"',
        '"limit"',
    ]
)
KEYS = st.sampled_from(
    [
        "name",
        "version",
        "age_bands",
        "confirm_within",
        "rated_media",
        "foreign_ratings",
        "topic",
        "surfaces",
        "labels",
        "lists",
        "rules",
        "minors",
        "regions",
        "territories",
        "surfaces.feed",
        "labels.x",
        "territories.DE.surfaces",
        "territories.DE.labels",
        "territories.DE.minors",
        "minors.zones",
        "minors.curfew",
        "labels.x.bands",
        "regions.north",
        "territories.north.surfaces",
        "lists.x",
        "labels.error",
        "strict",
        "verdict",
        "field",
        "any_of",
        "unless",
        "\x00",
    ]
)
HEAD = 'name = "p"\nversion = "1"\n'


@st.composite
def texts(draw: st.DrawFn) -> str:
    """Lines of real packs in any order, with keys that hold something else."""
    lines = draw(st.lists(st.sampled_from(LINES) | st.builds("{} = {}".format, KEYS, JUNK), max_size=12))
    return draw(st.sampled_from(["", HEAD])) + "\n".join(lines)


def read(text: str) -> Policy | str:
    """The policy, or why it is none."""
    try:
        return parse_policy(text, where="given")
    except ConfigError as error:
        return str(error)


def assert_usable(policy: Policy) -> None:
    catalogue = Catalogue.from_records([{"item_id": "a", "labels": ["x"], "media_type": "film", "ratings": ["FSK:6"]}])
    gate = Gate.compile(catalogue, policy, fixed_clock(0.0))
    for surface in (*policy.surfaces, "nowhere"):
        for place in (None, "DE", "FR"):
            viewer = Viewer(surface, place, 10)
            assert gate.mask(viewer).tolist() == gate.check(viewer, np.array([0], np.int32)).allowed.tolist()
            gate.signals(viewer)
            gate.limits(viewer)


@settings(max_examples=300)
@given(texts() | st.text(max_size=200))
def test_a_pack_is_read_or_refused_with_a_reason(text):
    found = read(text)
    if isinstance(found, str):
        assert re.match(r"given(, line \d+)?(:| is no TOML) ?\S", found)
    else:
        assert_usable(found)


def test_the_fuzz_reaches_packs_that_can_be_used():
    text = HEAD + "[surfaces.feed]\nstrict = false\n[territories.DE.surfaces]\nfeed = { strict = true }\n"
    assert_usable(parse_policy(text))
