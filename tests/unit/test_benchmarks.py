import sys
from types import SimpleNamespace

import pytest

from benchmarks import __main__ as command
from benchmarks.loop import best_single
from recsys.evaluate import evaluate
from recsys.models.recipe import FitContext
from support.data import dataset, holdout
from support.models import Told

DATA = dataset([("u", "a", 0.0), ("v", "b", 0.0)], items=["c", "d"])
ASKED = holdout(DATA, {"u": ["c"]})


def trial(section, *scores):
    """A trial that ranks the items a, b, c and d by these scores."""
    told = evaluate(Told(scores=scores).fit(DATA, FitContext()), ASKED, DATA)
    return SimpleNamespace(section=section, pooled_test=told)


@pytest.mark.parametrize("name", ["loop", "all"])
def test_an_unknown_case_is_refused_with_those_there_are(name, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["benchmarks", name, "--case", "rollling"])
    assert command.main() == 2
    told = capsys.readouterr().err
    assert "no case 'rollling'" in told
    assert "rolling, random" in told


def test_the_best_single_model_on_test_is_named_with_the_blends_ratio_to_it():
    worst, best = trial("als", 1.0, 4.0, 2.0, 3.0), trial("warp", 1.0, 2.0, 4.0, 3.0)  # u's c is third and first
    trials = {"als": worst, "warp": best, "two_tower": worst, "popular": worst, "blend": worst}
    assert best_single(trials) == {"model": "warp", "ratio": 0.5, "low": 0.5, "high": 0.5}  # 1 / log2(4)
