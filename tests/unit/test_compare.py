from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from recsys.errors import ConfigError, DataError
from support.data import dataset, holdout
from support.report import SPEC, contest, log, source
from training import measured
from training.compare import compare
from training.measured import Measured, check_same, fingerprint
from training.report import compared
from training.runs import Found
from training.selection import Contest
from training.tracking import Recorded


def run(section: str, **asked: Any) -> Measured:
    """One section of the small run of ``support.report``; ``asked`` is said to be other."""
    test = next(trial.test for trial in small_contest().trials if trial.section == section)
    return Measured(f"run/{section}", test, {**measured.asked(source(log()), SPEC), **asked})


@cache
def small_contest() -> Contest:
    return contest(log())[1]


def found(one: Measured) -> Found:
    section = one.label.rpartition("/")[2]
    return Found(one.label, Recorded("id", "run", None, "good"), Recorded(section, section, "id", None))


def values(*runs: Measured, metric: str | None = None) -> dict[str, Any]:
    return compare([found(one) for one in runs], runs, metric=metric)


def test_each_run_is_held_against_the_first_on_the_same_queries():
    (pair,) = values(run("bad"), run("good"))["pairs"]
    assert (pair["base"], pair["run"]) == ("run/bad", "run/good")
    hit = pair["groups"][0]["metrics"]["hit@2"]
    assert hit["base"] == pytest.approx(1 / 3)
    assert hit["mean"] == 1.0
    assert hit["ratio"]["ratio"] == pytest.approx(3.0)
    # ndcg@2 of "good" is 1/(1+1/log2(3)), 1, 1; of "bad" the first of these alone
    assert pair["groups"][0]["metrics"]["ndcg@2"]["ratio"]["ratio"] == pytest.approx(4.2619, abs=1e-3)


def test_a_run_against_itself_is_one_everywhere():
    (pair,) = values(run("good"), run("good"))["pairs"]
    for group in pair["groups"]:
        for metric in group["metrics"].values():
            assert metric["ratio"] == {"ratio": 1.0, "low": 1.0, "high": 1.0}


def test_the_interval_is_paired_query_by_query():
    """Twice as good on every query: no resample says anything else, however far the queries are apart."""
    once = run("good")
    twice = replace(once.evaluation, per_query={"ndcg@2": once.evaluation.per_query["ndcg@2"] * 2})
    (pair,) = values(once, replace(once, evaluation=twice))["pairs"]
    ratio = pair["groups"][0]["metrics"]["ndcg@2"]["ratio"]
    assert list(ratio.values()) == pytest.approx([2.0, 2.0, 2.0])


def test_only_shared_metrics_and_groups_are_compared():
    once = run("good")
    some = replace(
        once.evaluation,
        per_query={"hit@2": once.evaluation.per_query["hit@2"]},
        groups={"all": once.evaluation.groups["all"]},
    )
    (pair,) = values(once, replace(once, evaluation=some), metric="hit@2")["pairs"]
    assert [(group["group"], list(group["metrics"])) for group in pair["groups"]] == [("all", ["hit@2"])]
    with pytest.raises(ConfigError, match="do not share the metric 'ndcg@2'; they share: hit@2"):
        values(once, replace(once, evaluation=some))


def test_a_single_run_is_no_comparison():
    with pytest.raises(ConfigError, match="two runs"):
        values(run("good"))


@pytest.mark.parametrize(
    ("other", "told"),
    [
        ({"lake_versions": {"events": 8}}, "the lake version of events (7 and 8)"),
        ({"lake_ids": {"events": "z"}, "lake": "/elsewhere"}, "the lake (/lake and /elsewhere)"),
        ({"splitting": {**SPEC.split.model_dump(mode="json"), "test": 0.3}}, "the split's test (none and 0.3)"),
        ({"split": "window 2"}, "the split (last and window 2)"),
        ({"prepare": {}}, "the preparation's events"),
        ({}, "who was asked or what was to be found"),
    ],
)  # fmt: skip
def test_other_queries_are_refused_with_what_differs(other, told):
    with pytest.raises(ConfigError) as refused:
        check_same(run("good"), run("bad", queries="others", **other))
    assert "run/good and run/bad were not measured on the same queries" in str(refused.value)
    assert told in str(refused.value)


def test_the_same_queries_from_another_lake_version_are_compared_with_a_note():
    made = values(run("good"), run("bad", lake_versions={"events": 8}))
    assert "different versions of the lake, but answered the same queries" in made["notes"][0]


def test_the_fingerprint_knows_who_was_asked_and_what_was_to_be_found():
    data = dataset([("u", "a", -2), ("v", "a", -1)], items=["b", "c"])
    prints = [
        fingerprint(holdout(data, truth), data)
        for truth in ({"u": ["b"]}, {"v": ["b"]}, {"u": ["c"]}, {"u": ["b", "c"]}, {"u": ["b"], "v": ["c"]})
    ]
    assert len(set(prints)) == len(prints)
    assert fingerprint(holdout(data, {"u": ["b"]}), data) == prints[0]


def test_an_evaluation_is_kept_whole_and_knows_nobody(tmp_path: Path):
    once = run("good")
    home = measured.save(once.evaluation, once.asked, tmp_path / "kept")
    again = measured.load(home, "again")
    check_same(once, again)
    (pair,) = values(once, replace(again, label="run/good"))["pairs"]
    assert pair["groups"][0]["metrics"]["ndcg@2"]["ratio"]["ratio"] == 1.0
    assert sorted(set(again.evaluation.users.tolist())) == [0, 1, 2]
    assert not any(b"secret-1" in path.read_bytes() for path in home.rglob("*"))


def test_an_evaluation_that_is_not_whole_is_refused(tmp_path: Path):
    home = measured.save(run("good").evaluation, {"format": 99}, tmp_path / "kept")
    with pytest.raises(DataError, match="format 99"):
        measured.load(home, "mine")
    (home / measured.FACTS).unlink()
    with pytest.raises(DataError, match="The evaluation of mine cannot be read"):
        measured.load(home, "mine")


def test_few_queries_are_called_few_and_never_better_or_worse():
    console = Console(width=100, record=True, file=None, quiet=False, force_terminal=False)
    with console.capture() as shown:
        console.print(compared.terminal(values(run("bad"), run("good"))))
    assert "few" in shown.get()
    assert "better " not in shown.get().split("Each ratio")[0]


def test_the_page_of_a_comparison_names_both_runs_and_asks_for_nothing():
    page = compared.page(values(run("bad"), replace(run("good"), label="<b>")))
    assert "&lt;b&gt; was measured on too few queries to be held against run/bad" in page
    assert "<b>" not in page
    assert "http" not in page.replace("http-equiv", "")
