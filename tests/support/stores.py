"""A control store on SQLite and on PostgreSQL, as fixtures that a test file imports."""

import os
import uuid

import pytest

from serving.stores.control import ControlStore

POSTGRES = "postgresql+psycopg://postgres@127.0.0.1:5432/test"
SKIP = "RECSYS_TEST_NO_SERVERS"


class Ticking:
    """A clock set by hand."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Ticking()


@pytest.fixture(params=["sqlite", "postgresql"])
def location(request, tmp_path):
    if request.param == "sqlite":
        yield tmp_path / "control.db"
        return
    import psycopg

    schema = f"test_{uuid.uuid4().hex}"
    try:
        connection = psycopg.connect(POSTGRES.replace("+psycopg", ""), autocommit=True, connect_timeout=5)
    except psycopg.Error as error:
        if os.environ.get(SKIP) == "1":
            pytest.skip(f"PostgreSQL is not tested: {SKIP}=1")
        pytest.fail(f"PostgreSQL at {POSTGRES} does not answer ({error}); start it, or set {SKIP}=1.", pytrace=False)
    connection.execute(f"CREATE SCHEMA {schema}")
    yield f"{POSTGRES}?options=-csearch_path%3D{schema}"
    connection.execute(f"DROP SCHEMA {schema} CASCADE")
    connection.close()


@pytest.fixture
def control(location, clock):
    store = ControlStore.open(location, clock)
    yield store
    store.close()
