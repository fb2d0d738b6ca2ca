"""What many unit tests stand on. A file that needs another bundle defines its own ``bundle``."""

import pytest

from support.receipts import shared_bundle
from support.serve import stand


@pytest.fixture(scope="session")
def bundle():
    return shared_bundle()


@pytest.fixture
def here(bundle, tmp_path):
    return stand(tmp_path, bundle)
