"""One run while it is written."""

import hashlib
import math
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import Metric, Param

from training.tracking.errors import told

LONGEST_VALUE = 6000  # MLflow's limit for a parameter
LONGEST_KEY = 250  # and for a name


class Run:
    """One MLflow run that is being written."""

    def __init__(self, client: MlflowClient, run_id: str, uri: str) -> None:
        self._client = client
        self._uri = uri
        self.id = run_id

    def params(self, values: Mapping[str, Any]) -> None:
        """Log nested plain values as flat parameters (``parts.0.factors``)."""
        flat = [Param(_key(key), str(value)[:LONGEST_VALUE]) for key, value in flatten(values)]
        with told(self._uri):
            self._client.log_batch(self.id, params=flat)

    def metrics(self, values: Mapping[str, float], step: int = 0) -> None:
        """Log the finite ones of ``values``; ``ndcg@10`` is written ``ndcg_at_10``."""
        now = int(time.time() * 1000)
        finite = [Metric(_key(k), float(v), now, step) for k, v in values.items() if math.isfinite(v)]
        with told(self._uri):
            self._client.log_batch(self.id, metrics=finite)

    def tags(self, values: Mapping[str, str]) -> None:
        """Set tags."""
        with told(self._uri):
            for key, value in values.items():
                self._client.set_tag(self.id, key, value)

    def json(self, values: Mapping[str, Any], name: str) -> None:
        """Log plain values as a JSON artifact."""
        with told(self._uri):
            self._client.log_dict(self.id, dict(values), name)

    def folder(self, folder: Path, name: str | None = None) -> None:
        """Log the files of a folder as artifacts under ``name``."""
        with told(self._uri):
            self._client.log_artifacts(self.id, str(folder), name)


def flatten(values: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Leaves of nested mappings and sequences with dotted keys."""
    if isinstance(values, Mapping):
        for key, value in values.items():
            yield from flatten(value, f"{prefix}.{key}" if prefix else str(key))
    elif isinstance(values, Sequence) and not isinstance(values, str):
        for place, value in enumerate(values):
            yield from flatten(value, f"{prefix}.{place}")
    else:
        yield prefix, values


def _key(name: str) -> str:
    """A name as MLflow takes it: no @, other strange characters as their code, and a long one with its digest."""
    plain = re.sub(r"[^\w.\- ]", lambda odd: f"_{ord(odd[0]):x}_", name.replace("@", "_at_"))
    if len(plain) <= LONGEST_KEY:
        return plain
    digest = hashlib.sha256(plain.encode()).hexdigest()[:8]
    return f"{plain[: LONGEST_KEY - 9]}.{digest}"
