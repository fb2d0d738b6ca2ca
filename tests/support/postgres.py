"""A schema of its own on the PostgreSQL of the tests."""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest

POSTGRES = "postgresql://postgres@127.0.0.1:5432/test"
SKIP = "RECSYS_TEST_NO_SERVERS"


@contextmanager
def schema() -> Iterator[str]:
    """What to put behind a database's URL to be alone in it."""
    try:
        server = psycopg.connect(POSTGRES, autocommit=True, connect_timeout=5)
    except psycopg.Error as error:
        if os.environ.get(SKIP) == "1":
            pytest.skip(f"PostgreSQL is not tested: {SKIP}=1")
        pytest.fail(f"PostgreSQL at {POSTGRES} does not answer ({error}); start it, or set {SKIP}=1.", pytrace=False)
    name = f"test_{uuid.uuid4().hex}"
    server.execute(f"CREATE SCHEMA {name}")
    try:
        yield f"?options=-csearch_path%3D{name}"
    finally:
        server.execute(f"DROP SCHEMA {name} CASCADE")
        server.close()
