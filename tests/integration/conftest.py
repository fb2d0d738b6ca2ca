"""What many integration tests stand on."""

from pathlib import Path

import pytest

from training.state import State
from training.tracking import Tracker


@pytest.fixture(scope="session")
def schema(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty tracking database to copy: MLflow takes seconds to make one."""
    state = State.at(tmp_path_factory.mktemp("schema"))
    Tracker(state)
    return state.tracking
