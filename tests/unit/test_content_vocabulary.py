import numpy as np
import pytest

from recsys.content.text import words
from recsys.content.tokens import tokens
from recsys.content.vocabulary import Vocabulary
from recsys.dataset.catalogue import Catalogue
from recsys.errors import BundleError


def catalogue(*records):
    return Catalogue.from_records([{"item_id": str(n), **record} for n, record in enumerate(records)])


def row(matrix, at=0):
    return dict(zip(matrix[at].indices.tolist(), matrix[at].data.tolist(), strict=True))


def test_latin_words_are_lower_case_and_lose_their_punctuation():
    assert list(words("The Lord-of RINGS, 2!")) == ["the", "lord", "of", "rings", "2"]


def test_a_chinese_run_gives_pairs_of_characters():
    assert list(words("红楼梦")) == ["红楼", "楼梦"]


def test_a_single_chinese_character_is_a_word():
    assert list(words("我 love 你")) == ["我", "love", "你"]


def test_full_width_letters_are_their_plain_forms():
    assert list(words("ＡＢＣ１２")) == ["abc12"]


def test_vowel_signs_do_not_split_an_indic_word():
    assert len(list(words("हिन्दी भाषा"))) == 2


def test_mixed_scripts_split_where_the_script_changes():
    assert list(words("哪吒2Returns")) == ["哪吒", "2returns"]


def test_every_described_field_becomes_tokens():
    item = {"title": "Alien", "genres": ["Horror"], "tags": ["Space"], "authors": ["R. Scott"], "attributes": ["4K"]}
    own = next(tokens(catalogue({**item, "language": "EN", "media_type": "Film", "year": 1979})))
    assert sorted(own) == [
        "attributes:4k",
        "authors:r. scott",
        "genres:horror",
        "language:en",
        "media_type:film",
        "tags:space",
        "word:alien",
        "year:1970s",
    ]


def test_an_item_without_fields_has_no_tokens():
    assert list(tokens(catalogue({}))) == [[]]


def test_a_token_of_one_item_is_left_out():
    vocabulary = Vocabulary.fit(catalogue({"genres": ["a", "b"]}, {"genres": ["a"]}))
    assert vocabulary.tokens == ("genres:a",)


def test_the_most_common_tokens_are_kept():
    vocabulary = Vocabulary.fit(catalogue({"genres": ["a", "b"]}, {"genres": ["a"]}), max_features=1, min_items=1)
    assert vocabulary.tokens == ("genres:a",)


def test_rare_tokens_weigh_more():
    vocabulary = Vocabulary.fit(catalogue({"genres": ["a", "b"]}, {"genres": ["a"]}), min_items=1)
    assert vocabulary.tokens == ("genres:a", "genres:b")
    assert np.allclose(vocabulary.idf, [np.log(2), np.log(3)])
    assert np.allclose(
        vocabulary.transform(catalogue({"genres": ["a", "b"]})).toarray(),
        np.array([[np.log(2), np.log(3)]]) / np.hypot(np.log(2), np.log(3)),
    )


def test_a_long_description_does_not_drown_the_genre():
    known = catalogue({"genres": ["drama"], "description": "one two three four five six"})
    rows = Vocabulary.fit(known, min_items=1).transform(known)
    vocabulary = Vocabulary.fit(known, min_items=1)
    assert row(rows)[vocabulary.tokens.index("genres:drama")] == pytest.approx(2**-0.5)


def test_unknown_tokens_give_a_zero_row():
    vocabulary = Vocabulary.fit(catalogue({"genres": ["a"]}), min_items=1)
    rows = vocabulary.transform(catalogue({"genres": ["z"]}, {"genres": ["a"]}))
    assert rows.toarray().tolist() == [[0.0], [1.0]]


def test_a_catalogue_without_content_has_an_empty_vocabulary():
    bare = Catalogue.bare(["a", "b"])
    vocabulary = Vocabulary.fit(bare)
    assert vocabulary.transform(bare).shape == (2, 0)


def test_a_saved_vocabulary_gives_the_same_rows(tmp_path):
    known = catalogue({"title": "红楼梦", "genres": ["小说"]}, {"title": "红楼", "genres": ["小说"]})
    fitted = Vocabulary.fit(known)
    fitted.save(tmp_path)
    assert (Vocabulary.load(tmp_path).transform(known) != fitted.transform(known)).nnz == 0


def test_a_vocabulary_that_lost_its_weights_is_refused(tmp_path):
    Vocabulary.fit(catalogue({"genres": ["a"]}), min_items=1).save(tmp_path)
    (tmp_path / "idf.npy").unlink()
    with pytest.raises(BundleError, match="no readable vocabulary"):
        Vocabulary.load(tmp_path)
