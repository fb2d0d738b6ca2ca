from pathlib import Path

import pytest

from recsys.errors import ConfigError
from serving.settings import Settings


@pytest.fixture(autouse=True)
def _nowhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in Settings.model_fields:
        monkeypatch.delenv(f"RECSYS_{name.upper()}", raising=False)


def test_without_anything_all_state_lies_under_var():
    settings = Settings()
    assert settings.control_location() == Path("var/control.db")
    assert settings.state_location() == Path("var/state.db")
    assert settings.jobs_location() == Path("var/jobs.db")


def test_the_file_beats_the_default(tmp_path):
    (tmp_path / "recsys.toml").write_text("port = 4000\n")
    assert Settings().port == 4000


def test_the_environment_beats_the_file(tmp_path, monkeypatch):
    (tmp_path / "recsys.toml").write_text("port = 4000\n")
    monkeypatch.setenv("RECSYS_PORT", "5000")
    assert Settings().port == 5000


def test_an_argument_beats_the_environment(monkeypatch):
    monkeypatch.setenv("RECSYS_PORT", "5000")
    assert Settings(port=6000).port == 6000


def test_an_empty_variable_is_as_good_as_none(monkeypatch):
    monkeypatch.setenv("RECSYS_PORT", "")
    assert Settings().port == 3000


def test_tables_of_the_file_belong_to_others(tmp_path):
    (tmp_path / "recsys.toml").write_text("port = 4000\n[training]\nsomething = 1\n")
    assert Settings().port == 4000


def test_a_misspelt_key_of_the_file_is_named(tmp_path):
    (tmp_path / "recsys.toml").write_text("prot = 4000\n")
    with pytest.raises(ConfigError, match="no setting 'prot'"):
        Settings()


def test_a_file_that_is_no_toml_is_named(tmp_path):
    (tmp_path / "recsys.toml").write_text("port = = 1\n")
    with pytest.raises(ConfigError, match=r"recsys\.toml cannot be read as TOML"):
        Settings()


def test_an_impossible_value_is_named_with_its_variable(monkeypatch):
    monkeypatch.setenv("RECSYS_PORT", "many")
    with pytest.raises(ConfigError, match=r"The setting port = 'many' \(RECSYS_PORT or recsys\.toml\) is not possible"):
        Settings()


def test_production_refuses_the_clock_of_events():
    with pytest.raises(ConfigError, match="in production use the system clock"):
        Settings(production=True, clock="events")


def test_an_unknown_store_is_refused_without_showing_its_password():
    with pytest.raises(ConfigError, match="control_url") as caught:
        Settings(control_url="mysql://root:secret@host/db")
    assert "secret" not in str(caught.value)


def test_the_lake_is_under_var_where_that_folder_exists(tmp_path):
    assert Settings().lake_location() is None
    (tmp_path / "var" / "lake").mkdir(parents=True)
    assert Settings().lake_location() == "var/lake"


def test_a_lake_that_is_named_need_not_exist():
    assert Settings(lake="s3://bucket/lake").lake_location() == "s3://bucket/lake"


def test_rates_are_read_by_role_and_replace_the_default(monkeypatch):
    monkeypatch.setenv("RECSYS_RATES", "platform=500, editor=20.5")
    assert Settings().rates == {"platform": 500.0, "editor": 20.5}


@pytest.mark.parametrize("rates", ["platform", "nobody=5", "platform=0", "platform=-1", "platform=much"])
def test_rates_that_cannot_be_are_refused(rates, monkeypatch):
    monkeypatch.setenv("RECSYS_RATES", rates)
    with pytest.raises(ConfigError, match="rates"):
        Settings()


def test_origins_are_read_as_a_list_of_exact_ones(monkeypatch):
    monkeypatch.setenv("RECSYS_CORS_ORIGINS", "https://a.example, http://localhost:8080")
    assert Settings().cors_origins == ("https://a.example", "http://localhost:8080")


@pytest.mark.parametrize("origin", ["*", "https://*.example", "a.example", "https://a.example/", "null"])
def test_an_origin_that_is_not_exact_is_refused(origin, monkeypatch):
    monkeypatch.setenv("RECSYS_CORS_ORIGINS", origin)
    with pytest.raises(ConfigError, match="no origin"):
        Settings()
