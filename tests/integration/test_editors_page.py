"""The editors' guide: what its worked examples print is what they print, in both languages."""

import asyncio
import functools
import hashlib
import hmac
import re
import time
from pathlib import Path

import httpx
import pytest
import typer
from typer.testing import CliRunner

import serving.client
from recsys.errors import RecsysError
from serving.campaigns.webhooks import signature
from serving.cli import commands
from serving.settings import Settings
from serving.stores.control import ControlStore
from support.http import publish
from support.inside import inside

DOCS = Path(__file__).parents[2] / "docs"
PAGES = ("editors.md", "editors.zh.md")
PACK = """
name = "test"
version = "1"
[surfaces.home]
unlabelled = "allow"
strict = false
"""


def blocks(page, kind):
    return re.findall(rf"```{kind}\n(.*?)```", (DOCS / page).read_text(encoding="utf-8"), re.DOTALL)


def examples(page):
    """(command, what it is to print) of every console block."""
    for block in blocks(page, "console"):
        for part in block.split("$ ")[1:]:
            command, _, told = part.partition("\n")
            yield command, told.strip()


def like(told):
    """What is printed may have another id, and goes on where the page has an ellipsis."""
    pattern = re.escape(told).replace("…", ".*")
    return re.compile(re.sub(r"halt_[0-9a-f]+", "halt_[0-9a-f]+", pattern))


@pytest.fixture
def recsys(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in Settings.model_fields:
        monkeypatch.delenv(f"RECSYS_{name.upper()}", raising=False)
    (tmp_path / "pack.toml").write_text(PACK)
    monkeypatch.setenv("RECSYS_POLICY", str(tmp_path / "pack.toml"))
    monkeypatch.setenv("COLUMNS", "300")
    publish(tmp_path / "var")
    app = typer.Typer()
    commands(app)

    def run(command):
        result = CliRunner().invoke(app, _arguments(command))
        if isinstance(result.exception, RecsysError):
            return f"recsys: {result.exception}"
        assert result.exit_code == 0, result.output + repr(result.exception)
        return result.stdout

    return run


def _arguments(command):
    import shlex

    name, *arguments = shlex.split(command)
    assert name == "recsys"
    return arguments


@pytest.mark.parametrize("page", PAGES)
def test_every_command_prints_what_the_page_says(page, recsys, tmp_path):
    (festival,) = (block for block in blocks(page, "toml") if "festival-2027" in block)
    festival = festival.replace("2027-02-15", "2997-02-15").replace(
        "2026-11-01", "2000-11-01"
    )  # on air whenever this runs
    (tmp_path / "festival.toml").write_text(festival, encoding="utf-8")
    (tmp_path / "shorter.toml").write_text(festival.replace("2997-02-15", "2997-02-08"), encoding="utf-8")
    (tmp_path / "other.toml").write_text(festival.replace("slot = 3", "slot = 2"), encoding="utf-8")
    ran = 0
    for command, told in examples(page):
        printed = recsys(command.replace("2026-01-01", "2000-01-01"))
        if told:
            assert like(told).search(printed), f"{command}\nprints\n{printed}\nand not\n{told}"
        ran += 1
    assert ran >= 12


def test_both_pages_have_the_same_examples_and_routes():
    one, other = (list(examples(page)) for page in PAGES)
    assert one == other
    for kind in ("toml", "python"):
        assert blocks(PAGES[0], kind) == blocks(PAGES[1], kind)
    routes = [
        re.findall(r"^\| (`(?:GET|POST|PUT).*?) \|", (DOCS / page).read_text(encoding="utf-8"), re.M) for page in PAGES
    ]
    assert [sorted(re.findall(r"`([^`]+)`", row)) for row in routes[0]] == [
        sorted(re.findall(r"`([^`]+)`", row)) for row in routes[1]
    ]
    assert len(routes[0]) == 9


@pytest.mark.parametrize("page", PAGES)
def test_the_client_does_what_the_page_says(page, tmp_path, monkeypatch, capsys):
    (tmp_path / "pack.toml").write_text(PACK)
    (code,) = (block for block in blocks(page, "python") if "serving.client" in block)
    with inside(tmp_path, policy=str(tmp_path / "pack.toml")) as app:
        control = ControlStore.open(tmp_path / "control.db")
        keys = {"URL": "http://test", "MEIS_KEY": app.keys["editor"]}
        keys["JONAS_KEY"] = control.create_key("jonas", "editor", "tests")
        control.close()

        class Here(httpx.BaseTransport):
            def handle_request(self, request):
                async def answer():
                    found = await httpx.ASGITransport(app.app).handle_async_request(request)
                    return httpx.Response(found.status_code, headers=found.headers, content=await found.aread())

                return asyncio.run(answer())

        def client(url, key):
            return serving.client.synchronous.Client(url, key, http=httpx.Client(transport=Here(), base_url=url))

        monkeypatch.setattr(serving.client, "Client", client)
        exec(code, dict(keys))
    displaced, refused, state = capsys.readouterr().out.splitlines()[-3:]
    assert len(eval(displaced)) == 1
    assert "another person" in refused
    assert state == "live"


@pytest.mark.parametrize("page", PAGES)
def test_a_message_is_verified_as_the_page_says(page):
    (code,) = (block for block in blocks(page, "python") if "compare_digest" in block)
    now, body = str(int(time.time())), b'{"id": "x"}'
    check = functools.partial(exec, code)
    for given, holds in ((body, True), (b"{}", False)):
        names = {"hmac": hmac, "hashlib": hashlib, "time": time, "secret": "s", "timestamp": now, "body": given}
        names["signature"] = signature("s", int(now), body)
        check(names)
        assert names["fine"] is holds
