"""What packs say beyond labels and surfaces: scores, territories, exceptions, ratings, parts, minors."""

from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import pytest

from recsys.dataset.catalogue import Catalogue
from recsys.errors import ConfigError
from recsys.safety import Effective, Response, load_policy, packs, parse_policy
from recsys.types import Viewer
from support.gates import NOW, PACK, found, gate, pack, said

ADULT = Viewer("feed", "DE", 30)


def effective(label, score=None, territory=None, source="model", expires=None):
    return {"i0": (Effective(label, score, territory, source, expires),)}


def mistakes(more):
    with pytest.raises(ConfigError) as caught:
        parse_policy(PACK + more, where="p.toml")
    return str(caught.value).splitlines()


# scores

SCORED = """
[labels.gore]
verdict = "block"

[[labels.gore.bands]]
at_least = 0.0
verdict = "allow"

[[labels.gore.bands]]
at_least = 0.5
verdict = "interstitial"
min_age = 16
"""


@pytest.mark.parametrize(
    ("score", "verdict"),
    [(0.0, "allow"), (0.49, "allow"), (0.5, "interstitial"), (1.0, "interstitial"), (None, "block")],
)
def test_a_label_means_what_the_band_of_its_score_says_and_itself_without_a_score(score, verdict):
    assert said(gate(pack(SCORED), {}, labels=effective("gore", score)), ADULT)[0] == verdict


def test_the_minimum_age_of_a_band_holds_in_that_band_only():
    assert said(gate(pack(SCORED), {}, labels=effective("gore", 0.5)), Viewer("feed", "DE", 15)) == ("block", "age")
    assert said(gate(pack(SCORED), {}, labels=effective("gore", 0.4)), Viewer("search", "DE", 30))[0] == "allow"


@pytest.mark.parametrize("score", [-0.1, 1.1, float("nan")])
def test_a_score_that_is_none_holds_its_item_as_an_error(score):
    assert said(gate(pack(SCORED), {}, labels=effective("gore", score)), ADULT) == ("hold", "error")


def test_bands_that_leave_a_score_open_are_a_mistake():
    (line,) = mistakes('\n[labels.gore]\nverdict = "allow"\nbands = [{ at_least = 0.5, verdict = "hold" }]\n')
    assert line == (
        "p.toml, line 18: labels.gore.bands: bands rise from at_least = 0, so that every score lies in one."
    )


# what holds of an item beside its record


def test_a_label_ends_when_it_expires():
    moment = [NOW]
    over = gate(pack(SCORED), {}, labels=effective("gore", expires=NOW + 1), clock=lambda: moment[-1])
    assert said(over, ADULT) == ("block", "label:gore")
    moment.append(NOW + 1)
    assert said(over, ADULT) == ("allow", "")


def test_a_label_of_one_territory_holds_there_and_where_the_territory_is_unknown():
    over = gate(pack(SCORED), {}, labels=effective("gore", territory="DE"))
    assert [said(over, Viewer("feed", place, 30))[0] for place in ("DE", "FR", None)] == ["block", "allow", "block"]


def test_a_label_of_one_territory_clears_nobody_whose_territory_is_unknown():
    over = gate(pack(), {}, labels=effective("general", territory="DE"))
    assert said(over, Viewer("home", "DE", 30)) == ("allow", "")
    assert said(over, Viewer("home", None, 30)) == ("hold", "unlabelled")


def test_what_a_rule_makes_of_a_label_of_one_territory_clears_nobody_whose_territory_is_unknown():
    rule = '\n[[rules]]\nfield = "labels"\nany_of = ["reviewed"]\nlabels = ["general"]\n'
    over = gate(
        pack('reviewed = { verdict = "allow", clears = false }\n' + rule),
        {},
        labels=effective("reviewed", territory="DE"),
    )
    assert [said(over, Viewer("home", place, 30))[0] for place in ("DE", "FR", None)] == ["allow", "hold", "hold"]


