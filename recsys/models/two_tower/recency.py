"""How far back an event lies, in steps that double: 0, 1–2, 3–6, 7–14 … events from the newest."""

import numpy as np
from numpy.typing import NDArray

STEPS = 12  # the last one holds everything beyond 2,046 events


def recency_steps(max_history: int) -> NDArray[np.int64]:
    """(max_history,) the step of each place, place 0 being the newest event."""
    places = np.arange(max_history)
    return np.minimum(np.floor(np.log2(places + 1)), STEPS - 1).astype(np.int64)
