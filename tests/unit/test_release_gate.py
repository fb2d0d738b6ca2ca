from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recsys.bundle import Facts, write_bundle
from recsys.errors import BundleError, ConfigError, StoreError
from recsys.evaluate import Evaluation
from recsys.pipeline import Pipeline
from recsys.types import query
from support.data import dataset
from training.drift.limits import DriftLimits
from training.drift.report import DriftReport, Measure
from training.gate import Evidence, Finding, judge, parse_gate
from training.gate.check import checks, parse_check
from training.gate.spec import DEFAULT, default_gate, load_gate
from training.probe import Probe, probe
from training.promotion import Candidate
from training.spec import parse_spec

METRIC = "ndcg@10"


def evaluation(
    values: Sequence[float], groups: Mapping[str, Sequence[int]] | None = None, **whole: float
) -> Evaluation:
    """One value a query, each of another user; groups name their queries."""
    n = len(values)
    members = {"all": np.ones(n, np.bool_)}
    for name, places in (groups or {}).items():
        members[name] = np.isin(np.arange(n), places)
    return Evaluation(
        name="x",
        users=np.arange(n, dtype=np.uint64),
        at=np.full(n, np.nan),
        per_query={METRIC: np.array(values, np.float32)},
        per_part={},
        groups=members,
        whole={name.replace("_at_", "@"): value for name, value in whole.items()},
        exposure={},
        decile_hits=np.zeros(10, np.int32),
        decile_truth=np.zeros(10, np.int32),
    )


def evidence(test: Evaluation, champion: Evaluation | None = None, floor: Evaluation | None = None) -> Evidence:
    """A new recipe at the gate, on the champion's data."""
    other = Candidate({"recipe": "als"}, "/lake", {"events": 1})
    return Evidence(
        new=Candidate({"recipe": "warp"}, "/lake", {"events": 1}),
        champion=None if champion is None else other,
        test=test,
        champion_test=champion,
        floor_test=floor or test,
        metric=METRIC,
    )


def found(name: str, given: Evidence, **limits: Any) -> Finding:
    return parse_check(name, limits, where="test").find(given)


def test_the_champion_rule_is_one_check_with_its_own_words() -> None:
    better = found("champion", evidence(evaluation([0.6, 0.6]), evaluation([0.5, 0.5])))
    assert (better.outcome, better.value) == ("pass", pytest.approx(1.2))
    worse = found("champion", evidence(evaluation([0.5, 0.5]), evaluation([0.6, 0.6])))
    assert worse.outcome == "fail"
    assert "champion stays" in worse.sentence


def test_the_margin_of_the_champion_rule_is_data() -> None:
    given = evidence(evaluation([0.9, 0.2, 0.4, 0.8]), evaluation([0.2, 0.8, 0.6, 0.6]))  # 2.3 ÷ 2.2, and very unsure
    assert found("champion", given).outcome == "fail"
    assert found("champion", given, margin=0.9).outcome == "pass"


def test_the_floor_is_a_ratio() -> None:
    given = evidence(evaluation([0.3, 0.3]), evaluation([0.1, 0.1]), evaluation([0.4, 0.4]))
    assert found("floor", given).value == pytest.approx(0.75)
    assert found("floor", given).outcome == "fail"
    assert found("floor", given, at_least=0.7).outcome == "pass"


def test_the_first_model_is_held_back_by_the_floor_only_where_that_is_asked_for() -> None:
    first = evidence(evaluation([0.3]), None, evaluation([0.4]))
    assert found("floor", first).outcome == "pass"
    assert found("floor", first, first=True).outcome == "fail"


GROUPS = {"history=0": [0, 1], "history=1-4": [2, 3, 4, 5], "age=25-34": [0]}


def test_a_group_that_loses_for_certain_fails_though_the_mean_wins() -> None:
    given = evidence(
        evaluation([0.1, 0.1, 0.9, 0.9, 0.9, 0.9], GROUPS), evaluation([0.2, 0.2, 0.5, 0.5, 0.5, 0.5], GROUPS)
    )
    finding = found("segments", given, min_queries=2)
    assert (finding.outcome, finding.value) == ("fail", pytest.approx(0.5))
    assert "history=0 0.500× [0.500, 0.500]" in finding.sentence


