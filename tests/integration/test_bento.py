"""The built bento holds all it needs: it serves from its own copy, away from this source tree."""

import os
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import httpx
import pytest

from support.http import free_port, make_keys, publish

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def env(tmp_path_factory):
    """Without the source tree on the path, with a home of its own for bentos."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return {**kept, "BENTOML_HOME": str(tmp_path_factory.mktemp("home")), "BENTOML_DO_NOT_TRACK": "True"}


@pytest.fixture(scope="module")
def bento(env):
    made = subprocess.run(
        [sys.executable, "-m", "bentoml", "build", str(ROOT), "--output", "tag"],
        env={**env, "PYTHONPATH": str(ROOT)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert made.returncode == 0, made.stderr[-3000:]
    (folder,) = [path.parent for path in Path(env["BENTOML_HOME"]).glob("bentos/recsys/*/bento.yaml")]
    return folder


@pytest.mark.slow
def test_the_bento_holds_the_library_and_the_service_and_no_state(bento):
    held = {path.relative_to(bento / "src").parts[0] for path in (bento / "src").rglob("*") if path.is_file()}
    assert {"recsys", "serving"} <= held
    assert not held & {"var", "tests", "benchmarks", "training", ".venv", ".git"}
    assert list((bento / "src" / "recsys").rglob("packs/*")), "The policy packs are part of it."


@pytest.mark.slow
def test_the_image_runs_as_a_user_of_its_own_and_installs_what_the_project_needs(bento):
    told = (bento / "env" / "docker" / "Dockerfile").read_text()
    assert "USER bentoml" in told or "USER $BENTO_USER" in told or "USER ${BENTO_USER}" in told
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    installed = (bento / "env" / "python" / "requirements.txt").read_text()
    assert all(line in installed for line in ("litestar", "bentoml", "psycopg", "redis"))
    assert len(installed.splitlines()) >= len(wanted)


@pytest.mark.slow
def test_the_bento_is_loaded_from_its_own_copy(bento, env, tmp_path):
    shown = "import serving, recsys; print(serving.__file__, recsys.__file__)"
    code = f"import bentoml; bentoml.load({str(bento)!r}); {shown}"
    told = subprocess.run(
        [sys.executable, "-c", code], env=env, cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert all(file.startswith(str(bento)) for file in told.stdout.split()[-2:])


@pytest.mark.slow
def test_the_built_bento_serves_a_list_from_its_own_copy(bento, env, tmp_path):
    version = publish(tmp_path)
    keys = make_keys(tmp_path)
    port = free_port()
    command = [sys.executable, "-m", "bentoml", "serve", str(bento), "--host", "127.0.0.1", "--port", str(port)]
    env = {**env, "RECSYS_VAR": str(tmp_path), "RECSYS_CLOCK": "events"}
    with (tmp_path / "serve.log").open("wb") as log:
        process = subprocess.Popen(command, env=env, cwd=tmp_path, stdout=log, stderr=log)
        try:
            answer = _asked(f"http://127.0.0.1:{port}/v1/recommend", keys["platform"], process)
            assert answer.json()["model"] == version
            assert len(answer.json()["items"]) == 10
        finally:
            process.terminate()
            try:
                process.wait(timeout=60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _asked(url, key, process):
    end = time.monotonic() + 240
    while time.monotonic() < end and process.poll() is None:
        try:
            answer = httpx.post(url, json={"age": 30}, headers={"X-API-Key": key}, timeout=60)
        except httpx.TransportError:
            answer = None
        if answer is not None and answer.status_code == 200:
            return answer
        time.sleep(0.3)
    raise AssertionError("The bento did not serve.")