def test_a_rule_may_make_an_exception_for_any_label_but_its_own():
    rule = '\n[[rules]]\nfield = "tags"\nany_of = ["x"]\nunless = { labels = [] }\nlabels = ["bare"]\n'
    over = gate(pack('bare = { verdict = "hold" }\n' + rule), {"tags": ["x"]}, {"tags": ["x"], "labels": ["general"]})
    assert [said(over, ADULT, at)[0] for at in (0, 1)] == ["hold", "allow"]


EXCEPTED = {
    "unless": 'unless = { labels = ["ai"] }',
    "none_of": 'none_of = ["ai"]',
}


@pytest.mark.parametrize("key", ["unless", "none_of"])
def test_a_label_of_one_territory_keeps_a_rule_from_applying_there_and_not_where_the_territory_is_unknown(key):
    rule = f'\n[[rules]]\nfield = "labels"\nany_of = ["synthetic"]\nlabels = ["bare"]\n{EXCEPTED[key]}\n'
    labels = 'ai = { verdict = "allow" }\nsynthetic = { verdict = "allow" }\nbare = { verdict = "hold" }\n'
    over = gate(
        pack(labels + rule), {}, labels={"i0": (*effective("synthetic")["i0"], *effective("ai", territory="DE")["i0"])}
    )
    found = {place: said(over, Viewer("feed", place, 30))[0] for place in ("DE", "FR", None)}
    assert found == {"DE": "allow", "FR": "hold", None: "hold"}


@pytest.mark.parametrize("broken", [effective(""), effective("ok|rude"), effective("general", territory="Germany")])
def test_a_label_that_cannot_be_read_holds_its_item(broken):
    assert said(gate(pack(), {}, labels=broken), ADULT) == ("hold", "error")


def test_labels_that_are_said_later_count_at_once_and_the_first_gate_keeps_the_old():
    before = gate(pack(SCORED), {}, {})
    after = before.with_labels({"i1": effective("gore")["i0"]})
    assert [said(after, ADULT, at)[0] for at in (0, 1)] == ["allow", "block"]
    assert said(before, ADULT, 1)[0] == "allow"
    assert said(after.with_labels({"i1": None}), ADULT, 1)[0] == "allow"


def test_labels_that_were_said_stand_in_the_place_of_the_records_and_none_at_all_is_unlabelled():
    over = gate(pack(SCORED), {"labels": ["gore"]}, labels={"i0": ()})
    assert said(over, ADULT) == ("allow", "")
    assert said(over, Viewer("home", "DE", 30)) == ("hold", "unlabelled")
    assert said(over.with_labels({"i0": None}), ADULT) == ("block", "label:gore")


def test_who_gave_a_label_is_kept_beside_it():
    demo = load_policy("demo")
    rows = [{"genres": ["Horror"]}, {"genres": ["Horror"], "labels": ["general"]}]
    over = gate(demo, *rows, labels=effective("violence", source="human"))
    assert over.provenance(0) == {"frightening": ["rule:rules.0"], "violence": ["human"]}
    assert over.provenance(1) == {"frightening": ["rule:rules.0"], "general": ["provider"]}


# rules with exceptions and lists

RULES = """
[labels.unlicensed]
verdict = "hold"

[labels.restricted]
verdict = "allow"
clears = false
min_age = 18

[lists]
licences = ["Wire 2026"]

[[rules]]
id = "licence"
field = "media_type"
any_of = ["news"]
unless = { licence = ["list:licences"] }
labels = ["unlicensed"]

[[rules]]
id = "descriptors"
field = "media_type"
any_of = ["film"]
unless = { descriptors = [] }
labels = ["restricted"]
"""


@pytest.mark.parametrize(
    ("licence", "verdict"), [("wire 2026", "allow"), ("another", "hold"), (None, "hold"), ("", "hold")]
)
def test_a_rule_does_not_apply_where_another_field_has_a_value_that_it_excepts(licence, verdict):
    assert said(gate(pack(RULES), {"media_type": "News", "licence": licence}), ADULT)[0] == verdict


