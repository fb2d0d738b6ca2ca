"""Every query of the dashboard and of the alerts names a metric that there is, with labels that it has."""

import json
import re
from pathlib import Path

import pytest
import yaml
from prometheus_client import REGISTRY

from serving import measures

DEPLOY = Path(__file__).parents[2] / "deploy"
NAME = re.compile(r"\brecsys_[a-z_]+")
LABELS = re.compile(r"\{([^}]*)\}|by \(([^)]*)\)")


def queries():
    dashboard = json.loads((DEPLOY / "grafana" / "recsys.json").read_text())
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            yield pytest.param(target["expr"], id=panel["title"])
    for group in alerts()["groups"]:
        for rule in group["rules"]:
            yield pytest.param(rule["expr"], id=rule["alert"])


def alerts():
    return yaml.safe_load((DEPLOY / "prometheus" / "alerts.yaml").read_text())


@pytest.fixture(scope="module")
def there():
    """Labels by the name of each sample that the service exports."""
    measures.touch()
    measures.moved("switched")
    families = [family for family in REGISTRY._collector_to_names if hasattr(family, "_labelnames")]
    known = {}
    for family in families:
        for name in REGISTRY._collector_to_names[family]:
            known[name] = {*family._labelnames, "le"}
    return known


@pytest.mark.parametrize("query", queries())
def test_a_query_names_metrics_and_labels_that_there_are(query, there):
    names = NAME.findall(query)
    assert names
    assert set(names) <= set(there)
    used = [re.findall(r"[a-z_]+(?==|$|,|~)", (braces or by).replace(" ", "")) for braces, by in LABELS.findall(query)]
    wanted = {label for labels in used for label in labels}
    assert all(wanted <= there[name] for name in names)
    assert query.count("(") == query.count(")")


def test_an_alert_says_what_is_wrong_and_what_to_do():
    rules = [rule for group in alerts()["groups"] for rule in group["rules"]]
    assert all(set(rule["annotations"]) == {"summary", "action"} for rule in rules)
    assert {rule["labels"]["severity"] for rule in rules} == {"page", "ticket"}


def test_panels_do_not_lie_on_each_other():
    places = [
        tuple(panel["gridPos"].values())
        for panel in json.loads((DEPLOY / "grafana" / "recsys.json").read_text())["panels"]
    ]
    assert len(set(places)) == len(places)
