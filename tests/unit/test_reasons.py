import pytest

from serving.reasons import TEXTS, reason_code


@pytest.mark.parametrize(
    ("source", "code"), [("popular", "popular"), ("trending", "popular"), ("ease", "history"), ("blend", "history")]
)
def test_a_list_that_reads_no_history_does_not_claim_to(source, code):
    assert reason_code(source, None, history=True, profile=False) == code


@pytest.mark.parametrize(("source", "code"), [("popular", "popular"), ("ease", "similar"), ("content", "similar")])
def test_a_list_that_does_not_know_the_work_is_not_called_close_to_it(source, code):
    assert reason_code(source, None, history=True, profile=False, similar=True) == code


def test_without_a_history_the_profile_speaks_and_else_what_is_popular():
    assert reason_code("ease", None, history=False, profile=True) == "profile"
    assert reason_code("ease", None, history=False, profile=False) == "popular"


def test_what_an_editor_a_rule_or_a_sponsor_moved_says_so_before_anything_else():
    assert reason_code("ease", "c/1", history=True, profile=True, sponsored=True) == "sponsored"
    assert reason_code("quota", "q", history=True, profile=True) == "prominence"
    assert reason_code("ease", "c/1", history=True, profile=True) == "editor"


def test_every_reason_has_words_in_both_languages():
    assert all(set(words) == {"zh", "en"} and all(words.values()) for words in TEXTS.values())
