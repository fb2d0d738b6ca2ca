"""Policy packs: what a pack says, and how its mistakes are named."""

import pytest

from recsys.errors import ConfigError
from recsys.safety import Verdict, load_policy, packs, parse_policy, stance
from recsys.types import Viewer

GOOD = """
name = "t"
version = "3"
age_bands = [3, 8, 12, 16, 18]

[surfaces.feed]
strict = false
unlabelled = "allow"
unknown_age = 16

[surfaces.home]
strict = true

[labels.gore]
verdict = "label"
surfaces = { home = "block" }
min_age = 16

[[rules]]
field = "genres"
any_of = ["Horror"]
labels = ["gore"]
"""


def mistakes(old: str, new: str) -> list[str]:
    assert old in GOOD
    with pytest.raises(ConfigError) as caught:
        parse_policy(GOOD.replace(old, new), where="p.toml")
    return str(caught.value).splitlines()


def test_a_label_has_another_verdict_on_a_surface_that_says_so():
    policy = parse_policy(GOOD)
    assert policy.verdict("gore", "feed") is Verdict.LABEL
    assert policy.verdict("gore", "home") is Verdict.BLOCK
    assert policy.verdict("other", "feed") is None


def test_on_a_surface_that_the_pack_does_not_name_the_strictest_verdict_of_a_label_holds():
    policy = parse_policy(GOOD)
    assert policy.verdict("gore", "popup") is Verdict.BLOCK
    assert policy.surface("popup").strict
    assert policy.surface("popup").unlabelled is Verdict.HOLD


def test_verdicts_are_ordered_from_allow_to_takedown():
    names = ["allow", "label", "interstitial", "limit", "hold", "block", "takedown"]
    assert [v.code for v in sorted(Verdict)] == names
    assert [v.shown for v in sorted(Verdict)] == [True, True, True, False, False, False, False]


def test_an_unknown_key_is_named_with_file_line_and_place():
    (line,) = mistakes('unlabelled = "allow"', 'unlabeled = "allow"')
    assert line == "p.toml, line 8: surfaces.feed.unlabeled: this key is not known here; correct or remove it."


def test_an_unknown_verdict_is_named_with_the_ones_there_are():
    (line,) = mistakes('verdict = "label"', 'verdict = "hide"')
    assert line.startswith("p.toml, line 15: labels.gore.verdict: 'hide' is no verdict; write one of allow, label,")


def test_every_mistake_is_named_not_only_the_first():
    lines = mistakes(
        'verdict = "label"\nsurfaces = { home = "block" }\nmin_age = 16', 'verdict = "x"\nmin_age = 216\ny = 1'
    )
    assert [line.split(":")[0] for line in lines] == ["p.toml, line 15", "p.toml, line 16", "p.toml, line 17"]


@pytest.mark.parametrize("age", ["-1", "100", "1.5", '"12"', "true"])
def test_an_age_out_of_range_is_a_mistake(age):
    (line,) = mistakes("min_age = 16", f"min_age = {age}")
    assert line.startswith("p.toml, line 17: labels.gore.min_age: ")


def test_a_label_that_stands_twice_is_a_mistake_with_its_line():
    (line,) = mistakes("[[rules]]", '[labels.gore]\nverdict = "allow"\n\n[[rules]]')
    assert "p.toml" in line
    assert "line 19" in line


def test_labels_that_differ_by_case_only_are_one_label_twice():
    (line,) = mistakes("[[rules]]", '[labels.Gore]\nverdict = "allow"\n\n[[rules]]')
    assert line == "p.toml, line 19: labels.Gore: the label 'gore' is there twice; labels are compared without case."


def test_a_rule_that_gives_a_label_the_pack_does_not_have_is_a_mistake():
    (line,) = mistakes('labels = ["gore"]', 'labels = ["gor"]')
    assert line == "p.toml, line 22: rules.0.labels: 'gor' is no label of this pack; add [labels.gor]."


def test_a_rule_that_gives_a_label_twice_is_a_mistake():
    (line,) = mistakes('labels = ["gore"]', 'labels = ["gore", "gore"]')
    assert "given twice" in line


def test_a_rule_on_a_field_that_items_do_not_have_is_a_mistake():
    (line,) = mistakes('field = "genres"', 'field = "genre"')
    assert line.startswith("p.toml, line 20: rules.0.field: 'genre' is no field")


