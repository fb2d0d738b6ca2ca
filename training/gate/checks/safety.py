"""Evidence that the version is safe to show."""

import hashlib
from pathlib import Path

from pydantic import Field

from training.gate.check import Check, Finding, register
from training.gate.evidence import Evidence

NONE = "none"


@register("safety")
class Safety(Check):
    """A report that must be there, and not empty, once it is configured; its sha256 is recorded."""

    evidence: str = Field(NONE, min_length=1)  # path, or none

    def find(self, evidence: Evidence) -> Finding:
        if self.evidence == NONE:
            return Finding.unknown("No safety evidence is asked for.")
        try:
            content = Path(self.evidence).read_bytes()
        except OSError as error:
            return Finding.of(False, f"The safety evidence {self.evidence} cannot be read: {error.strerror}.")
        if not content:
            return Finding.of(False, f"The safety evidence {self.evidence} is empty.")
        return Finding.of(True, f"{self.evidence}, sha256 {hashlib.sha256(content).hexdigest()}.")