def test_an_empty_list_excepts_nothing_and_no_values_except_any():
    empty = RULES.replace('["Wire 2026"]', "[]")
    assert said(gate(pack(empty), {"media_type": "news", "licence": "wire 2026"}), ADULT)[0] == "hold"
    child = Viewer("feed", "DE", 10)
    assert said(gate(pack(RULES), {"media_type": "film"}), child) == ("block", "age")
    assert (
        said(gate(pack(RULES), {"media_type": "film", "descriptors": ["fear"], "labels": ["general"]}), child)[0]
        == "allow"
    )


def test_a_label_that_says_nothing_of_harm_clears_nothing():
    assert said(gate(pack(RULES), {"media_type": "film"}), Viewer("home", "DE", 30))[0] != "allow"


def test_a_verdict_names_the_rule_the_term_and_its_list():
    listed = """
[labels.hold_it]
verdict = "hold"
[lists]
names = ["Bad Seed"]
[[rules]]
id = "seeds"
field = "tags"
any_of = ["list:names"]
labels = ["hold_it"]
"""
    one = found(gate(pack(listed), {"tags": ["bad seed"]}), ADULT)
    assert (one.rule, one.term, one.list_id, one.label, one.source) == ("seeds", "bad seed", "names", "hold_it", "rule")


@pytest.mark.parametrize(
    ("old", "new", "line", "mistake"),
    [
        ("list:licences", "list:licenses", 31, "rules.0.unless.licence: the pack has no list 'licenses'"),
        ('id = "descriptors"', 'id = "licence"', 35, "rules.1.id: the rule 'licence' is there twice"),
        ("{ descriptors = [] }", "{ descriptor = [] }", 38, "rules.1.unless: 'descriptor' is no field"),
    ],
)
def test_mistakes_in_rules_are_named_with_line_and_key(old, new, line, mistake):
    (found,) = mistakes(RULES.replace(old, new))
    assert found.startswith(f"p.toml, line {line}: {mistake}")


# territories

PLACES = """
[labels.gambling]
verdict = "label"

[regions]
north = ["DE", "DK"]

[territories.north.labels.gambling]
verdict = "limit"

[territories.DE.labels.gambling]
verdict = "block"

[territories.CN.surfaces.feed]
unlabelled = "hold"
"""


def test_a_territory_has_its_own_answer_and_an_unknown_one_the_strictest():
    over = gate(pack(PLACES), {"labels": ["gambling"]})
    verdicts = {place: said(over, Viewer("feed", place, 30))[0] for place in ("FR", "DK", "DE", None)}
    assert verdicts == {"FR": "label", "DK": "limit", "DE": "block", None: "block"}


def test_a_territory_may_change_one_key_of_a_surface():
    over = gate(pack(PLACES), {})
    assert said(over, Viewer("feed", "CN", 30)) == ("hold", "unlabelled")
    assert said(over, Viewer("feed", "FR", 30)) == ("allow", "")
    assert said(over, Viewer("search", "CN", 30)) == ("allow", "")


@pytest.mark.parametrize(
    ("more", "line", "mistake"),
    [
        ("[territories.Germany]", 16, "territories.Germany: 'Germany' is neither a territory such as 'DE'"),
        ("[territories.DE.surfaces]\nfed = {}", 17, "territories.DE.surfaces.fed: the pack has no surface 'fed'"),
        ('[territories.DE.surfaces]\nhome = { unlabelled = "allow" }', 17, "territories.DE.surfaces.home: a strict"),
        ('[regions]\nDE = ["DE"]', 17, "regions.DE: 'DE' is how a territory is written"),
        ('[regions]\nnorth = ["Denmark"]', 17, "regions.north: 'Denmark' is no territory"),
        ('[labels.error]\nverdict = "allow"', 16, "labels.error: 'error' is the state of an item"),
        ('[minors]\nzones = { CN = ["Asia/Pekin"] }', 17, "minors.zones: 'Asia/Pekin' is no time zone"),
        ('[minors]\ncurfew = { starts = "22:00", ends = "06:00" }', 16, "minors: a curfew needs clocks"),
    ],
)
def test_mistakes_about_places_are_named_with_line_and_key(more, line, mistake):
    (found,) = mistakes("\n" + more + "\n")
    assert found.startswith(f"p.toml, line {line}: {mistake}")


# ratings

