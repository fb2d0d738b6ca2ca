"""The compose file as far as it can be judged without docker: shapes, health, users, and no secret in it."""

import re
import tomllib
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml
from bentoml._internal.container.generate import BENTO_UID_GID
from mlflow.server.security_utils import is_allowed_host_header

from serving.settings import Settings

ROOT = Path(__file__).parents[2]
FILE = ROOT / "deploy" / "compose.yaml"
COMPOSE = yaml.safe_load(FILE.read_text())
SERVICES = COMPOSE["services"]
(INCLUDED,) = COMPOSE["include"]
TRACKING = yaml.safe_load((FILE.parent / INCLUDED).read_text())["services"]
KNOWN = {
    *("image", "environment", "ports", "volumes", "user", "read_only", "tmpfs", "cap_drop", "security_opt"),
    *("healthcheck", "depends_on", "restart", "command", "build"),
}


def test_the_service_has_its_stores_and_the_tracking_server():
    assert set(SERVICES) == {"service", "follower", "postgres", "redis"}
    assert set(TRACKING) == {"database", "server"}


def test_what_becomes_champion_in_the_registry_comes_to_where_the_service_looks():
    follower, service = SERVICES["follower"], SERVICES["service"]
    registry = urlsplit(follower["command"][follower["command"].index("--registry") + 1])
    assert registry.hostname in TRACKING
    hosts = re.search(r":-(.*)}", TRACKING["server"]["environment"]["MLFLOW_SERVER_ALLOWED_HOSTS"])[1].split(",")
    assert is_allowed_host_header(hosts, registry.netloc)
    assert not is_allowed_host_header(hosts, "elsewhere.example:5000")
    assert follower["volumes"] == service["volumes"]
    assert follower["environment"]["RECSYS_VAR"] == service["environment"]["RECSYS_VAR"]


def test_the_follower_is_installed_from_what_a_checkout_has():
    written = SERVICES["follower"]["build"]["dockerfile_inline"]
    copied = {name for line in re.findall(r"(?m)^COPY (.*)", written) for name in line.split()[:-1]}
    assert all((ROOT / name).exists() for name in copied)
    build = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    needed = {"pyproject.toml", "README.md", "LICENSE", *build["packages"]}
    assert needed | {name.split("/")[0] for name in build["force-include"]} <= copied
    assert f"--uid {BENTO_UID_GID} " in written


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_healthy_small_and_nobody_important(name):
    service = SERVICES[name]
    assert set(service) <= KNOWN
    assert {"test", "interval", "timeout", "retries"} <= set(service["healthcheck"])
    assert service["user"] not in ("", "root", "0")
    assert service["read_only"] is True
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert all(":" in volume and volume.split(":")[0] in COMPOSE["volumes"] for volume in service["volumes"])


def test_it_waits_for_stores_that_are_healthy():
    assert SERVICES["service"]["depends_on"] == {
        "postgres": {"condition": "service_healthy"},
        "redis": {"condition": "service_healthy"},
    }


def test_only_the_service_is_open_and_only_to_this_machine():
    assert [name for name, service in SERVICES.items() if "ports" in service] == ["service"]
    assert all(port.startswith("127.0.0.1:") for port in SERVICES["service"]["ports"])


def test_passwords_come_from_the_environment_and_have_no_default():
    text = FILE.read_text()
    secrets = set(re.findall(r"\$\{(\w+)", text))
    assert all(f"${{{name}:?" in text and f"${{{name}:-" not in text for name in secrets)
    example = dict(
        line.split("=", 1) for line in (ROOT / "deploy" / "example.env").read_text().splitlines() if "=" in line
    )
    assert secrets <= set(example)
    assert all(not value for name, value in example.items() if "PASSWORD" in name)
    assert ".env" in (ROOT / ".gitignore").read_text().split()


def test_what_the_service_is_told_are_settings_that_it_has():
    given = {name for name in SERVICES["service"]["environment"] if name.startswith("RECSYS_")}
    assert given <= {f"RECSYS_{name.upper()}" for name in Settings.model_fields}