def test_groups_too_small_or_of_another_kind_are_not_judged() -> None:
    given = evidence(
        evaluation([0.1, 0.1, 0.9, 0.9, 0.9, 0.9], GROUPS), evaluation([0.2, 0.2, 0.5, 0.5, 0.5, 0.5], GROUPS)
    )
    assert found("segments", given, min_queries=3).outcome == "pass"
    assert found("segments", given, min_queries=7).outcome == "not measured"
    assert found("segments", given, min_queries=2, kinds=["age"]).outcome == "not measured"
    assert found("segments", evidence(evaluation([0.1])), min_queries=1).outcome == "not measured"


def test_coverage_is_held_against_a_share_and_against_the_champion() -> None:
    given = evidence(evaluation([1.0], coverage_at_10=0.2), evaluation([1.0], coverage_at_10=0.5))
    assert found("coverage", given, at_least=0.15).outcome == "pass"
    beside = found("coverage", given, at_least=0.15, of_champion=0.5)
    assert (beside.outcome, beside.value, beside.limit) == ("fail", 0.2, 0.25)


def test_what_was_not_measured_or_has_no_limit_says_so() -> None:
    given = evidence(evaluation([1.0], coverage_at_10=0.2))
    assert found("coverage", given, k=20, at_least=0.1).sentence == "coverage@20 was not measured."
    assert found("coverage", given, of_champion=0.5).outcome == "not measured"


def test_fairness_is_the_gap_between_the_best_and_the_worst_group_over_the_mean() -> None:
    groups = {"gender=F": [0, 1], "gender=M": [2, 3], "age=18-24": [0, 2], "age=25-34": [1, 3]}
    given = evidence(evaluation([0.2, 0.2, 0.6, 0.6], groups))
    finding = found("fairness", given, min_queries=2, at_most=0.5)
    assert (finding.outcome, finding.value) == ("fail", pytest.approx(1.0))  # (0.6 - 0.2) ÷ 0.4
    assert "gender=M 0.6000, gender=F 0.2000" in finding.sentence
    assert found("fairness", given, min_queries=2, at_most=0.5, kinds=["age"]).value == pytest.approx(0.0)
    assert found("fairness", given, min_queries=3).outcome == "not measured"


def test_calibration_is_held_from_above() -> None:
    given = evidence(evaluation([1.0], calibration_error_at_10=0.3), evaluation([1.0], calibration_error_at_10=0.2))
    assert found("calibration", given, at_most=0.3).outcome == "pass"
    assert found("calibration", given, of_champion=1.25).limit == pytest.approx(0.25)
    assert found("calibration", given, of_champion=1.25).outcome == "fail"


class Measured(Evidence):
    probe = Probe(queries=200, p50_ms=4.0, p99_ms=30.0, disk_mb=100.0, resident_mb=500.0, load_seconds=1.0)


def measured() -> Evidence:
    plain = evidence(evaluation([1.0]))
    return Measured(plain.new, None, plain.test, None, plain.test, METRIC)


@pytest.mark.parametrize(
    ("limits", "outcome", "value"),
    [
        ({"p50_ms": 5, "p99_ms": 40}, "pass", 4.0),
        ({"p50_ms": 3, "p99_ms": 40}, "fail", 4.0),
        ({"p50_ms": 50, "p99_ms": 20}, "fail", 30.0),
    ],
)
def test_latency_holds_both_quantiles_and_tells_the_one_nearer_its_limit(
    limits: dict[str, float], outcome: str, value: float
) -> None:
    finding = found("latency", measured(), **limits)
    assert (finding.outcome, finding.value) == (outcome, value)


@pytest.mark.parametrize(
    ("limits", "outcome"),
    [
        ({"disk_mb": 100, "resident_mb": 500}, "pass"),
        ({"disk_mb": 99}, "fail"),
        ({"resident_mb": 499}, "fail"),
    ],
)
def test_memory_holds_disk_and_process(limits: dict[str, float], outcome: str) -> None:
    assert found("memory", measured(), **limits).outcome == outcome


def test_without_a_bundle_its_time_and_memory_are_not_measured() -> None:
    given = evidence(evaluation([1.0]))
    assert {found(name, given).outcome for name in ("latency", "memory")} == {"not measured"}


