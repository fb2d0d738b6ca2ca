"""A TCP proxy that can be cut: the server behind it becomes unreachable, or reachable and silent."""

import contextlib
import socket
import threading
from typing import Any


class Proxy:
    """Forwards to ``target`` until it is cut (connections end, new ones are refused) or frozen (nothing passes)."""

    def __init__(self, target: tuple[str, int]) -> None:
        self._target = target
        self._pairs: list[socket.socket] = []
        self.connections = 0  # made so far
        self._open = threading.Event()
        self._open.set()
        self._server = self._listen(0)
        self.port: int = self._server.getsockname()[1]

    def cut(self) -> None:
        """Every connection ends and none can be made."""
        _end(self._server)
        for side in self._pairs:
            _end(side)
        self._pairs.clear()

    def freeze(self) -> None:
        """Connections stay, and new ones are made, but no byte passes."""
        self._open.clear()

    def mend(self) -> None:
        """Everything passes again."""
        if not self._open.is_set():
            self._open.set()
        else:
            self._server = self._listen(self.port)

    def close(self) -> None:
        """End everything."""
        self._open.set()
        self.cut()

    def _listen(self, port: int) -> socket.socket:
        server = socket.create_server(("127.0.0.1", port))
        threading.Thread(target=self._accept, args=(server,), daemon=True).start()
        return server

    def _accept(self, server: socket.socket) -> None:
        while True:
            try:
                client, _ = server.accept()
                upstream = socket.create_connection(self._target)
            except OSError:
                return
            self._pairs += [client, upstream]
            self.connections += 1
            for source, sink in ((client, upstream), (upstream, client)):
                threading.Thread(target=self._pump, args=(source, sink), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65_536):
                self._open.wait()
                sink.sendall(data)
        for side in (source, sink):
            _end(side)


def _end(side: Any) -> None:
    with contextlib.suppress(OSError):
        side.shutdown(socket.SHUT_RDWR)
    with contextlib.suppress(OSError):
        side.close()
