"""`recsys serve` starts as many workers as it is told, or one a core."""

import os

import pytest

from serving.commands import run


@pytest.mark.parametrize(("workers", "started"), [(3, "3"), (0, "2"), (None, "1")])
def test_workers_are_as_many_as_asked_for_and_0_is_one_a_core(monkeypatch, tmp_path, workers, started):
    begun = []
    monkeypatch.setenv("RECSYS_VAR", str(tmp_path))
    monkeypatch.setattr(run, "cores", lambda: 2)
    monkeypatch.setattr(os, "execve", lambda *given: begun.append(given))
    run.serve(workers=workers)
    ((_, arguments, _),) = begun
    assert arguments[arguments.index("--api-workers") + 1] == started
