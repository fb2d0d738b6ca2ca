import numpy as np
import pytest
import scipy.sparse as sp

from recsys.metrics import calibration_errors

# items 0 and 1 are dramas, 2 is a comedy, 3 is both, 4 nothing
GENRES = sp.csr_matrix(np.array([[1, 0], [1, 0], [0, 1], [1, 1], [0, 0]], np.float64))


def history(*items, weights=None):
    return np.array(items, np.int32), np.ones(len(items), np.float32) if weights is None else np.float32(weights)


def error(shown, liked):
    return calibration_errors(np.array([shown], np.int32), [liked], GENRES)[0]


def test_a_list_with_the_shares_of_the_history_has_no_error():
    assert error([1, 2], history(0, 2)) == pytest.approx(0.0, abs=1e-12)
    assert error([3, -1], history(0, 2)) == pytest.approx(0.0, abs=1e-12)  # half drama, half comedy by itself


def test_a_list_of_dramas_for_one_who_likes_both():
    # p = 1/2, 1/2; q = 1, 0; smoothed q = .995, .005
    expected = 0.5 * np.log(0.5 / 0.995) + 0.5 * np.log(0.5 / 0.005)
    assert error([0, 1], history(0, 2)) == pytest.approx(expected)


def test_a_list_that_holds_nothing_the_user_likes_is_at_the_upper_bound():
    assert error([2, -1], history(0)) == pytest.approx(-np.log(0.01))


def test_events_count_by_their_weight():
    # p = 3/4, 1/4; q = 1/2, 1/2; smoothed q = .5025, .4975
    expected = 0.75 * np.log(0.75 / 0.5025) + 0.25 * np.log(0.25 / 0.4975)
    assert error([1, 2], history(0, 2, weights=[3, 1])) == pytest.approx(expected)


@pytest.mark.parametrize(("shown", "liked"), [([0], history()), ([-1], history(0)), ([4], history(0))])
def test_where_a_side_has_no_genre_nothing_is_known(shown, liked):
    assert np.isnan(error(shown, liked))


def test_lists_drawn_like_the_history_err_by_chance_only():
    rng = np.random.default_rng(0)
    genre = sp.csr_matrix(np.eye(4)[rng.integers(0, 4, 1_000)])
    top = rng.integers(0, 1_000, (300, 200)).astype(np.int32)
    histories = [history(*row) for row in rng.integers(0, 1_000, (300, 200))]
    # the divergence of two samples of n is about (values - 1) / n in the mean
    assert np.nanmean(calibration_errors(top, histories, genre)) == pytest.approx(3 / 200, rel=0.2)


def test_no_queries_have_no_errors():
    assert calibration_errors(np.zeros((0, 5), np.int32), [], GENRES).shape == (0,)
