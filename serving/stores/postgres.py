"""The control store's feed on PostgreSQL; apart because its driver is an extra (``pip install "recsys[postgres]"``)."""

import contextlib
import os
import socket
import threading
import time
import weakref

import psycopg
from sqlalchemy import URL

from recsys.errors import StoreError
from serving.stores.feed import NEWEST

CHANNEL = "recsys_control"
POLL_SECONDS = 0.1
PATIENCE_SECONDS = 4.0  # how long a server may not answer before every connection to it is given up
ROUNDS = 8  # in which this is found out


class PostgresFeed:
    """A thread that listens for notifications and asks every 100 ms in case one was lost.

    A second one gives up what waits for a server that is reachable and says nothing: a request that asks such a server
    would wait with it for as long as the network keeps the connection.
    """

    def __init__(self, url: URL) -> None:
        self._conninfo = url.set(drivername="postgresql").render_as_string(hide_password=False)
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._known = 0
        self._heard = time.monotonic()
        self._waiting: weakref.WeakSet[psycopg.Connection] = weakref.WeakSet()
        try:
            connection = self._listen()
        except psycopg.Error as error:
            shown = url.render_as_string(hide_password=True)
            raise StoreError(f"The control store {shown} does not answer: {error}. Is the server running?") from None
        self._thread = threading.Thread(target=self._follow, args=(connection,), name="control-feed", daemon=True)
        self._thread.start()
        self._guard = threading.Thread(target=self._give_up, name="control-guard", daemon=True)
        self._guard.start()

    def watch(self, connection: psycopg.Connection) -> None:
        """Give this connection up too when the server is silent."""
        self._waiting.add(connection)

    def sequence(self) -> int:
        """What the thread last heard, or what this process itself wrote."""
        return self._known

    def wrote(self, seq: int) -> None:
        """Count a change at once where it was made."""
        with self._lock:
            self._known = max(self._known, seq)

    def silent_seconds(self) -> float:
        """Seconds since the question was put that the server answered last."""
        return time.monotonic() - self._heard

    def close(self) -> None:
        """Stop the thread and close its connection."""
        self._stop.set()
        self._thread.join(timeout=5)
        self._guard.join(timeout=5)

    def _listen(self) -> psycopg.Connection:
        connection = psycopg.connect(self._conninfo, autocommit=True, connect_timeout=5)
        self.watch(connection)
        connection.execute(f"LISTEN {CHANNEL}")
        self._read(connection)
        return connection

    def _read(self, connection: psycopg.Connection) -> None:
        asked = time.monotonic()  # an answer that was long on its way tells of then, and the lease runs from then
        row = connection.execute(NEWEST).fetchone()
        if row is not None:
            self.wrote(row[0])
        self._heard = asked

    def _follow(self, connection: psycopg.Connection) -> None:
        while not self._stop.is_set():
            try:
                if connection.closed:
                    connection = self._listen()
                for _ in connection.notifies(timeout=POLL_SECONDS, stop_after=1):
                    pass
                self._read(connection)
            except psycopg.Error:  # silent_seconds tells whoever asks; the next round tries again
                connection.close()
                self._stop.wait(POLL_SECONDS)
        connection.close()

    def _give_up(self) -> None:
        # Told by rounds and not by the clock: a process that got no time to listen, on a busy machine or suspended, is
        # silent itself, and would end transactions that are well.
        heard, silent = self._heard, 0
        while not self._stop.wait(PATIENCE_SECONDS / ROUNDS):
            silent = silent + 1 if self._heard == heard else 0
            heard = self._heard
            if silent >= ROUNDS:
                for connection in list(self._waiting):
                    _shut(connection)


def _shut(connection: psycopg.Connection) -> None:
    """End both directions of a connection's socket, which wakes whoever waits for it."""
    with contextlib.suppress(OSError, psycopg.Error), socket.socket(fileno=os.dup(connection.fileno())) as twin:
        twin.shutdown(socket.SHUT_RDWR)
