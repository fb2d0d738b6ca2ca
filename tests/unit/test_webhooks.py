"""Webhooks: signed, tried again, and never led to an address inside."""

import http.server
import json
import socket
import threading

import pytest

from recsys.errors import ConfigError
from serving.campaigns import webhooks
from serving.campaigns.webhooks import Herald, checked, public, signature
from serving.stores.letters import WAITS
from support.stores import clock, control, location  # noqa: F401

# ruff: noqa: F811

HOST = "127.0.0.1"


class Ear(http.server.BaseHTTPRequestHandler):
    """Keeps what it is told and answers as it is set to."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.heard.append((dict(self.headers), body))
        self.send_response(self.server.answer)
        self.send_header("Location", "http://127.0.0.1:1/elsewhere")
        self.end_headers()

    def log_message(self, *_):
        """Quiet."""


@pytest.fixture
def ear():
    server = http.server.HTTPServer((HOST, 0), Ear)
    server.heard, server.answer = [], 200
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def told(control, ear):
    return control.add_webhook(f"http://{HOST}:{ear.server_port}/hook?x=1", "anna")


def test_a_takedown_is_told_once_and_signed(control, clock, ear, told):
    control.take_down("a", reason="court order", actor="sam")
    herald = Herald(control, clock, {HOST})
    assert (herald.step(), herald.step()) == (1, 0)
    ((headers, body),) = ear.heard
    message = json.loads(body)
    assert (message["event"], message["data"]["item_id"], message["at"]) == ("takedown.ordered", "a", 1000.0)
    at = int(headers["Recsys-Timestamp"])
    assert headers["Recsys-Signature"] == signature(control.webhook_secret(told.id), at, body)
    assert headers["Recsys-Signature"] != signature(control.webhook_secret(told.id), at + 1, body)


@pytest.mark.parametrize("answer", [500, 302])
def test_what_did_not_arrive_is_tried_again_after_growing_waits_and_then_given_up(
    control,
    clock,
    ear,
    told,
    answer,
):
    ear.answer = answer
    control.take_down("a", reason="court order", actor="sam")
    herald = Herald(control, clock, {HOST})
    for wait in (0, *WAITS):
        clock.now += wait
        assert herald.step() == 0
        assert herald.step() == 0  # not before its time
    assert len(ear.heard) == 1 + len(WAITS)
    (letter,) = control.letters()
    assert (letter["due_at"], letter["error"]) == (None, f"it answered {answer}.")


def test_one_that_is_removed_is_told_no_more(control, clock, ear, told):
    control.take_down("a", reason="court order", actor="sam")
    control.remove_webhook(told.id, "anna")
    assert Herald(control, clock, {HOST}).step() == 0
    assert ear.heard == []


def test_a_letter_to_a_host_that_is_not_trusted_any_more_is_not_sent(control, clock, ear, told):
    control.take_down("a", reason="court order", actor="sam")
    Herald(control, clock).step()
    assert ear.heard == []


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "169.254.169.254",
        "192.168.0.1",
        "0.0.0.0",
        "::1",
        "fd00::1",
        "::ffff:10.0.0.1",
        "224.0.0.1",
    ],
)
def test_a_name_that_leads_inside_is_refused(monkeypatch, address):
    kind = socket.AF_INET6 if ":" in address else socket.AF_INET
    found = [(socket.AF_INET, 1, 6, "", ("93.184.216.34", 443)), (kind, 1, 6, "", (address, 443))]
    monkeypatch.setattr(webhooks.socket, "getaddrinfo", lambda *_, **__: found)
    with pytest.raises(ConfigError, match="not public"):
        public("example.org", 443, ())


@pytest.mark.parametrize(
    "url",
    ["http://example.org", "ftp://127.0.0.1", "https://a:b@example.org", "https://example.org:22", "https://", "x"],
)
def test_an_address_that_may_not_be_told_is_refused(url):
    with pytest.raises(ConfigError):
        checked(url, {"127.0.0.1"})
