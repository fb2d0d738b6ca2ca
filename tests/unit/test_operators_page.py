"""The operator's page names every setting, every metric and every bound that there is."""

import re
from pathlib import Path

from serving import measures
from serving.bounds import MAX_HEADER_BYTES, MAX_HEADERS, MAX_TARGET
from serving.settings import PEOPLE_RATES, Settings

PAGE = (Path(__file__).parents[2] / "docs" / "operators.md").read_text()
TABLE = PAGE.split("| setting |")[1].split("\n\n")[0]


def test_the_table_of_settings_is_complete_and_names_none_that_is_not_there():
    named = set(re.findall(r"`RECSYS_([A-Z_]+)`", TABLE))
    assert named >= {name.upper() for name in Settings.model_fields}
    assert {name.lower() for name in named if "=" not in name} <= set(Settings.model_fields)


def test_the_defaults_of_limits_are_those_of_the_code():
    told = ",".join(f"{role}={rate:g}" for role, rate in PEOPLE_RATES.items())
    assert f"`{told}`" in TABLE
    settings = Settings.model_fields
    assert f"| `RECSYS_LIST_SECONDS` | {settings['list_seconds'].default:g} |" in TABLE
    assert f"| `RECSYS_REQUEST_SECONDS` | {settings['request_seconds'].default:g} |" in TABLE
    assert f"| headers | {MAX_HEADERS}, {MAX_HEADER_BYTES // 1000} kB together |" in PAGE
    assert f"| path and query | {MAX_TARGET // 1000} kB |" in PAGE


def test_every_metric_is_explained():
    measures.touch()
    exported = set(re.findall(r"^# TYPE (recsys_\w+)", measures.exposition().decode(), re.M))
    own = {name.removesuffix("_created") for name in exported}
    assert all(f"`{name}`" in PAGE or f"`{name}_total`" in PAGE for name in own), own
