"""S30: an audiovisual item without content descriptors counts as restricted."""

import pytest

from recsys.safety import load_policy
from recsys.safety.marks import Reader
from recsys.types import Viewer
from support.evidence import proves
from support.gates import gate


def _no_rules(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Reader, "_hit", lambda reader, at, rule, row: None)


@proves("S30", mutation="rules on fields are not asked", by=_no_rules)
def test_s30_a_film_that_nobody_described_is_for_adults() -> None:
    film = {"media_type": "film", "labels": ["general"], "ratings": ["FSK:6", "MPA:G"]}
    rows = [
        film | {"descriptors": ["fear"]},
        film | {"descriptors": []},
        film,
        {"media_type": "book", "labels": ["general"]},
    ]
    for name in ("films", "strict"):
        over = gate(load_policy(name), *rows)
        assert over.mask(Viewer("feed", "DE", 16)).tolist() == [True, False, False, True]
        assert over.mask(Viewer("feed", "DE", 30)).tolist() == [True, True, True, True]
        assert over.labels(2) == ["general", "restricted"]
