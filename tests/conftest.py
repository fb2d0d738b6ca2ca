"""Puts the tests folder on the path, so that tests write ``from support.data import dataset``."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
