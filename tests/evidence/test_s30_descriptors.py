"""S30: an audiovisual item without content descriptors counts as restricted: for adults, and on no strict surface."""

from pathlib import Path

from recsys.safety import load_policy, packs
from recsys.types import Viewer
from support.evidence import proves
from support.gates import gate
from support.inside import inside
from support.mutations import without_rule

KINDS = ("film", "movie", "series", "episode", "video", "tv")
RATED = {"labels": ["general"], "ratings": ["FSK:6", "MPA:G"]}
RULE = without_rule("audiovisual-without-descriptors")


@proves("S30", mutation="the rule on descriptors is gone", by=RULE)
def test_s30_lists_have_what_nobody_described_for_adults_only_and_on_no_strict_surface(tmp_path: Path) -> None:
    with inside(tmp_path, policy="films") as api:
        films = {"described": ["fear"], "empty": [], "silent": None}
        works = [{**RATED, "item_id": f, "title": f, "media_type": "film", "descriptors": d} for f, d in films.items()]
        api.done("PUT", "/v1/items", {"items": works})

        def shown(surface: str, age: int | None) -> set[str]:
            return films.keys() & set(api.ids(k=60, surface=surface, age=age, territory="DE"))

        asked = {"adult": ("feed", 30), "teenager": ("feed", 17), "unknown": ("feed", None), "home": ("home", 30)}
        found = {name: shown(*ask) for name, ask in asked.items()}
    told = {name: {"described"} for name in asked}
    assert found == told | {"adult": set(films)}


@proves("S30", mutation="the rule on descriptors is gone", by=RULE)
def test_s30_every_pack_for_labelled_works_restricts_every_audiovisual_kind() -> None:
    for name in set(packs()) - {"open", "demo"}:
        rows = [{**RATED, "media_type": kind} for kind in KINDS]
        over = gate(load_policy(name), *rows, *[row | {"descriptors": ["none"]} for row in rows])
        restricted = [over.labels(index) == ["general", "restricted"] for index in range(2 * len(KINDS))]
        assert restricted == [True] * len(KINDS) + [False] * len(KINDS)
        assert over.mask(Viewer("feed", "DE", 17)).tolist() == [False] * len(KINDS) + [True] * len(KINDS)
        assert over.mask(Viewer("feed", "DE", 30)).all()
