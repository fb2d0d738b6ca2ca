import numpy as np
import pytest
import scipy.sparse as sp

from recsys.content.space import ContentSpace
from recsys.content.svd import right_vectors
from recsys.dataset.catalogue import Catalogue
from recsys.errors import BundleError

FILMS = (
    {"title": "Island of sharks", "genres": ["thriller"]},
    {"title": "Sharks again", "genres": ["thriller", "horror"]},
    {"title": "A quiet garden", "genres": ["drama"]},
    {"title": "The garden gate", "genres": ["drama", "romance"]},
    {"title": "红楼梦", "genres": ["drama"]},
    {},
)


def catalogue(*records):
    return Catalogue.from_records([{"item_id": str(n), **record} for n, record in enumerate(records)])


@pytest.fixture
def space():
    return ContentSpace.fit(catalogue(*FILMS))


def test_a_catalogue_without_content_has_no_space():
    assert ContentSpace.fit(Catalogue.bare(["a", "b"])) is None


def test_vectors_have_unit_length_except_without_content(space):
    assert np.allclose(np.linalg.norm(space.vectors, axis=1), [1, 1, 1, 1, 1, 0], atol=1e-6)


def test_an_exact_copy_puts_nearly_all_weight_on_its_original(space):
    items, weights = space.neighbours(space.encode(catalogue(FILMS[3])), k=3)
    assert items[0, 0] == 3
    assert weights[0, 0] > 0.99


def test_a_chinese_copy_finds_its_original(space):
    items, weights = space.neighbours(space.encode(catalogue(FILMS[4])), k=1)
    assert (items.tolist(), weights.tolist()) == ([[4]], [[1.0]])


def test_weights_sum_to_one_and_never_go_below_zero(space):
    _, weights = space.neighbours(space.vectors[:5], k=4)
    assert (weights >= 0).all()
    assert np.allclose(weights.sum(axis=1), 1)


def test_an_item_without_content_has_no_neighbours(space):
    items, weights = space.neighbours(space.encode(catalogue({})), k=2)
    assert (items.tolist(), weights.tolist()) == ([[0, 0]], [[0.0, 0.0]])


def test_more_neighbours_than_items_are_filled_with_nothing(space):
    items, weights = space.neighbours(space.vectors[:1], k=9)
    assert items.shape == (1, 9)
    assert weights[0, 6:].tolist() == [0.0, 0.0, 0.0]


def test_neighbours_are_only_among_those_asked_for(space):
    others = np.array([True, True, True, False, True, True])
    items, _ = space.neighbours(space.vectors[3:4], k=1, among=others)
    assert items.tolist() == [[2]]


def test_the_same_seed_gives_the_same_space():
    first, second = (ContentSpace.fit(catalogue(*FILMS), seed=3) for _ in range(2))
    assert np.array_equal(first.vectors, second.vectors)


def test_a_single_item_with_content_has_a_space():
    assert ContentSpace.fit(catalogue(FILMS[0])).vectors.shape == (1, 2)  # of its tokens and of its text


def test_equal_items_share_the_weight():
    space = ContentSpace.fit(catalogue(FILMS[0], FILMS[0]))
    assert np.allclose(space.neighbours(space.vectors[:1], k=2)[1], [[0.5, 0.5]])


def test_a_saved_space_encodes_and_finds_the_same(space, tmp_path):
    space.save(tmp_path)
    loaded = ContentSpace.load(tmp_path)
    assert np.array_equal(loaded.encode(catalogue(*FILMS)), space.encode(catalogue(*FILMS)))
    assert np.array_equal(loaded.vectors, space.vectors)
    assert not loaded.vectors.flags.writeable


def test_a_space_that_lost_its_vectors_is_refused(space, tmp_path):
    space.save(tmp_path)
    (tmp_path / "vectors.npy").write_bytes(b"")
    with pytest.raises(BundleError, match="no readable content space"):
        ContentSpace.load(tmp_path)


def test_the_sketch_finds_the_directions_of_the_exact_decomposition(monkeypatch):
    rng = np.random.default_rng(0)
    low = rng.standard_normal((60, 4)) * [8, 4, 2, 1] @ rng.standard_normal((4, 50))
    exact = right_vectors(sp.csr_matrix(low), 3, rng)
    monkeypatch.setattr("recsys.content.svd._DENSE", 0)
    assert np.allclose(right_vectors(sp.csr_matrix(low), 3, rng), exact, atol=1e-5)


def test_the_faces_of_items_are_unit_rows_by_field_and_source_and_zero_where_nothing_is_known():
    items = catalogue({"genres": ["a", "b"], "title": "One", "year": 2001}, {"genres": ["a"]}, {"title": "One"})
    faces = ContentSpace.fit(items).faces(items)
    norms = {name: np.sqrt(rows.multiply(rows).sum(axis=1)).A1.round(5).tolist() for name, rows in faces.items()}
    assert norms == {
        "genres": [1, 1, 0],
        "word": [1, 0, 1],
        "grams": [1, 0, 1],
        "years": [1, 0, 0],
        "fine_years": [1, 0, 0],
    }
