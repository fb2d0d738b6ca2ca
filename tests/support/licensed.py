"""An engine whose works have rights documents, read by ``recsys rights import``."""

from pathlib import Path
from typing import Any

from recsys.types import Viewer
from support.commands import recsys
from support.receipts import Logged, ids

ALL = 60  # more than there are works: a list without it does not show it


class Licensed(Logged):
    """Works that a person has cleared, so that every surface shows them but for their rights."""

    def __init__(self, folder: Path, *works: str) -> None:
        self.root = folder
        (folder / "var").mkdir()
        super().__init__(folder / "var")
        self.control.upsert_items([{"item_id": name, "title": name, "labels": ["general"]} for name in works], "desk")

    def reads(self, document: str | bytes) -> None:
        """Import a document, as the rights desk does."""
        file = self.root / "document"
        file.write_bytes(document.encode() if isinstance(document, str) else document)
        recsys(self.root, "rights", "import", file, "--actor", "desk")

    def shows(self, work: str, territory: str | None = "DE", surface: str = "feed", **ask: Any) -> bool:
        """Whether a list for an adult there has the work now."""
        return work in ids(self.answer(Viewer(surface, territory, 30), ALL, **ask))
