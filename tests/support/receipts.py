"""An engine whose decisions are logged, with a clock that a test moves."""

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from recsys.bundle import Bundle
from recsys.clock import EventClock
from recsys.types import Viewer
from serving.asks import Answer, Ask
from serving.decisions import DecisionLog
from serving.receipts.chain import records, segments
from serving.settings import Settings
from support.data import AT
from support.serve import make_bundle, stand

ADULT = Viewer("feed", "DE", 30)


@cache
def shared_bundle() -> Bundle:
    """One bundle for every test that only reads it."""
    return make_bundle(Path(tempfile.mkdtemp(prefix="recsys-test-")) / "bundle")


class Logged:
    """A stand in ``folder`` and its decision log."""

    def __init__(self, folder: Path, bundle: Bundle | None = None) -> None:
        self.clock = EventClock(AT)
        self.settings = Settings(var=folder)
        self.bundle = bundle or shared_bundle()
        self.stand = stand(folder, self.bundle, self.clock)
        self.control = self.stand.control
        self.folder = self.settings.decisions_folder()
        self.log = DecisionLog(self.folder, self.control.pseudonym, clock=self.clock)

    def answer(self, viewer: Viewer = ADULT, k: int = 10, **ask: Any) -> Answer:
        """A list, not logged."""
        return self.stand.engine.recommend([Ask(viewer, k, **ask)])[0]

    def served(self, viewer: Viewer = ADULT, k: int = 10, **ask: Any) -> Answer:
        """A list, logged."""
        answer = self.answer(viewer, k, **ask)
        self.write([answer])
        return answer

    def write(self, answers: Sequence[Answer], at: float | None = None) -> None:
        """Log answers, as if they had been given at ``at``."""
        self.log.write([answer if at is None else replace(answer, at=at) for answer in answers])
        self.log.flush()

    def records(self) -> list[dict[str, Any]]:
        """Everything that is logged."""
        return [record for segment in segments(self.folder) for record in records(segment)]

    def close(self) -> None:
        """Give the files back."""
        self.log.close()
        self.control.close()


def ids(answer: Answer) -> list[str]:
    """The items of an answer."""
    return answer.view.ids.external(answer.slate.items)
