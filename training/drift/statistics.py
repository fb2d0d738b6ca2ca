"""Distances between two counted distributions, and how large chance alone makes them.

PSI is the Jeffreys divergence sum((p - q) ln(p / q)). For two samples of one distribution over k bins it is about
(1/n + 1/m) times a chi-square with k - 1 degrees of freedom (Yurdakul 2018); the Jensen-Shannon divergence is an
eighth of it for small distances.
"""

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2

Counts = Mapping[str, float]
CHANCE = 0.999  # so rarely is what is below the noise exceeded without any drift
LARGEST = 50  # categories that are told apart; the rest is one
OTHER = "(other)"


def psi(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Population stability index of counts (bins,); half a count is added to each bin, so that none is empty."""
    p, q = _shares(a), _shares(b)
    return float(((p - q) * np.log(p / q)).sum())


def js(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Jensen-Shannon divergence of counts (bins,) in bits, 0 to 1; NaN where a side has none."""
    if not a.sum() or not b.sum():
        return math.nan
    p, q = a / a.sum(), b / b.sum()
    middle = (p + q) / 2
    return (_kl(p, middle) + _kl(q, middle)) / 2


def psi_noise(n: int, m: int, bins: int) -> float:
    """What PSI of ``n`` and ``m`` independent draws of one distribution stays below."""
    if bins < 2:
        return 0.0
    return math.inf if not (n and m) else float((1 / n + 1 / m) * chi2.ppf(CHANCE, bins - 1))


def js_noise(n: int, m: int, bins: int) -> float:
    """The same for the Jensen-Shannon divergence in bits."""
    return psi_noise(n, m, bins) / 8 / math.log(2)


def aligned(a: Counts, b: Counts) -> tuple[list[str], NDArray[np.float64], NDArray[np.float64]]:
    """Names and both counts (bins,) in one order; all but the largest categories are one bin."""
    total = {name: a.get(name, 0) + b.get(name, 0) for name in {*a, *b}}
    names = sorted(total, key=lambda name: (-total[name], name))
    head, tail = names[:LARGEST], names[LARGEST:]
    sides = []
    for counts in (a, b):
        rest = [sum(counts.get(name, 0) for name in tail)] if tail else []
        sides.append(np.array([*(counts.get(name, 0) for name in head), *rest], np.float64))
    return head + [OTHER] * bool(tail), sides[0], sides[1]


def moved(names: list[str], a: NDArray[np.float64], b: NDArray[np.float64]) -> str:
    """The category whose share changed most, in words."""
    if not len(names) or not a.sum() or not b.sum():
        return ""
    p, q = a / a.sum(), b / b.sum()
    most = int(np.argmax(np.abs(q - p)))
    return f"{names[most]} {100 * p[most]:.1f} % → {100 * q[most]:.1f} %"


def _shares(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray((counts + 0.5) / (counts + 0.5).sum(), np.float64)


def _kl(p: NDArray[np.float64], q: NDArray[np.float64]) -> float:
    some = p > 0
    return float((p[some] * np.log2(p[some] / q[some])).sum())
