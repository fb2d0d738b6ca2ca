"""What a training job is known by: the same spec, data and code give the same key."""

import hashlib
import importlib.metadata
import json
from collections.abc import Mapping
from typing import Any

from training.record import git_revision
from training.spec import RunSpec

KEY, SPEC_KEY = "key", "spec_key"  # tags of a version


def keys(spec: RunSpec, versions: Mapping[str, int], ids: Mapping[str, str]) -> dict[str, str]:
    """Both keys as tags: of everything, and of the spec and the code alone, whatever the data."""
    code = {"recsys": importlib.metadata.version("recsys"), "git": git_revision()}
    made_by = {"spec": spec.model_dump(mode="json"), "code": code}
    return {
        SPEC_KEY: _digest(made_by),
        KEY: _digest({**made_by, "versions": dict(versions), "ids": dict(ids)}),
    }


def _digest(facts: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]