def test_a_bundle_is_measured_in_a_process_of_its_own(tmp_path: Path) -> None:
    data = dataset([("u", "a", -1), ("u", "b", 0)])
    facts = Facts(lake="/lake", lake_versions={}, spec="x", recipe={}, split="x", metrics={})
    pipeline = Pipeline(data.catalogue, (told_popular(data),))
    write_bundle(tmp_path / "bundle", pipeline, facts)
    made = probe(tmp_path / "bundle", [data.query(0), query()])
    size = sum(path.stat().st_size for path in (tmp_path / "bundle").rglob("*") if path.is_file())
    assert (made.queries, made.disk_mb) == (200, size / 1e6)  # two queries, over and over
    assert 0 < made.p50_ms <= made.p99_ms
    assert made.resident_mb > 20  # numpy alone is more
    (tmp_path / "bundle" / "items.arrow").write_bytes(b"")
    with pytest.raises(BundleError, match="cannot be measured"):
        probe(tmp_path / "bundle", [])


def test_a_bundle_that_nobody_asks_is_not_timed(tmp_path: Path) -> None:
    data = dataset([("u", "a", 0)])
    facts = Facts(lake="/lake", lake_versions={}, spec="x", recipe={}, split="x", metrics={})
    write_bundle(tmp_path / "bundle", Pipeline(data.catalogue, (told_popular(data),)), facts)
    assert probe(tmp_path / "bundle", []).queries == 0


def told_popular(data: Any) -> Any:
    from recsys.models.popular import Popular
    from recsys.models.recipe import FitContext

    return Popular(half_life_days=7.0).fit(data, FitContext())


def drifting(psi: float, new_events: int = 1000) -> Any:
    measure = Measure("events.kind", "psi", psi)
    return lambda limits: DriftReport("/lake", {"events": 1}, {"events": 2}, new_events, (measure,), limits)


def with_drift(tell: Any) -> Evidence:
    plain = evidence(evaluation([1.0]))
    return Evidence(plain.new, None, plain.test, None, plain.test, METRIC, drift=tell)


@pytest.mark.parametrize(("psi", "outcome"), [(0.49, "pass"), (0.5, "fail")])
def test_drift_fails_where_a_measure_blocks(psi: float, outcome: str) -> None:
    assert found("drift", with_drift(drifting(psi))).outcome == outcome


def test_drift_limits_are_data() -> None:
    limits = {"limits": {"psi": {"block": 2.0}}}
    assert found("drift", with_drift(drifting(1.0)), **limits).outcome == "pass"
    own = {"limits": {"psi": {"block": 2.0}, "measures": {"events.kind": {"block": 1.0}}}}
    assert found("drift", with_drift(drifting(1.0)), **own).outcome == "fail"


def test_drift_is_not_measured_on_few_events_on_another_lake_or_on_a_version_that_is_gone() -> None:
    def gone(limits: DriftLimits) -> DriftReport | None:
        raise StoreError("Version 1 went with an erasure.")

    assert found("drift", with_drift(drifting(9.0, new_events=99))).outcome == "not measured"
    assert found("drift", with_drift(lambda limits: None)).outcome == "not measured"
    assert "erasure" in found("drift", with_drift(gone)).sentence


def test_safety_evidence_must_be_there_once_it_is_asked_for(tmp_path: Path) -> None:
    given, report = evidence(evaluation([1.0])), tmp_path / "safety.json"
    assert found("safety", given).outcome == "not measured"
    assert found("safety", given, evidence=str(report)).outcome == "fail"
    report.write_text("")
    assert "is empty" in found("safety", given, evidence=str(report)).sentence
    report.write_text("abc")
    sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert sha256 in found("safety", given, evidence=str(report)).sentence


def gate(**tables: Any) -> Any:
    """A gate of these checks alone."""
    others = dict.fromkeys(set(default_gate().checks) - set(tables), False)
    return parse_gate({**others, **tables}, where="test")


def test_a_failed_check_that_blocks_makes_a_challenger_and_one_that_does_not_is_told() -> None:
    given = evidence(evaluation([0.5, 0.5], coverage_at_10=0.1))
    blocked = judge(gate(coverage={"at_least": 0.2}), given)
    assert not blocked.passed
    assert blocked.decision.reason.startswith("Gate, coverage: coverage@10 is 0.100")
    warned = judge(gate(coverage={"at_least": 0.2, "block": False}), given)
    assert warned.passed
    assert warned.values()["checks"][0]["outcome"] == "fail"