def test_a_label_that_speaks_of_a_surface_the_pack_does_not_have_is_a_mistake():
    (line,) = mistakes("{ home =", "{ hom =")
    assert line == "p.toml, line 16: labels.gore.surfaces.hom: the pack has no surface 'hom'; add [surfaces.hom]."


def test_a_strict_surface_cannot_show_what_nobody_labelled():
    (line,) = mistakes("[surfaces.home]\nstrict = true", '[surfaces.home]\nstrict = true\nunlabelled = "allow"')
    assert "surfaces.home" in line
    assert "unlabelled = 'hold'" in line


def test_a_strict_surface_cannot_assume_more_than_the_lowest_band():
    (line,) = mistakes("[surfaces.home]\nstrict = true", "[surfaces.home]\nstrict = true\nunknown_age = 8")
    assert line.startswith("p.toml, line 13: surfaces.home.unknown_age: 8 is above the lowest age band")


def test_the_surface_for_minors_cannot_be_declared_otherwise():
    (line,) = mistakes("[surfaces.home]", "[surfaces.minor]\nstrict = true\n\n[surfaces.home]")
    assert "minors = true" in line


def test_a_label_cannot_order_a_takedown():
    (line,) = mistakes('verdict = "label"', 'verdict = "takedown"')
    assert "write 'block'" in line


def test_age_bands_that_do_not_rise_are_a_mistake():
    (line,) = mistakes("[3, 8, 12, 16, 18]", "[3, 8, 8]")
    assert line.startswith("p.toml, line 4: age_bands: ")


def test_what_is_no_toml_is_a_config_error_with_its_line():
    (line,) = mistakes('name = "t"', "name = ")
    assert "p.toml" in line
    assert "line 2" in line


def test_an_unknown_pack_names_those_that_ship():
    with pytest.raises(ConfigError, match=r"no policy 'opne'.*books, demo, films, music, news, open, strict"):
        load_policy("opne")


def test_a_pack_is_read_from_a_file_and_its_mistakes_name_the_file(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(GOOD)
    assert load_policy(path).version == "3"
    path.write_text(GOOD.replace("version", "vresion"))
    with pytest.raises(ConfigError, match=r"mine\.toml, line 3: vresion"):
        load_policy(path)


def test_the_digest_changes_with_the_content_and_not_with_comments():
    policy = parse_policy(GOOD)
    assert parse_policy("# a comment\n" + GOOD).digest == policy.digest
    assert parse_policy(GOOD.replace("min_age = 16", "min_age = 15")).digest != policy.digest
    assert policy.cite == f"t@3+{policy.digest[:12]}"


@pytest.mark.parametrize("pack", ["open", "strict", "demo"])
def test_the_packs_that_ship_have_the_strict_surfaces_and_bands_of_the_design(pack):
    policy = load_policy(pack)
    assert policy.age_bands == (3, 8, 12, 16, 18)
    strict = {name for name, surface in policy.surfaces.items() if surface.strict}
    assert strict == {"minor", "push", "home", "hot", "selected", "chart", "popup"}
    assert set(policy.surfaces) - strict == {"feed", "search", "detail", "batch"}
    assert pack in packs()


def test_a_minor_counts_as_old_as_the_start_of_the_band_on_a_strict_surface_and_as_old_as_they_are_elsewhere():
    policy = load_policy("open")
    assert stance(policy, Viewer("home", age=15)).age == 12
    assert stance(policy, Viewer("feed", age=15)).age == 15
    assert stance(policy, Viewer("minor", age=2)).age == 0


def test_an_unknown_age_is_the_lowest_band_on_a_strict_surface_and_the_packs_assumption_elsewhere():
    policy = load_policy("open")
    assert stance(policy, Viewer("home")).age == 3
    assert stance(policy, Viewer("feed")).age == 16
    assert stance(load_policy("strict"), Viewer("feed")).age == 12


def test_an_adult_age_on_a_surface_for_minors_says_nothing_of_who_looks():
    assert stance(load_policy("open"), Viewer("minor", age=40)).age == 3


def test_a_territory_that_is_no_iso_code_is_unknown():
    policy = load_policy("open")
    assert stance(policy, Viewer(territory=" de ")).territory == "DE"
    assert stance(policy, Viewer(territory="WW")).territory is None
    assert stance(policy, Viewer(territory="Germany")).territory is None
