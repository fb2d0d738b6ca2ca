"""The service that is quickly written: FastAPI around ``implicit``, with the same model, users and answers.

    uvicorn benchmarks._naive_service:app

``RECSYS_BENCH_NAIVE`` names a folder with factors, users, items and histories, as ``serve_against_naive`` writes them.
"""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
from fastapi import FastAPI
from implicit.cpu.als import AlternatingLeastSquares
from pydantic import BaseModel

FOLDER = Path(os.environ["RECSYS_BENCH_NAIVE"])


class Ask(BaseModel):
    """The same request as the product's."""

    user_id: str
    k: int = 10
    age: int | None = None
    surface: str = "feed"
    territory: str | None = None


def _model() -> Any:
    factors = np.load(FOLDER / "factors.npy")
    model = AlternatingLeastSquares(factors=factors.shape[1], num_threads=1)
    model.item_factors, model.user_factors = factors, np.load(FOLDER / "users.npy")
    return model


model = _model()
items: list[dict[str, Any]] = json.loads((FOLDER / "items.json").read_text())
histories: dict[str, list[int]] = json.loads((FOLDER / "histories.json").read_text())
rows = {user: row for row, user in enumerate(histories)}
user_items = sp.csr_matrix(
    (
        np.ones(sum(map(len, histories.values())), np.float32),
        [item for seen in histories.values() for item in seen],
        np.cumsum([0, *map(len, histories.values())]),
    ),
    shape=(len(histories), len(items)),
)
app = FastAPI()


@app.get("/readyz")
def ready() -> dict[str, str]:
    """Whether it answers."""
    return {"status": "ok"}


@app.post("/v1/recommend")
def recommend(ask: Ask) -> dict[str, Any]:
    """The trained vector of a user against all items, without what was seen; new events would need a new training."""
    row = rows[ask.user_id]
    found, scores = model.recommend(row, user_items[row], N=ask.k, filter_already_liked_items=True)
    return {
        "surface": ask.surface,
        "items": [
            {**items[item], "rank": rank, "score": float(score)}
            for rank, (item, score) in enumerate(zip(found.tolist(), scores.tolist(), strict=True), 1)
        ],
    }