def test_what_is_required_must_have_been_measured() -> None:
    given = evidence(evaluation([0.5]))
    assert judge(gate(safety={}), given).passed
    assert not judge(gate(safety={"required": True}), given).passed


def test_a_version_that_passes_is_champion_for_the_champion_rules_reason() -> None:
    report = judge(gate(champion={}, floor={}), evidence(evaluation([0.5])))
    assert report.decision.promoted
    assert report.decision.reason.startswith("It is the first model")


def test_a_gate_as_plain_values_says_value_limit_and_sentence() -> None:
    values = judge(gate(coverage={"at_least": 0.05}), evidence(evaluation([1.0], coverage_at_10=0.1))).values()
    assert values == {
        "passed": True,
        "checks": [
            {
                "check": "coverage",
                "outcome": "pass",
                "sentence": "coverage@10 is 0.100; at least 0.050 is wanted.",
                "value": 0.1,
                "limit": 0.05,
                "block": True,
                "stops": False,
            }
        ],
    }


def test_every_check_is_in_the_gate_that_ships() -> None:
    assert set(default_gate().checks) == set(checks())
    assert DEFAULT.is_file()


def test_a_run_spec_changes_single_limits_and_drops_checks() -> None:
    spec = parse_spec(
        {
            "models": {"popular": {}},
            "gate": {"segments": {"min_queries": 7}, "coverage": False, "floor": {"first": True}},
        }
    )
    made = spec.gate.tables()
    assert made["segments"] == {**default_gate().tables()["segments"], "min_queries": 7}
    assert "coverage" not in made
    assert made["floor"]["at_least"] == 1.0


def test_a_gate_file_changes_what_the_spec_says(tmp_path: Path) -> None:
    (tmp_path / "gate.toml").write_text("latency = false\n[segments]\nat_least = 0.9\n")
    base = parse_spec({"models": {"popular": {}}, "gate": {"segments": {"min_queries": 7}}}).gate
    made = load_gate(tmp_path / "gate.toml", base).tables()
    assert (made["segments"]["at_least"], made["segments"]["min_queries"]) == (0.9, 7)
    assert "latency" not in made


def test_a_gate_file_changes_single_limits_of_drift(tmp_path: Path) -> None:
    (tmp_path / "gate.toml").write_text("[drift.limits]\njs = {block = 0.9}\n")
    base = parse_spec({"models": {"popular": {}}, "gate": {"drift": {"limits": {"psi": {"warn": 0.1}}}}}).gate
    limits = load_gate(tmp_path / "gate.toml", base).tables()["drift"]["limits"]
    assert (limits["psi"], limits["js"], limits["days"]) == ({"warn": 0.1}, {"block": 0.9}, 28.0)


def test_a_gate_survives_being_written_as_plain_values() -> None:
    spec = parse_spec({"models": {"popular": {}}, "gate": {"coverage": {"at_least": 0.1}}})
    assert parse_gate(spec.model_dump(mode="json")["gate"], where="test") == spec.gate


@pytest.mark.parametrize(
    ("tables", "message"),
    [
        ({"covfefe": {}}, "There is no check of the gate 'covfefe'; known are: calibration, champion"),
        ({"covfefe": False}, "There is no check of the gate 'covfefe'"),
        ({"coverage": {"minimum": 1}}, "gate.coverage.minimum"),
        ({"coverage": {"at_least": 2}}, "gate.coverage.at_least"),
        ({"coverage": 0.5}, "gate.coverage: write a table of limits, or false"),
        ({"drift": {"limits": {"psi": {"warm": 1}}}}, "gate.drift.limits.psi.warm"),
        ([], "gate: this must be a table"),
    ],
)
def test_an_unknown_check_or_limit_is_refused_by_name(tables: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse_spec({"models": {"popular": {}}, "gate": tables})


def test_a_gate_file_that_is_missing_or_no_toml_is_refused(tmp_path: Path) -> None:
    (tmp_path / "broken.toml").write_text("[coverage")
    for name, message in (("missing.toml", "cannot be read"), ("broken.toml", "is not valid TOML")):
        with pytest.raises(ConfigError, match=message):
            load_gate(tmp_path / name, default_gate())
