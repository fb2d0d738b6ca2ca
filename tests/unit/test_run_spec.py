from pathlib import Path

import pytest

from recsys.errors import ConfigError
from recsys.models.recipe import recipes
from training.spec import load_spec, parse_spec, shipped_specs


def written(folder: Path, text: str) -> str:
    path = folder / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return str(path)


@pytest.mark.parametrize("name", ["default", "fast"])
def test_a_shipped_spec_is_found_by_its_name(name: str) -> None:
    assert name in shipped_specs()
    assert load_spec(name).name == name


def test_a_section_is_its_own_recipe_unless_it_says_otherwise(tmp_path: Path) -> None:
    text = '[models.popular]\n[models.slow]\nrecipe = "popular"\nhalf_life_days = 90.0\n'
    spec = load_spec(written(tmp_path, text))
    assert spec.models["popular"] == recipes()["popular"]()
    assert spec.models["slow"] == recipes()["popular"](half_life_days=90.0)


def test_parts_of_a_blend_are_the_sections_they_name(tmp_path: Path) -> None:
    text = '[models.popular]\nhalf_life_days = 3.0\n[models.both]\nrecipe = "blend"\nparts = ["popular"]\n'
    both = load_spec(written(tmp_path, text)).models["both"]
    assert both.params()["parts"][0] == {"recipe": "popular", "half_life_days": 3.0}


def test_event_rules_stand_at_the_top(tmp_path: Path) -> None:
    text = '[events.rating]\nweight = 2.0\npositive = "value >= 4"\n[models.popular]\n'
    rule = load_spec(written(tmp_path, text)).prepare.events["rating"]
    assert (rule.weight, rule.positive) == (2.0, "value >= 4")


def test_a_setting_replaces_what_the_spec_says() -> None:
    spec = load_spec("fast", ["split.windows=4", "models.popular.half_life_days=2.5", "metric=recall@20"])
    assert (spec.split.windows, spec.metric) == (4, "recall@20")
    assert spec.models["popular"].params()["half_life_days"] == 2.5


def test_a_spec_without_a_name_is_called_after_its_file(tmp_path: Path) -> None:
    assert load_spec(written(tmp_path, "[models.popular]\n")).name == "mine"


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("[models.popular]\nhalf_life = 7\n", "half_life"),
        ("[models.unheard_of]\n", "unheard_of"),
        ("[split]\nwindow = 4\n[models.popular]\n", "split.window"),
        ("[events.rating]\npositive = 'stars > 3'\n[models.popular]\n", "prepare.events.rating.positive"),
        ("[prepare.events.view]\n[events.view]\n[models.popular]\n", "events"),
        ("metric = 'auc'\n[models.popular]\n", "metric"),
        ("metric = 'lift@10'\n[models.popular]\n", "lift@10"),
        ("metric = 'ndcg@7'\n[models.popular]\n", "ndcg@7"),
        ("[models.blend]\nparts = ['als']\n", "models.blend.parts"),
        ("[models.blend]\nparts = ['blend']\n", "models.blend.parts"),
        ("models = 3\n", "models"),
        ("[models]\npopular = 3\n", "models.popular"),
        ("name = 'nothing'\n", "models"),
        ("colour = 'red'\n[models.popular]\n", "colour"),
        ("seed = -1\n[models.popular]\n", "seed"),
        ("k = [10, 0]\n[models.popular]\n", "k.1"),
        ("k = []\n[models.popular]\n", "k"),
        ("[models.'a/b']\nrecipe = 'popular'\n", "'a/b'"),
        ("[models.'']\nrecipe = 'popular'\n", "section cannot be called ''"),
        ("[models.'[bold]']\nrecipe = 'popular'\n", "[bold]"),
        ("[models.'..']\nrecipe = 'popular'\n", "'..'"),
    ],
)
def test_an_error_names_the_file_and_the_key(tmp_path: Path, text: str, key: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_spec(written(tmp_path, text))
    assert "mine.toml" in str(caught.value)
    assert key in str(caught.value)


def test_a_section_may_be_called_in_any_language() -> None:
    assert set(parse_spec({"models": {"热门 1.0-b": {"recipe": "popular"}}}).models) == {"热门 1.0-b"}


def test_broken_toml_is_told_with_its_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"mine\.toml is not valid TOML"):
        load_spec(written(tmp_path, "[models\n"))


def test_an_unknown_name_lists_what_ships() -> None:
    with pytest.raises(ConfigError, match="one of: best, default,.* fast"):
        load_spec("fastest")


@pytest.mark.parametrize("setting", ["split.windows", "=4", "metric.at=10"])
def test_a_setting_that_fits_nowhere_is_refused(setting: str) -> None:
    with pytest.raises(ConfigError, match="--set"):
        load_spec("fast", [setting])


def test_plain_values_make_a_spec_without_a_file() -> None:
    assert parse_spec({"models": {"popular": {}}, "k": 10}).k == (10,)
