"""An item's fields as tokens such as ``genres:drama``, ``year:1990s`` and ``word:island``."""

from collections.abc import Iterator

from recsys.content.text import normal, words
from recsys.dataset.catalogue import Catalogue

TOKEN_LISTS = ("genres", "tags", "authors", "attributes")
TOKEN_NAMES = ("language", "media_type", "provider")
TOKEN_TEXTS = ("title", "description")

# How much a field says of what an item is about, whatever the number of its tokens.
FIELD_WEIGHTS = {"language": 0.5, "media_type": 0.5, "provider": 0.5, "year": 0.5}


def tokens(catalogue: Catalogue) -> Iterator[list[str]]:
    """The tokens of every item in index order, repeats kept; none where nothing is known of an item."""
    lists = [(name, catalogue.lists(name)) for name in TOKEN_LISTS]
    names = [(name, catalogue.column(name)) for name in TOKEN_NAMES]
    texts = [catalogue.column(name) for name in TOKEN_TEXTS]
    years = catalogue.column("year")
    for at, year in enumerate(years):
        own = [f"{name}:{normal(value)}" for name, column in lists for value in column[at] or () if value]
        own += [f"{name}:{normal(column[at])}" for name, column in names if column[at]]
        if year is not None:
            own.append(f"year:{year // 10 * 10}s")
        own += [f"word:{word}" for column in texts for word in words(column[at] or "")]
        yield own


def field_of(token: str) -> str:
    """The field that a token came from."""
    return token.partition(":")[0]
