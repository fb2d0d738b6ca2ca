import json

import pytest

from benchmarks.evaluation_speed import KS, METRICS, _agree, run
from benchmarks.form import Options
from recsys.errors import FitError


def test_a_quick_run_times_both_evaluators_to_the_same_figures():
    pytest.importorskip("irspack")
    found = json.loads(json.dumps(run(Options(case="from scores", quick=True))))
    assert [(row["peer_name"], row["bar"]) for row in found["rows"]] == [("irspack", ">= 3")]
    assert 0 < found["details"]["from scores"]["values"]["recall@50"] < 1


def test_times_of_different_figures_are_not_compared():
    same = {f"{metric}@{k}": 0.5 for metric in METRICS for k in KS}
    _agree(same, same)
    with pytest.raises(FitError, match="ndcg@20 is 0.5 by ours and 0.51 by the peer"):
        _agree(same, {**same, "ndcg@20": 0.51})
