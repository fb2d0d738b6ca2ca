"""The benchmark of filters: both sides choose the same works, and the form is the one of all benchmarks."""

import json

from benchmarks.filters import CASES, run
from benchmarks.form import Options


def test_a_quick_run_times_a_filter_against_cel_over_the_same_works():
    found = json.loads(json.dumps(run(Options(case=CASES[2], quick=True))))
    assert [(row["case"], row["peer"], row["bar"]) for row in found["rows"]] == [("all", 5.0, "<= 5 ms")]
    assert list(found["details"]) == [CASES[2]]
    assert found["details"][CASES[2]]["times faster"] > 1
