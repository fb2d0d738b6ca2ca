"""Sending what waits to be sent: signed, again after growing waits, and only to addresses that may be told."""

import hashlib
import hmac
import http.client
import ipaddress
import socket
import ssl
import threading
from collections.abc import Collection, Sequence
from urllib.parse import SplitResult, urlsplit

import structlog

from recsys.clock import Clock
from recsys.errors import ConfigError, RecsysError
from serving.stores.control import ControlStore
from serving.stores.letters import Letter

log = structlog.get_logger()
TIMEOUT_SECONDS = 5.0
EVERY_SECONDS = 1.0


def signature(secret: str, at: int, body: bytes) -> str:
    """What stands in Recsys-Signature: HMAC-SHA256 of ``AT.BODY``, hexadecimal."""
    return hmac.new(secret.encode(), b"%d.%b" % (at, body), hashlib.sha256).hexdigest()


def checked(url: str, trusted: Collection[str]) -> SplitResult:
    """An address that may be told: https, or a host that the settings name. ConfigError says what is wrong."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ConfigError("url cannot be read; write https://host/path.") from None
    if parts.username or parts.password or not parts.hostname or parts.fragment or not url.isprintable():
        raise ConfigError("url has no host, or has a user, a password or a fragment; write https://host/path.")
    if parts.hostname in trusted:
        if parts.scheme not in ("http", "https"):
            raise ConfigError("url is neither http nor https.")
    elif parts.scheme != "https" or port not in (None, 443):
        raise ConfigError("url is no https on port 443; other hosts are named in the setting webhook_hosts.")
    return parts


def public(host: str, port: int, trusted: Collection[str]) -> Sequence[str]:
    """The addresses of a host. ConfigError where one of them is not public and the host is not trusted."""
    try:
        found = list(dict.fromkeys(str(info[4][0]) for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)))
    except OSError:
        raise ConfigError(f"{host} has no address.") from None
    if host not in trusted:
        for address in found:
            ip = ipaddress.ip_address(address.partition("%")[0])
            mapped = ip.ipv4_mapped if isinstance(ip, ipaddress.IPv6Address) else None
            if not (mapped or ip).is_global or ip.is_multicast:
                raise ConfigError(f"{host} has an address that is not public.")
    return found


def send(letter: Letter, secret: str, at: int, trusted: Collection[str]) -> None:
    """POST one letter. ConfigError or OSError where it did not arrive; a redirect is no arrival and is not followed."""
    parts = checked(letter.webhook.url, trusted)
    host, secure = str(parts.hostname), parts.scheme == "https"
    port = parts.port or (443 if secure else 80)
    body = letter.body.encode()
    # The address that was checked is the one that is connected to: a name cannot change its mind in between.
    address = public(host, port, trusted)[0]
    connection = http.client.HTTPConnection(host, port, timeout=TIMEOUT_SECONDS)
    stream: socket.socket = socket.create_connection((address, port), TIMEOUT_SECONDS)
    try:
        if secure:
            stream = ssl.create_default_context().wrap_socket(stream, server_hostname=host)
        connection.sock = stream
        headers = {
            "Content-Type": "application/json",
            "Recsys-Id": letter.id,
            "Recsys-Timestamp": str(at),
            "Recsys-Signature": signature(secret, at, body),
        }
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request("POST", path, body, headers)
        answer = connection.getresponse()
        if not 200 <= answer.status < 300:
            raise ConfigError(f"it answered {answer.status}.")
    except http.client.HTTPException as error:
        raise ConfigError(f"it did not answer as HTTP does: {type(error).__name__}.") from None
    finally:
        stream.close()


class Herald:
    """A thread that sends what is due, and says of campaigns that their time has come; each letter by one worker."""

    def __init__(self, control: ControlStore, clock: Clock, trusted: Collection[str] = ()) -> None:
        self._control = control
        self._clock = clock
        self._trusted = frozenset(trusted)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="herald", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Stop after the letter that is on its way."""
        self._stopped.set()
        self._thread.join(timeout=TIMEOUT_SECONDS)

    def step(self) -> int:
        """Turn campaigns and send what is due; how many letters arrived."""
        self._control.turn_campaigns()
        arrived = 0
        for letter in self._control.take_letters():
            if self._stopped.is_set():
                break
            error = self._sent(letter)
            self._control.letter_sent(letter, error)
            arrived += error is None
        return arrived

    def _sent(self, letter: Letter) -> str | None:
        try:
            send(letter, self._control.webhook_secret(letter.webhook.id), int(self._clock()), self._trusted)
        except (ConfigError, OSError) as error:
            said = str(error) if isinstance(error, ConfigError) else type(error).__name__
            log.warning("webhook_failed", webhook=letter.webhook.id, attempts=letter.attempts + 1, error=said)
            return said
        return None

    def _run(self) -> None:
        while not self._stopped.wait(EVERY_SECONDS):
            try:
                self.step()
            except RecsysError as error:
                log.warning("herald_failed", error=str(error))
            except Exception:
                log.exception("herald_failed")
