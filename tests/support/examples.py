"""How many examples a property test draws: a few hundred, or as many as RECSYS_EXAMPLES says."""

import os

from hypothesis import settings

EXAMPLES = settings(max_examples=int(os.environ.get("RECSYS_EXAMPLES", "200")), deadline=None)
