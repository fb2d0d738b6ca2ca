"""`recsys serve` starts as many workers as it is told, or one a core, on a port that nobody else has."""

import os
import socket

import pytest

from recsys.errors import ConfigError
from serving.commands import run
from serving.ports import free
from serving.settings import Settings
from support.command_line import nowhere, recsys  # noqa: F401 - fixtures


@pytest.fixture
def taken():
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield listening.getsockname()[1]


@pytest.mark.parametrize(("workers", "told"), [(3, "3"), (0, "0"), (None, "1")])
def test_the_service_is_told_how_many_workers_are_asked_for(monkeypatch, tmp_path, workers, told):
    begun = []
    monkeypatch.setenv("RECSYS_VAR", str(tmp_path))
    monkeypatch.setattr("serving.ports.free", lambda host, port: None)  # whoever has the default port
    monkeypatch.setattr(os, "execve", lambda *given: begun.append(given))
    run.serve(workers=workers)
    ((_, _, environment),) = begun
    assert environment["RECSYS_WORKERS"] == told


def test_0_workers_are_one_a_core(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0, 1, 5}, raising=False)
    assert Settings(workers=0).processes == 3
    assert Settings(workers=2).processes == 2


@pytest.mark.parametrize("command", ["serve", "demo"])
def test_a_port_that_is_taken_is_said_before_anything_is_begun(recsys, taken, tmp_path, command):  # noqa: F811
    assert f"port {taken}: Address already in use" in recsys(command, "--port", taken, fails=ConfigError)
    assert not (tmp_path / "var" / "data").exists()


def test_a_port_whose_last_listener_has_gone_is_free(taken):
    with pytest.raises(ConfigError, match="Name another"):
        free("127.0.0.1", taken)
    with socket.socket() as gone:
        gone.bind(("127.0.0.1", 0))
        port = gone.getsockname()[1]
    free("127.0.0.1", port)
