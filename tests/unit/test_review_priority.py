"""What a reviewer looks at first, by hand."""

import pytest

from recsys.safety.labels import Effective
from recsys.safety.review import REPORTS, reach, severity, uncertainty, worst


def label(name="violence", score=None, source="model"):
    return Effective(name, score, None, source, None)


@pytest.mark.parametrize(("count", "steps"), [(0, 1.0), (9, 2.0), (99, 3.0), (999_999, 7.0)])
def test_ten_times_the_audience_is_one_step_more(count, steps):
    assert reach(count) == pytest.approx(steps)


def test_a_report_counts_by_its_reason_and_ten_reports_twice():
    assert severity("report", "minors") == 5.0
    assert severity("report", "mislabelled", 10) == pytest.approx(4.0)
    assert severity("report", "other", 0) == 1.0


def test_an_appeal_comes_before_a_failed_scan_and_that_before_a_hold():
    found = [severity("appeal", "appeal"), severity("error", "x"), severity("hold", "label:hate")]
    assert [*found, severity("hold", "unlabelled")] == [4.0, 3.0, 2.0, 1.0]


@pytest.mark.parametrize(
    ("labels", "doubt"),
    [
        ([], 1.0),
        ([label("error"), label(score=0.99)], 1.0),
        ([label(score=0.5)], 1.0),
        ([label(score=0.9)], 0.36),
        ([label(score=0.9), label("gore", score=0.8)], 0.64),
        ([label(score=1.0)], 0.25),
        ([label(source="provider")], 0.5),
        ([label(source="human", score=0.5), label(source="regulator")], 0.25),
    ],
)
def test_how_little_is_known_of_a_work(labels, doubt):
    assert uncertainty(labels) == pytest.approx(doubt)


def test_the_worst_of_some_reasons_stands_for_all():
    assert worst(["other", "hate", "privacy"]) == "hate"
    assert max(REPORTS.values()) == REPORTS["minors"] == REPORTS["illegal"]
