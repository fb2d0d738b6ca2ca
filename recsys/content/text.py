"""Words of any language: letters and digits where a script puts spaces, pairs of characters where it does not."""

import re
import unicodedata
from collections.abc import Iterator

# Han, kana, hangul, bopomofo and the unspaced scripts of South-East Asia: a run of them is not one word.
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u3100-\u312f\u31f0-\u31ff"
    "\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff"
)
# Vowel signs and points are no word characters to ``re``; without them Indic, Arabic and Hebrew words fall apart.
_MARKS = "\u0300-\u036f\u0591-\u05bd\u0610-\u061a\u064b-\u065f\u0900-\u0963\u0966-\u0dff"
_RUN = re.compile(rf"([{_UNSPACED}]+)|((?:(?![{_UNSPACED}])(?:[^\W_]|[{_MARKS}]))+)")


def normal(text: str) -> str:
    """NFKC, lower case, trimmed: full-width and half-width forms, cases and composed letters become one."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).lower()).strip()


def words(text: str) -> Iterator[str]:
    """Words of a text; a run of an unspaced script gives its overlapping pairs, a run of one character itself."""
    for unspaced, word in _RUN.findall(normal(text)):
        if word:
            yield word
        elif len(unspaced) == 1:
            yield unspaced
        else:
            yield from (unspaced[at : at + 2] for at in range(len(unspaced) - 1))


def plain_words(text: str) -> str:
    """A text's words and unspaced runs, each begun and ended by one space; empty where there are none."""
    found = [unspaced or word for unspaced, word in _RUN.findall(normal(text))]
    return f" {' '.join(found)} " if found else ""
