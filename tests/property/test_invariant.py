"""What is shown is a subset of what safety allows, and full where it may be: random worlds under an oracle's eyes."""

import logging
import sys
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import structlog

from benchmarks.invariant import played
from benchmarks.worlds import play, shrunk, world
from recsys.rerank import cap_all
from recsys.safety.gate import Gate
from recsys.safety.verdict import Verdict

Mutation = Callable[[pytest.MonkeyPatch], None]


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Injected failures are logged with their tracebacks, which takes longer than all the rest."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.configure(**before)


def test_no_list_of_a_few_thousand_shows_what_the_oracle_forbids_or_is_short():
    found = played(2_000, seed=7_000, each=250, tell=False)
    assert found.faults == []
    assert found.requests >= 2_000
    assert found.shown > 4_000


def put(target: str, value: object) -> Mutation:
    return lambda patch: patch.setattr(target, value)


def no_curfew(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(sys.modules["recsys.safety.stance"], "is_curfew", lambda *_: False)


MUTATIONS: dict[str, tuple[int, str, Mutation]] = {
    "takedowns are not asked": (504, "takedown", put("recsys.safety.court.bites", lambda *_: False)),
    "rights are not asked": (501, "rights", put("recsys.safety.openings.Openings.open", lambda *_: True)),
    "labels have no ages": (502, "age", put("recsys.safety.judge._age", lambda *_: 0)),
    "a policy is never stale": (501, "stale", put("recsys.safety.gate.Gate.stale", property(lambda _: False))),
    "nobody sleeps": (502, "", no_curfew),
    "nothing is capped": (501, "one", put("serving.view.cap_all", lambda slate, caps, k: cap_all(slate, [], k))),
    "nothing is refilled": (501, "might be too", put("serving.engine.ROUNDS", 1)),
    "no rating counts": (501, "rating", put("recsys.safety.bench.rate", lambda *_: (Verdict.ALLOW, "", 0))),
    "pages forget": (501, "page before", put("serving.paging.Marked.items", lambda *_: np.zeros(0, np.int32))),
}


@pytest.mark.parametrize("name", MUTATIONS)
def test_the_oracle_sees_a_rule_that_is_gone(name, monkeypatch):
    seed, why, mutate = MUTATIONS[name]
    made = world(seed, 120)
    assert play(made).faults == []
    mutate(monkeypatch)
    assert any(why in fault["why"] for fault in play(made, most=50).faults)


def test_a_world_that_fails_is_cut_down_to_one_that_still_does(monkeypatch):
    monkeypatch.setattr(Gate, "stale", property(lambda _: False))
    made = world(501, 60)
    small = shrunk(made, "forbidden", tries=60)
    assert len(small["items"]) < 5 < len(made["items"])
    assert len(small["steps"]) < len(made["steps"])
    assert play(small).faults[0]["fault"] == "forbidden"
