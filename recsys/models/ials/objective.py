"""What implicit ALS minimises, in the one place that training and serving take it from."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Wide = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Objective:
    """Sum over observed cells of confidence (x·y - 1)^2, plus ``unobserved`` times the sum over all cells of
    (x·y)^2, plus the sum over rows and columns of their regularisation times their squared norm (Rendle et al. 2022).

    All cells are those of rows and columns that have an observed one.
    """

    unobserved: float
    reg: float
    nu: float

    def ridge(self, confidence: Wide, others: int) -> Wide:
        """Regularisation of rows with these sums of confidences where the other side has ``others`` rows."""
        return np.asarray(self.reg * (confidence + self.unobserved * others) ** self.nu, np.float64)

    def solve(self, gram: Wide, factors: Wide, confidence: Wide, others: int) -> Wide:
        """(d,) the row with these observed cells: their ``factors`` (n, d) and ``confidence`` (n,) > 0.

        ``gram`` is that of all of the other side, (d, d), or its diagonal (d,) if there is nothing else. With a
        diagonal and few cells the system has the size of the cells and the very same solution.
        """
        ridge = self.ridge(confidence.sum(), others)
        if gram.ndim == 1 and len(factors) < len(gram):
            root, shrink = np.sqrt(confidence), 1.0 / np.sqrt(self.unobserved * gram + ridge)
            seen = factors * root[:, None] * shrink  # (n, d)
            rest = np.linalg.solve(np.eye(len(seen)) + seen @ seen.T, root)
            return np.asarray((rest @ seen) * shrink, np.float64)
        whole = np.diag(gram) if gram.ndim == 1 else gram
        left = self.unobserved * whole + ridge * np.eye(len(whole)) + factors.T @ (factors * confidence[:, None])
        return np.asarray(np.linalg.solve(left, confidence @ factors), np.float64)
