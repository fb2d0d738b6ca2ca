"""An evaluation on disk, so that runs can be compared later. No user id is in it, only pseudonyms.

``queries.parquet`` has a row for every query, in the same order for all runs on one split:

* ``user`` uint64, a pseudonym (``pseudonyms``): rows of one user share it, in every run; ``at`` float64, the moment of
  the query in s UTC, NaN if unknown. Two runs pair where both columns are equal.
* one float64 column for each metric, named like ``ndcg@10``.
* ``in:GROUP`` bool for each group, for example ``in:warm`` or ``in:history=1-4``.
* ``GROUP:METRIC`` float64 for each group that restricts the truth, for example ``new_items:ndcg@10``; null outside of
  the group.

``evaluation.json`` says what the columns are: ``format`` 1, ``name``, ``seed``, ``metrics``, ``groups`` (each with its
number of queries), ``parts`` (the groups that restrict the truth), ``lists`` (metrics of the lists as a whole, null
where unknown), ``exposure`` (field, value: the shares shown, of the catalogue and consumed) and ``deciles`` (``hits``
and ``truth`` by popularity, rarest first, ten numbers each). It is written last: a folder without it holds no
evaluation.
"""

import json
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from recsys.errors import DataError
from recsys.evaluate.evaluation import Evaluation
from recsys.metrics import Exposure
from recsys.metrics.accuracy import Values
from recsys.types import BoolArray

FORMAT = 1
FACTS, QUERIES = "evaluation.json", "queries.parquet"


def save_evaluation(evaluation: Evaluation, folder: Path) -> None:
    """Write ``evaluation`` into ``folder``, which is made where it is missing; DataError where it cannot be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / FACTS).unlink(missing_ok=True)
        pq.write_table(_queries(evaluation), folder / QUERIES)
        (folder / FACTS).write_text(json.dumps(_facts(evaluation), indent=2, ensure_ascii=False) + "\n", "utf-8")
    except OSError as error:
        raise DataError(f"The evaluation of {evaluation.name} cannot be written to {folder}: {error}.") from None


def load_evaluation(folder: Path) -> Evaluation:
    """Read what ``save_evaluation`` wrote; DataError where the folder holds no evaluation or one of another format."""
    try:
        facts = json.loads((folder / FACTS).read_text("utf-8"))
        if facts.get("format") != FORMAT:
            raise DataError(
                f"{folder} holds an evaluation of format {facts.get('format')}, and {FORMAT} is read here; "
                "evaluate that model again."
            )
        return _evaluation(facts, pq.read_table(folder / QUERIES))
    except (OSError, ValueError, KeyError, AttributeError, pa.ArrowException) as error:
        raise DataError(f"{folder} holds no readable evaluation ({error}); evaluate that model again.") from None


def _facts(evaluation: Evaluation) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "name": evaluation.name,
        "seed": evaluation.seed,
        "metrics": list(evaluation.per_query),
        "groups": {group: int(members.sum()) for group, members in evaluation.groups.items()},
        "parts": list(evaluation.per_part),
        "lists": dict(zip(evaluation.whole, _nulled(evaluation.whole.values()), strict=True)),
        "exposure": {field: {v: _nulled(s) for v, s in by.items()} for field, by in evaluation.exposure.items()},
        "deciles": {"hits": evaluation.decile_hits.tolist(), "truth": evaluation.decile_truth.tolist()},
    }


def _nulled(values: Iterable[float]) -> list[float | None]:
    """JSON knows no NaN."""
    return [value if math.isfinite(value) else None for value in values]


def _read(values: Iterable[float | None]) -> list[float]:
    return [math.nan if value is None else value for value in values]


def _queries(evaluation: Evaluation) -> pa.Table:
    columns: dict[str, Any] = {"user": evaluation.users, "at": evaluation.at, **evaluation.per_query}
    columns |= {f"in:{group}": members for group, members in evaluation.groups.items()}
    for group, metrics in evaluation.per_part.items():
        members = evaluation.groups[group]
        columns |= {f"{group}:{metric}": _spread(values, members) for metric, values in metrics.items()}
    return pa.table(columns)


def _spread(values: Values, members: BoolArray) -> pa.Array:
    """(queries,) with nulls outside of the group."""
    wide = np.zeros(len(members), np.float64)
    wide[members] = values
    return pa.array(wide, mask=~members)


def _evaluation(facts: dict[str, Any], queries: pa.Table) -> Evaluation:
    def column(name: str) -> Any:
        return queries[name].combine_chunks().drop_null().to_numpy(zero_copy_only=False)

    return Evaluation(
        name=facts["name"],
        users=column("user"),
        at=column("at"),
        per_query={metric: column(metric) for metric in facts["metrics"]},
        per_part={part: {m: column(f"{part}:{m}") for m in facts["metrics"]} for part in facts["parts"]},
        groups={group: column(f"in:{group}") for group in facts["groups"]},
        whole=dict(zip(facts["lists"], _read(facts["lists"].values()), strict=True)),
        exposure={f: {v: Exposure(*_read(s)) for v, s in by.items()} for f, by in facts["exposure"].items()},
        decile_hits=np.array(facts["deciles"]["hits"], np.int32),
        decile_truth=np.array(facts["deciles"]["truth"], np.int32),
        seed=facts["seed"],
    )