RATED = 'rated_media = ["film"]\n' + PACK.replace(
    "home = { strict = true }", 'home = { strict = true, unrated = "hold" }'
)


def test_an_item_that_needs_a_rating_is_hidden_without_one_where_the_surface_says_so():
    over = gate(
        parse_policy(RATED),
        {"media_type": "film", "labels": ["general"]},
        {"media_type": "book", "labels": ["general"]},
    )
    assert said(over, Viewer("home", "DE", 30), 0) == ("hold", "unrated")
    assert said(over, Viewer("feed", "DE", 30), 0) == ("allow", "")
    assert said(over, Viewer("home", "DE", 30), 1) == ("allow", "")


def test_the_age_of_a_rating_is_that_of_the_viewers_territory():
    over = gate(pack(), {"ratings": ["MPA:PG-13", "FSK:18"], "labels": ["general"]})
    assert said(over, Viewer("feed", "US", 16)) == ("allow", "")
    assert said(over, Viewer("feed", "DE", 16)) == ("block", "age")
    assert over.min_age(0) == 18


def test_a_rating_that_nobody_knows_holds_its_item():
    assert said(gate(pack(), {"ratings": ["MPA:X"]}), ADULT) == ("hold", "unknown_rating:mpa:x")


def test_ratings_of_a_source_may_be_text_parted_by_a_bar():
    over = gate(pack(), {"ratings": "MPA:R|FSK:12"})
    assert said(over, Viewer("feed", "DE", 30)) == ("allow", "")
    assert over.min_age(0) == 17


# parts

PARTED = """
[labels.bare]
part = "artwork"
verdict = "allow"
surfaces = { home = "hold" }

[labels.named]
part = "title"
verdict = "hold"
"""


def test_a_label_on_the_artwork_withholds_the_artwork_and_not_the_item():
    over = gate(pack(PARTED), {"labels": ["general", "bare"]}, {"labels": ["general"]})
    both = Response(np.array([0, 1], np.int32))
    at_home, on_feed = (over.check_response(Viewer(surface, "DE", 30), both) for surface in ("home", "feed"))
    assert at_home.verdicts.allowed.tolist() == [True, True]
    assert at_home.may_show("artwork").tolist() == [False, True]
    assert at_home.withheld == (("artwork",), ())
    assert on_feed.may_show("artwork").tolist() == [True, True]


def test_an_explanation_names_no_item_that_may_not_be_shown_or_whose_title_may_not():
    over = gate(pack(PARTED + SCORED), {}, {"labels": ["gore"]}, {"labels": ["named"]}, {})
    checked = over.check_response(ADULT, Response(np.array([0], np.int32), ((1, 2, 3),)))
    assert checked.because == ((3,),)


# minors

MINORS = """
[minors]
break_seconds = 1800
curfew = { starts = "22:00", ends = "06:00", shows = "nothing" }
zones = { CN = ["Asia/Shanghai"], DE = ["Europe/Berlin"] }
"""


def night(hour_utc, territory, age=15, more=MINORS):
    now = datetime(2026, 1, 1, hour_utc, tzinfo=UTC).timestamp()
    return gate(pack(more), {"labels": ["general"]}, now=now), Viewer("feed", territory, age)


@pytest.mark.parametrize(
    ("hour", "territory", "curfew"),
    [
        (13, "CN", False),
        (14, "CN", True),
        (21, "CN", True),
        (22, "CN", False),
        (14, "DE", False),
        (21, "DE", True),
        (12, "KR", False),
        (13, "KR", True),
    ],
)
def test_curfew_goes_by_the_clock_of_the_viewers_territory(hour, territory, curfew):
    over, minor = night(hour, territory)
    assert over.signals(minor).curfew is curfew
    assert said(over, minor) == (("hold", "curfew") if curfew else ("allow", ""))


def test_where_the_territory_is_unknown_it_is_curfew_when_it_is_anywhere_in_the_pack():
    assert [night(hour, None)[0].signals(Viewer("feed", None, 15)).curfew for hour in (12, 14, 21)] == [
        False,
        True,
        True,
    ]


