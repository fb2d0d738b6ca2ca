"""A schema of its own on the PostgreSQL of the tests, and what is said where a server does not answer."""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

import psycopg
import pytest

POSTGRES = "postgresql://postgres@127.0.0.1:5432/test"
SKIP = "RECSYS_TEST_NO_SERVERS"


def absent(server: str, error: Exception) -> NoReturn:
    """End a test that needs this server: it fails, unless whoever runs it has said to leave such tests out."""
    if os.environ.get(SKIP) == "1":
        pytest.skip(f"{server} is not tested: {SKIP}=1")
    pytest.fail(f"{server} does not answer ({error}); start it, or set {SKIP}=1.", pytrace=False)


def connected() -> psycopg.Connection:
    """A connection that commits each statement."""
    try:
        return psycopg.connect(POSTGRES, autocommit=True, connect_timeout=60)
    except psycopg.Error as error:
        absent(f"PostgreSQL at {POSTGRES}", error)


@contextmanager
def schema() -> Iterator[str]:
    """What to put behind a database's URL to be alone in it."""
    name = f"test_{uuid.uuid4().hex}"
    with connected() as server:
        server.execute(f"CREATE SCHEMA {name}")
        try:
            yield f"?options=-csearch_path%3D{name}"
        finally:
            server.execute(f"DROP SCHEMA {name} CASCADE")
