from pathlib import Path

from recsys.bundle import Facts, load_bundle, write_bundle
from recsys.models.recipe import FitContext, recipes
from recsys.pipeline import Pipeline
from support.report import SECRETS, log, report
from training import card

HEADINGS = (
    "Model details",
    "Intended use",
    "Factors",
    "Metrics",
    "Evaluation data",
    "Training data",
    "Quantitative analyses",
    "Ethical considerations",
    "Limits",
    "Safety policy",
    "How to reproduce",
)


def chapters(text: str) -> dict[str, str]:
    return dict(part.split("\n\n", 1) for part in text.split("\n## ")[1:])


def test_a_card_has_the_chapters_of_a_model_card():
    assert tuple(chapters(card.write(report()))) == HEADINGS


def test_a_card_says_what_the_model_was_fitted_and_measured_on():
    told = chapters(card.write(report(run="r1")))
    assert "all 9 events of 3 users with 4 works" in told["Training data"]
    assert "events version 7 of `/lake`" in told["Training data"]
    assert "3 test queries" in told["Evaluation data"]
    assert "`told` (section good), best on validation of 2 models; `popular`" in told["Model details"]
    assert "Seed 0" in told["How to reproduce"]
    assert "scores = [" in told["How to reproduce"]


def test_a_card_has_the_figures_of_the_test_slice():
    # 1 / (1 + 1 / log2(3)), 1 and 1
    assert "| ndcg@2 | 0.8710 [" in chapters(card.write(report()))["Quantitative analyses"]


def test_small_segments_are_limits_and_no_claims():
    told = chapters(card.write(report()))
    assert "with a history (3)" in told["Limits"]
    assert "gap" not in told["Ethical considerations"]


def test_the_policy_follows_from_the_labels_of_the_catalogue():
    values = report()
    labelled = {**values, "data": {**values["data"], "has_labels": True}}
    assert chapters(card.write(values))["Safety policy"].startswith("`open`")
    assert chapters(card.write(labelled))["Safety policy"].startswith("`strict`")


def test_names_cannot_become_markup_and_nobody_is_named():
    text = card.write(report())
    assert "# Model card: &lt;i>mine&lt;/i>" in text
    assert not any(secret in text for secret in SECRETS)


def test_the_card_lies_in_the_bundle_and_is_verified_with_it(tmp_path: Path):
    model = FitContext().fit(recipes()["popular"](half_life_days=1.0), log())
    facts = Facts(lake="/lake", lake_versions={}, spec="s", recipe=model.recipe.params(), split="none", metrics={})
    write_bundle(tmp_path / "b", Pipeline(log().catalogue, (model,)), facts, texts={card.CARD: "# 卡"})
    bundle = load_bundle(tmp_path / "b")
    assert card.CARD in bundle.manifest.files
    assert (tmp_path / "b" / card.CARD).read_text("utf-8") == "# 卡"
