"""Puts the tests folder on the path, so that tests write ``from support.data import dataset``; no test is a race."""

import sys
from pathlib import Path

from hypothesis import HealthCheck, settings

sys.path.insert(0, str(Path(__file__).parent))

# An example may take as long as a busy machine makes it; fixtures of these tests are only read.
settings.register_profile(
    "suite", deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
settings.load_profile("suite")
