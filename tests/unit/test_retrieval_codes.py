"""What bounds leave out is never among the best: the lists are those of scoring everything, compiled or not."""

import ctypes
from pathlib import Path

import numpy as np
import pytest

from hatch_build import compiled
from recsys.models.files import load_vectors, save_codes
from recsys.retrieval import Codes, Vectors, dot_scores, scan

NONE = np.zeros(0, np.int32)
N, D = 20_000, 32


def vectors(rng, n=N, noise=0.1):
    low = rng.standard_normal((n, 4)) @ rng.standard_normal((4, D))
    return (low + noise * rng.standard_normal((n, D))).astype(np.float32)


@pytest.fixture(scope="module")
def items():
    return vectors(np.random.default_rng(0))


def pairs(lists):
    return [(ranked.items.tolist(), ranked.scores.tolist(), ranked.source) for ranked in lists]


def both(items, queries, n, allowed, exclude, bias=None):
    coded = Vectors.of(items)
    assert coded.codes is not None
    return pairs(coded.top(queries, n, allowed, exclude, "m", bias)), pairs(
        Vectors(items).top(queries, n, allowed, exclude, "m", bias)
    )


@pytest.mark.parametrize("n", [1, 20, 300])
@pytest.mark.parametrize("kept", [1.0, 0.6])
def test_the_lists_are_those_of_scoring_everything(items, n, kept):
    rng = np.random.default_rng(n)
    allowed = rng.random(N) < kept
    exclude = [np.sort(rng.choice(N, 50, replace=False)).astype(np.int32) for _ in range(9)]
    ours, plain = both(items, vectors(rng, 9), n, allowed, exclude)
    assert ours == plain


def test_a_bias_of_the_items_counts(items):
    rng = np.random.default_rng(1)
    bias = rng.standard_normal(N).astype(np.float32) * 5
    ours, plain = both(items, vectors(rng, 3), 20, np.ones(N, np.bool_), [NONE] * 3, bias)
    assert ours == plain


def test_what_each_query_adds_counts_in_place_of_the_bias(items):
    rng = np.random.default_rng(2)
    extra = rng.standard_normal((3, N)).astype(np.float32) * 5
    ours, plain = both(items, vectors(rng, 3), 20, np.ones(N, np.bool_), [NONE] * 3, extra)
    assert ours == plain


def test_lists_are_bitwise_the_same_where_nothing_is_compiled(items, monkeypatch):
    rng = np.random.default_rng(4)
    allowed, queries = rng.random(N) < 0.6, vectors(rng, 11)
    exclude = [np.sort(rng.choice(N, 50, replace=False)).astype(np.int32) for _ in queries]
    bias = rng.standard_normal(N).astype(np.float32)
    fast = pairs(Vectors.of(items).top(queries, 20, allowed, exclude, "m", bias))
    monkeypatch.setattr("recsys.retrieval.scan.loaded", lambda: None)
    assert Vectors.of(items).codes is None
    assert fast == pairs(Vectors(items).top(queries, 20, allowed, exclude, "m", bias))


@pytest.mark.parametrize("kernel", [0, 1, 2])
@pytest.mark.parametrize("width", [3, 16, 30])
def test_every_processor_finds_the_same_lists(kernel, width, items, monkeypatch):
    if kernel > scan.fastest():
        pytest.skip("this processor cannot")
    rng = np.random.default_rng(8)
    coded = Vectors(items, Codes.along(items, np.linalg.svd(items, full_matrices=False)[2][:width].T.copy()))
    exclude = [np.sort(rng.choice(N, 50, replace=False)).astype(np.int32) for _ in range(8)]
    asked = (vectors(rng, 8), 20, rng.random(N) < 0.6, exclude, "m", rng.standard_normal(N).astype(np.float32))
    monkeypatch.setattr(scan, "fastest", lambda: kernel)
    assert pairs(coded.top(*asked)) == pairs(Vectors(items).top(*asked))


