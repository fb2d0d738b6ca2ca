"""The peers' libraries: each is fitted on (users, items) events and scores all items for users it was fitted on."""

import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import scipy.linalg
import scipy.sparse as sp
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from benchmarks.contest import THREADS
from benchmarks.fallback import Scores
from benchmarks.tuning import Log, Pick, Space
from recsys.types import FloatArray, IntArray

Settings = Mapping[str, Any]
SMALL = 5000  # rows of a Gram matrix up to which it is inverted in double precision


def implicit_als(events: sp.csr_matrix, settings: Settings) -> Scores:
    """implicit's ALS, BLAS on one thread as it demands."""
    from implicit.cpu.als import AlternatingLeastSquares

    with threadpool_limits(1, "blas"):
        model = AlternatingLeastSquares(**settings, num_threads=THREADS, random_state=np.random.default_rng(0))
        model.fit(events, show_progress=False)
    return _dot(model.user_factors, model.item_factors)


def implicit_bpr(events: sp.csr_matrix, settings: Settings) -> Scores:
    """implicit's BPR, on one thread, so that a run gives what its tuning gave."""
    from implicit.cpu.bpr import BayesianPersonalizedRanking

    model = BayesianPersonalizedRanking(**settings, num_threads=1, random_state=np.random.default_rng(0))
    model.fit(events, show_progress=False)
    return _dot(model.user_factors, model.item_factors)


def implicit_bm25(events: sp.csr_matrix, settings: Settings) -> Scores:
    """implicit's item neighbours by BM25; what no item of a user is near to has no score."""
    from implicit.nearest_neighbours import BM25Recommender

    model = BM25Recommender(**settings, num_threads=THREADS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its own conversion of its own matrix
        model.fit(events, show_progress=False)

    def scores(users: IntArray) -> FloatArray:
        found = (events[users] @ model.similarity).toarray().astype(np.float32)
        return np.where(found > 0, found, -np.inf).astype(np.float32)

    return scores


def irspack_ials(events: sp.csr_matrix, settings: Settings) -> Scores:
    """irspack's iALS."""
    from irspack import IALSRecommender

    model = IALSRecommender(events, **settings, n_threads=THREADS)
    model.start_learning()
    for _ in range(settings["train_epochs"]):  # learn() would draw a bar
        model.run_epoch()
    return _dot(model.get_user_embedding(), model.get_item_embedding())


def ease(events: sp.csr_matrix, settings: Settings) -> Scores:
    """Plain EASE (Steck 2019) over the users and items that have events, by whichever of the two are fewer.

    With X the events and P = (X'X + reg I)^-1, the score of item j for user u is X_uj - (X P)_uj / P_jj; and as
    X P = (X X' + reg I)^-1 X, the smaller of both Gram matrices will do.
    """
    users = np.flatnonzero(np.diff(events.indptr))
    items = np.flatnonzero(np.bincount(events.indices, minlength=events.shape[1]))
    rows = events[users][:, items].astype(np.float64)
    by_users = len(users) < len(items)
    inverse = _inverse((rows @ rows.T if by_users else rows.T @ rows).toarray(), settings["reg"])
    if by_users:
        smoothed = (rows.T @ inverse).T  # X P, (users, items)
        diagonal = (1.0 - np.asarray(rows.multiply(smoothed).sum(axis=0)).ravel()) / settings["reg"]
    else:
        diagonal = np.diag(inverse).copy()
    place = np.zeros(events.shape[0], np.int32)
    place[users] = np.arange(len(users))

    def scores(asked: IntArray) -> FloatArray:
        own = place[asked]
        part = smoothed[own] if by_users else rows[own].astype(inverse.dtype) @ inverse
        found = np.full((len(asked), events.shape[1]), -np.inf, np.float32)
        found[:, items] = rows[own].toarray() - part / diagonal
        return found

    return scores


def lightfm_warp(events: sp.csr_matrix, settings: Settings) -> Scores:
    """LightFM with WARP over ids, on one thread, so that a run gives what its tuning gave."""
    from lightfm import LightFM

    own = {name: value for name, value in settings.items() if name not in ("epochs", "reg")}
    model = LightFM(**own, loss="warp", item_alpha=settings["reg"], user_alpha=settings["reg"], random_state=0)
    model.fit(events.tocoo(), epochs=settings["epochs"], num_threads=1)
    item_bias, items = model.get_item_representations()
    user_bias, users = model.get_user_representations()
    by_user = _dot(users, items)
    return lambda asked: np.asarray(by_user(asked) + item_bias + user_bias[asked, None], np.float32)


FACTORS = Pick((16, 32, 64, 128))
RIVALS: Mapping[str, tuple[Callable[[sp.csr_matrix, Settings], Scores], Space]] = {
    "implicit ALS": (
        implicit_als,
        {
            "factors": FACTORS,
            "alpha": Log(1.0, 100.0),
            "regularization": Log(0.01, 300.0),
            "iterations": Pick((8, 16)),
        },
    ),
    "implicit BPR": (
        implicit_bpr,
        {
            "factors": FACTORS,
            "learning_rate": Log(0.003, 0.3),
            "regularization": Log(1e-4, 0.3),
            "iterations": Pick((30, 60, 120)),
        },
    ),
    "implicit BM25": (
        implicit_bm25,
        {"K": Pick((20, 50, 100, 200, 500, 1000)), "K1": Log(0.1, 100.0), "B": Pick((0.0, 0.1, 0.25, 0.5, 0.75, 1.0))},
    ),
    "irspack iALS": (
        irspack_ials,
        {
            "n_components": FACTORS,
            "alpha0": Log(1e-3, 1.0),
            "reg": Log(1e-4, 0.1),
            "train_epochs": Pick((8, 16)),
        },
    ),
    "EASE": (ease, {"reg": Log(10.0, 10_000.0)}),
    "LightFM": (
        lightfm_warp,
        {
            "no_components": FACTORS,
            "learning_rate": Log(0.005, 0.2),
            "reg": Log(1e-7, 1e-3),
            "epochs": Pick((10, 20, 40)),
        },
    ),
}


def _dot(users: FloatArray, items: FloatArray) -> Scores:
    return lambda asked: np.asarray(users[asked] @ items.T, np.float32)


def _inverse(gram: NDArray[np.float64], reg: float) -> NDArray[Any]:
    """Of a Gram matrix with ``reg`` on its diagonal, by Cholesky; in single precision where it is large."""
    own: NDArray[Any] = gram.astype(np.float64 if len(gram) <= SMALL else np.float32)
    own[np.diag_indices_from(own)] += reg
    factor = scipy.linalg.cholesky(own, lower=True, overwrite_a=True, check_finite=False)
    (invert,) = scipy.linalg.get_lapack_funcs(("potri",), (factor,))
    lower: NDArray[np.floating] = np.tril(invert(factor, lower=1, overwrite_c=1)[0])
    return np.asarray(lower + np.tril(lower, -1).T)
