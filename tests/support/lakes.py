"""Small lakes on disk, and what a job leaves behind."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa

from recsys.lake import Lake
from training.state import State

START = datetime(2024, 1, 1, tzinfo=UTC)


def grow(lake: Path, first: int, last: int, *, users: int = 10, kind: str = "view") -> None:
    """Users with one event a day from day ``first`` to ``last``, each elsewhere in the same round of 25 items."""
    rows = [(user, day, (user + day) % 25) for user in range(users) for day in range(first, last)]
    events = {
        "event_id": [f"{kind}-{user}-{day}" for user, day, _ in rows],
        "user_id": [f"u{user}" for user, _, _ in rows],
        "item_id": [f"i{item}" for _, _, item in rows],
        "kind": [kind] * len(rows),
        "timestamp": pa.array([START + timedelta(days=day) for _, day, _ in rows], pa.timestamp("us", tz="UTC")),
    }
    Lake(lake).append("events", pa.table(events))


def grow_by_taste(lake: Path, first: int, last: int, *, users: int, name: str = "u") -> None:
    """Users with one event a day from day ``first`` to ``last``, mostly of the same few of 30 items."""
    rng = np.random.default_rng(0)
    taste = 1 / np.arange(1, 31)
    works = [rng.choice(30, 20, replace=False, p=taste / taste.sum()) for _ in range(users)]
    rows = [(user, day, works[user][day]) for user in range(users) for day in range(first, last)]
    events = {
        "event_id": [f"{user}-{day}" for user, day, _ in rows],
        "user_id": [f"{name}{user:03}" for user, _, _ in rows],
        "item_id": [f"i{item:02}" for _, _, item in rows],
        "kind": ["view"] * len(rows),
        "timestamp": pa.array([START + timedelta(days=d, minutes=u) for u, d, _ in rows], pa.timestamp("us", tz="UTC")),
    }
    Lake(lake).append("events", pa.table(events))


def leftovers(state: State) -> list[Path]:
    """Half-made things where anyone would look."""
    return [path for folder in (state.root, state.bundles, state.staging) for path in folder.glob(".*.part")]
