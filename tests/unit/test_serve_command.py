"""`recsys serve` starts as many workers as it is told, or one a core."""

import os

import pytest

from serving.commands import run
from serving.settings import Settings


@pytest.mark.parametrize(("workers", "told"), [(3, "3"), (0, "0"), (None, "1")])
def test_the_service_is_told_how_many_workers_are_asked_for(monkeypatch, tmp_path, workers, told):
    begun = []
    monkeypatch.setenv("RECSYS_VAR", str(tmp_path))
    monkeypatch.setattr(os, "execve", lambda *given: begun.append(given))
    run.serve(workers=workers)
    ((_, _, environment),) = begun
    assert environment["RECSYS_WORKERS"] == told


def test_0_workers_are_one_a_core(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0, 1, 5}, raising=False)
    assert Settings(workers=0).processes == 3
    assert Settings(workers=2).processes == 2
