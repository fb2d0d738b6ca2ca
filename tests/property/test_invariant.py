"""What is shown is a subset of what safety allows, and full where it may be: random worlds under an oracle's eyes."""

import ast
import json
import logging
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import structlog

import benchmarks.oracle
from benchmarks._journal import Journal
from benchmarks.form import Options
from benchmarks.invariant import played, run
from benchmarks.worlds import play, shrunk, world
from recsys.errors import DataError
from recsys.rerank import cap_all
from recsys.safety.verdict import Verdict
from serving.engine import Engine

Mutation = Callable[[pytest.MonkeyPatch], None]


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Injected failures are logged with their tracebacks, which takes longer than all the rest."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.configure(**before)


def test_no_list_of_a_thousand_shows_what_the_oracle_forbids_or_is_short():
    found = played(1_000, seed=7_000, each=250, tell=False)
    assert found.faults == []
    assert found.requests >= 1_000
    assert found.shown > 2_000


def test_the_oracle_knows_nothing_of_the_product():
    files = sorted(Path(benchmarks.oracle.__file__).parent.glob("*.py"))
    trees = [ast.parse(file.read_text(encoding="utf-8")) for file in files]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    named = {node.module for node in nodes if isinstance(node, ast.ImportFrom)}
    named |= {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    own = {name.split(".")[0] for name in named if not name.startswith("benchmarks.oracle")}
    assert len(files) > 5
    assert own <= set(sys.stdlib_module_names)


def put(target: str, value: object) -> Mutation:
    return lambda patch: patch.setattr(target, value)


def no_curfew(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(sys.modules["recsys.safety.stance"], "is_curfew", lambda *_: False)


def pinned_after_the_check(patch: pytest.MonkeyPatch) -> None:
    """What a campaign or an editor claims a slot for is put on top once all is checked."""
    plain = Engine._answered

    def answered(self, view, draft, *more):
        answer = plain(self, view, draft, *more)
        items = answer.slate.items.copy()
        items[:1] = [claim.items[0] for claim in draft.live.resolved.claims][:1] or items[:1]
        return replace(answer, slate=replace(answer.slate, items=items))

    patch.setattr(Engine, "_answered", answered)


def unheard(view, control):
    return replace(view, sequence=control.sequence())


NOTHING = np.zeros(0, np.int32)
FORBIDDEN: dict[str, tuple[str, int, str, Mutation]] = {  # what happens in the world, its seed, what the oracle says
    "takedowns are not asked": ("takedowns", 500, "takedown", put("recsys.safety.court.bites", lambda *_: False)),
    "rights are not asked": ("documents", 500, "rights", put("recsys.safety.openings.Openings.open", lambda *_: True)),
    "labels have no ages": ("", 500, "age", put("recsys.safety.judge._age", lambda *_: 0)),
    "a policy is never stale": ("stale", 500, "stale", put("recsys.safety.gate.Gate.stale", property(lambda _: False))),
    "nobody sleeps": ("jumps", 514, "", no_curfew),
    "nothing is capped": ("caps", 501, "one", put("serving.view.cap_all", lambda slate, _, k: cap_all(slate, [], k))),
    "no rating counts": ("", 501, "rating", put("recsys.safety.bench.rate", lambda *_: (Verdict.ALLOW, "", 0))),
    "pages forget": ("pages", 503, "page before", put("serving.paging.Marked.items", lambda *_: NOTHING)),
    "a slot is filled after the check": ("overrides rights", 505, "", pinned_after_the_check),
    "a published pack is not heard of": ("policies", 509, "", put("serving.building._ruled_anew", unheard)),
    "nobody is of a canary's share": ("policies", 511, "canary", put("serving.trials._place", lambda *_: 1.0)),
    "no part is withheld": ("", 501, "part withheld", put("recsys.safety.judge._withheld", lambda *_: 0)),
}
SHORT: dict[str, tuple[str, int, Mutation]] = {
    "nothing is refilled": ("caps", 501, put("serving.engine.ROUNDS", 1)),
    "nothing is filled up from the cleared pool": ("", 501, put("serving.view.View.reserve", lambda *_: NOTHING)),
    "no kill switch is heard": ("overrides", 548, put("serving.stores.campaigns.halted", lambda *_: False)),
    "an erased user is remembered": (
        "users",
        533,
        put("serving.stores.users.UserControls.erase_user", lambda *_: None),
    ),
}


def small(dims: str, seed: int) -> dict[str, Any]:
    """A world of some forty requests in which only so much happens, but often."""
    return world(seed, 40, frozenset(dims.split()), between=(2, 8))


def caught(dims: str, seed: int, kind: str, why: str, mutate: Mutation) -> dict[str, Any]:
    """The first of a few worlds in which the oracle sees what a planted bug does."""
    for number in range(seed, seed + 30):
        made = small(dims, number)
        with pytest.MonkeyPatch.context() as patch:
            mutate(patch)
            found = play(made, most=50).faults
        if any(fault["fault"] == kind and why in fault["why"] for fault in found):
            return made
    pytest.fail(f"nothing of it was seen in 30 worlds from {seed} on")


@pytest.mark.parametrize("name", FORBIDDEN)
def test_the_oracle_sees_a_rule_that_is_gone(name):
    dims, seed, why, mutate = FORBIDDEN[name]
    assert play(caught(dims, seed, "forbidden", why, mutate)).faults == []


@pytest.mark.parametrize("name", SHORT)
def test_the_oracle_sees_a_list_that_could_be_longer(name):
    dims, seed, mutate = SHORT[name]
    assert play(caught(dims, seed, "short", "might be too", mutate)).faults == []


@pytest.mark.parametrize(
    ("kind", "name"),
    [("forbidden", "a slot is filled after the check"), ("short", "nothing is filled up from the cleared pool")],
)
def test_a_world_that_fails_is_cut_down_to_one_that_still_does(kind, name, monkeypatch):
    dims, seed, *_, mutate = (FORBIDDEN | SHORT)[name]
    made = caught(dims, seed, kind, "", mutate)
    mutate(monkeypatch)
    left = shrunk(made, kind, tries=40)
    assert len(left["items"]) < len(made["items"]) / 2
    assert len(left["steps"]) < len(made["steps"]) / 2
    assert play(left).faults[0]["fault"] == kind


def test_a_run_that_was_interrupted_goes_on_where_it_was(tmp_path):
    head, path = {"seed": 9_000}, tmp_path / "journal"
    whole = played(60, 9_000, each=20, journal=Journal(path, head), tell=False)
    first, *lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join([first, lines[0], lines[1][:40]]))  # killed while it wrote the second world
    left = Journal(path, head)
    assert left.seeds == {9_000}
    again = played(60, 9_000, each=20, journal=left, tell=False)
    assert (again.requests, again.shown, again.tally.plain()) == (whole.requests, whole.shown, whole.tally.plain())
    assert [json.loads(line)["seed"] for line in path.read_text().splitlines()[1:]] == sorted(
        left.seeds | {9_001, 9_002}
    )


def test_worlds_that_are_shared_out_come_to_the_same():
    alone, shared = (played(40, 9_000, each=20, jobs=jobs, tell=False) for jobs in (1, 2))
    assert shared.tally.plain() == alone.tally.plain()
    assert (shared.requests, shared.shown, shared.faults) == (alone.requests, alone.shown, [])


def test_a_long_run_in_which_a_kind_of_thing_never_came_up_has_not_passed(monkeypatch, capsys):
    monkeypatch.setattr("benchmarks.invariant.WHOLE", 20)
    rows = run(Options(count=20, seed=9_000))["rows"]
    assert [(row["case"], row["ok"]) for row in rows] == [("forbidden", True), ("short", True), ("covered", False)]
    assert "territory: GB" in capsys.readouterr().out.splitlines()[-1].removeprefix("never drawn: ").split(", ")


def test_a_journal_of_another_tree_is_refused(tmp_path):
    Journal(tmp_path / "journal", {"tree": "a"})
    with pytest.raises(DataError, match="another run"):
        Journal(tmp_path / "journal", {"tree": "b"})


@pytest.mark.parametrize("file", sorted(Path(__file__).with_name("worlds").glob("*.json")), ids=lambda file: file.stem)
def test_a_world_that_once_failed_fails_no_more(file):
    assert play(json.loads(file.read_text(encoding="utf-8"))).faults == []
