"""How long it was from one event to the next, in steps that double: under 1 s, 1–2 s, 3–6 s … beyond 34 years."""

import numpy as np
from numpy.typing import NDArray

from recsys.types import TimeArray

UNKNOWN = 0
GAPS = 32  # steps 1 … 31, and 0 for a gap that is not known


def gap_steps(time: TimeArray, following: TimeArray) -> NDArray[np.int64]:
    """(events,) the step of the gap between two moments in s; time that runs backwards is no gap at all."""
    seconds = np.maximum(np.asarray(following) - np.asarray(time), 0.0)
    unknown = np.isnan(seconds)
    steps = 1 + np.floor(np.log2(1 + np.where(unknown, 0.0, seconds)))
    return np.where(unknown, UNKNOWN, np.minimum(steps, GAPS - 1)).astype(np.int64)
