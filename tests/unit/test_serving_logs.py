"""A traceback in the log names places, never the keys, bodies and histories that lay in local variables."""

import subprocess
import sys

CODE = """
import structlog
from serving.logs import configure_logs

configure_logs()


def handle(token, history):
    raise OSError("the store is gone")


try:
    handle("rk_platform_secret", ["a private title"])
except OSError:
    structlog.get_logger().exception("request_failed", request_id="r-1")
"""


def test_an_exception_is_logged_without_local_variables():
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    assert "the store is gone" in done.stderr
    assert "r-1" in done.stderr
    assert "rk_platform_secret" not in done.stderr.replace(CODE, "")
    assert "a private title" not in done.stderr.replace(CODE, "")
