"""How a process learns that the control store has changed: microseconds embedded, a push on PostgreSQL."""

import sqlite3
from typing import Protocol

from serving.stores.sqlite import Readers

NEWEST = "SELECT coalesce(max(seq), 0) FROM changes"


class Feed(Protocol):
    """The newest change number that this process knows to exist."""

    def sequence(self) -> int:
        """The number; it never waits for a server."""
        ...

    def wrote(self, seq: int) -> None:
        """Tell of a change that this process has just committed."""
        ...

    def silent_seconds(self) -> float:
        """How long the store has not been heard of; 0 where every call asks it."""
        ...

    def close(self) -> None:
        """Stop listening."""
        ...


class SqliteFeed:
    """Asks ``PRAGMA data_version`` at every call and reads only when another connection has committed."""

    def __init__(self, readers: Readers) -> None:
        self._readers = readers

    def sequence(self) -> int:
        """The newest change of any process, exactly."""
        reader = self._readers.mine()
        try:
            version: int = reader.connection.execute("PRAGMA data_version").fetchone()[0]
            if version != reader.version:
                # The version is read first: a commit in between is read now and looked at once more, never missed.
                reader.sequence = reader.connection.execute(NEWEST).fetchone()[0]
                reader.version = version
        except sqlite3.Error as error:
            raise self._readers.unreadable(error) from None
        return reader.sequence

    def wrote(self, seq: int) -> None:
        """Nothing to do: the readers see the commit."""

    def silent_seconds(self) -> float:
        """Always 0: a read that fails raises instead."""
        return 0.0

    def close(self) -> None:
        """Close the reading connections."""
        self._readers.close()
