"""Whether an address can be listened on, asked before anything is begun."""

import socket

from recsys.errors import ConfigError


def free(host: str, port: int) -> None:
    """ConfigError where another process has the port: sharing it, either would answer some requests of the other."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, socket.SOCK_STREAM) as asked:
            asked.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # what has ended is in nobody's way
            asked.bind(address)
    except OSError as error:
        message = f"Nothing can listen on {host} port {port}: {error.strerror}. Name another, --host or --port."
        raise ConfigError(message) from None
