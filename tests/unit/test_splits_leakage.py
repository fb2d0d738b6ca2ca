"""A leak makes an oracle win that shows what training has seen and the user has not, where nobody shares a work.

In such a log a held-out work is in no other event, so a model can only know of it from the event that was held out.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

import numpy as np
import pytest

from recsys.dataset.splits import splits
from recsys.dataset.splitspec import SplitSpec
from recsys.evaluate import evaluate
from recsys.models.recipe import FitContext, Recipe
from recsys.retrieval import top_k
from recsys.types import BoolArray, IntArray, Query, Ranked
from support.data import dataset

USERS, WORKS = 30, 8


class Oracle(Recipe):
    """Shows first what it was fitted on or finds in a history, and nothing else."""

    name: ClassVar[str] = "oracle"

    def fit(self, data, ctx):
        return OracleModel(self, np.bincount(data.item, minlength=data.n_items) > 0)


class OracleModel:
    def __init__(self, recipe, knows):
        self.recipe, self.knows = recipe, knows

    def top(self, queries: Sequence[Query], n: int, allowed: BoolArray, exclude: Sequence[IntArray]) -> list[Ranked]:
        scores = np.where(np.tile(self.knows, (len(queries), 1)), 1.0, -np.inf).astype(np.float32)
        for row, query in zip(scores, queries, strict=True):
            row[query.items] = 1.0
        return top_k(scores, n, allowed, exclude, "oracle")


def nobody_shares(ordered=True):
    """Every event has a work of its own; users' days are interleaved, and each day has two events of its user."""
    rows = [(f"u{u:02}", f"i{u:02}{n}", float(u % 3 + n // 2 * 3) - 20) for u in range(USERS) for n in range(WORKS)]
    return replace(dataset(rows), ordered=ordered)


SPLITS = {
    "global time": SplitSpec(strategy="time"),
    "explicit cuts": SplitSpec(cuts=("2023-11-01", "2023-11-04")),
    "rolling windows": SplitSpec(strategy="time", windows=3, test=0.1),
    "online": SplitSpec(strategy="time", protocol="online"),
    "leave-last": SplitSpec(strategy="last"),
    "random": SplitSpec(strategy="random"),
    "users": SplitSpec(strategy="users"),
    "users without an order": SplitSpec(strategy="users"),
}


def found(data, holdout, known):
    model = Oracle().fit(known, FitContext())
    return evaluate(model, holdout, data, ks=(data.n_items,)).mean(f"recall@{data.n_items}")


@pytest.mark.parametrize("name", SPLITS)
def test_no_split_lets_the_oracle_win(name):
    data = nobody_shares(ordered="without" not in name)
    for split in splits(data, SPLITS[name]):
        assert found(data, split.validation, split.train) == 0.0
        assert found(data, split.test, split.train_validation) == 0.0


@pytest.mark.parametrize("name", SPLITS)
def test_where_training_sees_the_held_out_events_the_oracle_wins(name):
    data = nobody_shares(ordered="without" not in name)
    for split in splits(data, SPLITS[name]):
        assert found(data, split.validation, data) == 1.0
        assert found(data, split.test, data) == 1.0


@pytest.mark.parametrize("name", ["global time", "explicit cuts", "rolling windows", "online"])
def test_a_split_by_time_trains_on_nothing_that_is_later_than_a_question(name):
    for split in splits(nobody_shares(), SPLITS[name]):
        for past, holdout in ((split.train, split.validation), (split.train_validation, split.test)):
            assert np.max(past.time) < min(query.at for query in holdout.queries)


@pytest.mark.parametrize("name", ["users", "users without an order"])
def test_a_split_of_users_trains_on_no_event_of_whom_it_asks(name):
    for split in splits(nobody_shares(ordered="without" not in name), SPLITS[name]):
        assert not np.isin(split.train.user, split.validation.users).any()
        assert not np.isin(split.train_validation.user, split.test.users).any()