@pytest.mark.parametrize("d", [1, 7, 8, 31, 64])
def test_an_inner_product_is_bitwise_the_same_where_nothing_is_compiled(d, monkeypatch):
    rng = np.random.default_rng(d)
    rows = (rng.standard_normal((300, d)) * 10.0 ** rng.integers(-6, 6, (300, d))).astype(np.float32)
    query = rng.standard_normal(d).astype(np.float32).astype(np.float64)
    fast = scan.inner(rows, query)
    monkeypatch.setattr("recsys.retrieval.scan.loaded", lambda: None)
    assert fast.tobytes() == scan.inner(rows, query).tobytes()
    assert fast == pytest.approx(rows.astype(np.float64) @ query)


@pytest.mark.parametrize("d", [1, 8, 31])
def test_the_scores_of_a_whole_catalogue_are_those_of_its_items(d):
    rng = np.random.default_rng(d)
    rows, queries = (rng.standard_normal((count, d)).astype(np.float32) for count in (300, 3))
    bias = rng.standard_normal(300).astype(np.float32)
    assert scan.products(rows, queries, bias).tobytes() == dot_scores(queries, rows, bias).tobytes()
    assert scan.products(rows, queries, None).tobytes() == dot_scores(queries, rows).tobytes()


def test_ties_all_over_go_to_the_lower_index():
    items = np.tile(np.eye(1, D, dtype=np.float32), (N, 1))
    coded = Vectors(items, Codes.along(items, np.eye(D, 16, dtype=np.float32)))
    (ranked,) = coded.top(np.eye(1, D, dtype=np.float32), 30, np.ones(N, np.bool_), [NONE], "m")
    assert ranked.items.tolist() == list(range(30))


def test_every_allowed_item_is_listed_where_fewer_are_left_than_wanted(items):
    allowed = np.zeros(N, np.bool_)
    allowed[:5_000] = True
    hidden = np.arange(4_995, dtype=np.int32)
    ours, plain = both(items, vectors(np.random.default_rng(3), 1), 20, allowed, [hidden])
    assert sorted(ours[0][0]) == [4995, 4996, 4997, 4998, 4999]
    assert ours == plain


def test_a_query_of_zeros_ranks_by_index(items):
    ours, _ = both(items, np.zeros((1, D), np.float32), 5, np.ones(N, np.bool_), [NONE])
    assert ours[0][0] == [0, 1, 2, 3, 4]


def across(codes):
    """A query that is orthogonal to all directions of the codes."""
    return np.linalg.svd(codes.basis)[0][:, -1:].T.astype(np.float32)


def test_a_query_that_lies_outside_of_the_directions_is_answered_too(items):
    coded = Vectors.of(items)
    assert coded.codes.basis.shape == (D, 16)
    ours, plain = both(items, across(coded.codes), 20, np.ones(N, np.bool_), [NONE])
    assert ours == plain


def test_codes_keep_all_directions_where_typical_queries_ask_across_the_leading_ones(items):
    assert Codes.of(items, across(Codes.of(items))).basis.shape == (D, D)


def test_vectors_that_vary_in_all_directions_keep_all():
    assert Codes.of(np.random.default_rng(0).standard_normal((5_000, D)).astype(np.float32)).basis.shape == (D, D)


def test_vectors_that_are_not_finite_have_no_codes(items):
    broken = items.copy()
    broken[3, 3] = np.nan
    assert Vectors.of(broken).codes is None


def test_what_is_mapped_is_what_was_saved(items, tmp_path):
    save_codes(tmp_path, Vectors.of(items))
    mapped = load_vectors(tmp_path, items)
    assert np.array_equal(mapped.codes.codes, Codes.of(items).codes)
    assert not mapped.codes.codes.flags.writeable


def test_codes_of_another_form_are_made_again(items, tmp_path):
    np.save(tmp_path / "codes.npy", np.zeros((N, 16), np.int8))
    assert load_vectors(tmp_path, items).codes.basis.shape == (D, 16)


def source(folder):
    package = Path(scan.__file__).parents[1]
    for path in package.glob("**/*.[ch]"):
        copy = folder / "recsys" / path.relative_to(package)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(path.read_text())
    return folder


def test_an_installation_compiles_the_loops(tmp_path):
    search, models = (ctypes.CDLL(str(made)) for made in compiled(source(tmp_path)))
    assert search.recsys_end
    assert models.recsys_trees


def test_an_installation_without_a_compiler_says_so_and_goes_on(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("CC", str(tmp_path / "none"))
    assert compiled(source(tmp_path)) == []
    assert "numpy alone" in capsys.readouterr().err