def test_signals_are_for_minors_only():
    over, _ = night(14, "CN")
    assert over.signals(Viewer("feed", "CN", 18)) is None
    assert over.signals(Viewer("feed", "CN")) is None
    assert over.signals(Viewer("minor", "CN", 40)).pause == 1800
    assert said(over, Viewer("feed", "CN", 18)) == ("allow", "")


def test_a_curfew_that_shows_something_shows_the_cleared_pool():
    loose = PACK.replace("unknown_age = 16 }", "unknown_age = 16, minors_cleared_only = false }", 1)
    policy = parse_policy(loose + MINORS.replace('"nothing"', '"cleared"'))
    for hour, shown in ((12, True), (14, False)):
        over = gate(policy, {}, {"labels": ["general"]}, now=datetime(2026, 1, 1, hour, tzinfo=UTC).timestamp())
        assert over.mask(Viewer("feed", "CN", 15)).tolist() == [shown, True]


# a pack that nobody confirms


def test_a_stale_pack_shows_nothing_on_strict_surfaces_and_elsewhere_the_cleared_pool():
    moment = [NOW]
    over = gate(pack(), {}, {"labels": ["general"]}, clock=lambda: moment[-1], confirmed=lambda: NOW)
    home, feed = Viewer("home", "DE", 30), Viewer("feed", "DE", 30)
    assert [over.mask(home).tolist(), over.mask(feed).tolist()] == [[False, True], [True, True]]
    moment.append(NOW + 120)
    assert not over.stale
    moment.append(NOW + 120.1)
    assert over.stale
    assert [over.mask(home).tolist(), over.mask(feed).tolist()] == [[False, False], [False, True]]
    assert said(over, home, 1) == ("hold", "stale_policy")


# rights


@dataclass(frozen=True)
class Windows:
    spans: tuple[tuple[str | None, tuple[tuple[float, float], ...]], ...]

    def windows(self, territory):
        return dict(self.spans).get(territory, ())


def test_rights_open_and_close_by_territory_and_masks_end_with_them():
    moment = [NOW]
    right = Windows((("DE", ((NOW, NOW + 10),)), ("FR", ((NOW + 5, NOW + 15),))))
    over = gate(pack(), {}, {}, rights={"i0": right}, clock=lambda: moment[-1])
    seen = []
    for after in (0, 5, 10, 15):
        moment.append(NOW + after)
        seen.append([said(over, Viewer("feed", place, 30))[0] == "allow" for place in ("DE", "FR", "US", None)])
        assert said(over, ADULT, 1) == ("allow", "")
    assert seen == [[True, False, False, False], [True, True, False, False], [False, True, False, False], [False] * 4]


def test_rights_that_come_later_hold_at_once_for_items_that_come_later():
    over = gate(pack(), {}).with_rights({"i1": Windows(())})
    assert over.mask(ADULT).tolist() == [True]
    grown = over.extended(Catalogue.from_records([{"item_id": "i1"}]))
    assert grown.mask(ADULT).tolist() == [True, False]
    assert grown.with_rights({"i1": None}).mask(ADULT).tolist() == [True, True]


# the packs that ship


@pytest.mark.parametrize("name", packs())
def test_every_pack_that_ships_names_the_surfaces_and_holds_what_is_synthetic_and_not_labelled_so(name):
    policy = load_policy(name)
    strict = {"minor", "push", "home", "hot", "selected", "chart", "popup"}
    assert {surface for surface, rules in policy.surfaces.items() if rules.strict} == strict
    assert set(policy.surfaces) == {"feed", "search", "detail", "batch", *strict}
    if name == "demo":
        return
    over = gate(policy, {"labels": ["general", "synthetic"]}, {"labels": ["general", "synthetic", "ai_generated"]})
    assert said(over, ADULT, 0) == ("hold", "label:ai_unlabelled")
    assert said(over, ADULT, 1) == ("label", "label:ai_generated")


@pytest.mark.parametrize("name", packs())
def test_a_pack_that_ships_shows_what_is_limited_in_search_alone_and_beside_no_work(name):
    showing = {surface for surface, rules in load_policy(name).surfaces.items() if rules.show_limited}
    assert showing == (set() if name == "demo" else {"search"})
