"""Where a job keeps what it makes: one folder, ``var/`` by default."""

import hashlib
import json
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel

VARIABLE = "RECSYS_VAR"
STALE_DAYS = 7


@dataclass(frozen=True)
class State:
    """The state folder and the places in it. Nothing is created before it is needed."""

    root: Path

    @classmethod
    def at(cls, folder: Path | None = None) -> "State":
        """``folder``, else RECSYS_VAR, else ``var``; always absolute."""
        return cls(Path(folder or os.environ.get(VARIABLE) or "var").absolute())

    @property
    def bundles(self) -> Path:
        return self.root / "bundles"

    @property
    def champion(self) -> Path:
        return self.root / "champion.json"

    @property
    def tracking(self) -> Path:
        return self.root / "mlflow.db"

    @property
    def artifacts(self) -> Path:
        return self.root / "mlartifacts"

    @property
    def staging(self) -> Path:
        """Bundles on their way; whatever a killed job leaves here is swept by the next one."""
        return self.root / "staging"

    @property
    def checkpoints(self) -> Path:
        """Where long fits stand; a job that was killed goes on from here, one that ends well leaves nothing."""
        return self.root / "checkpoints"

    @property
    def prepared_data(self) -> Path:
        """Lake versions as arrays, a folder each; a cache."""
        return self.root / "prepared"

    def forget_stale_checkpoints(self) -> None:
        """Remove those that nobody has gone on with for a week; younger ones may be of a job that runs right now."""
        stale = time.time() - STALE_DAYS * 86_400
        for path in self.checkpoints.glob("*"):
            with suppress(FileNotFoundError):  # its own job was quicker
                if path.stat().st_mtime < stale:
                    path.unlink()

    def prepared(self, lake: str, versions: Mapping[str, int], ids: Mapping[str, str], spec: BaseModel) -> Path:
        """The folder of the data prepared with this spec from these versions of the tables with these ids."""
        facts = {"lake": lake, "versions": dict(versions), "ids": dict(ids), "spec": spec.model_dump(mode="json")}
        digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
        return self.prepared_data / digest[:16]
