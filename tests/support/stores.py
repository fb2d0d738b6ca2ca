"""A control store on SQLite and on PostgreSQL, as fixtures that a test file imports."""

import pytest

from serving.stores.control import ControlStore
from support.postgres import POSTGRES, schema


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
    with schema() as alone:
        yield f"{POSTGRES.replace(':', '+psycopg:', 1)}{alone}"


@pytest.fixture
def control(location, clock):
    store = ControlStore.open(location, clock)
    yield store
    store.close()
