"""Pages of one list. A token says what has been shown, so that nothing comes twice and nothing that moved is lost.

A token holds a short hash of every item shown so far, when it was given and for whom and what; it is signed, so that
any worker can trust it, and holds no id of a user. The next page is the best of what is left *now*: under the model,
events, overrides and safety of now.
"""

import base64
import binascii
import hashlib
import hmac
import json
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recsys.dataset.ids import IdMap
from recsys.types import IntArray
from serving.asks import Ask, AskError

DEPTH = 1_000  # items, over all pages
LIFE_SECONDS = 3_600.0
MAX_TOKEN = 8_192  # characters: those of DEPTH items
VERSION = 1
MARK_BYTES = 6  # of a hash of an item's id: an unseen item is taken for a shown one once in 2.8 million lists at 100k
TAG_BYTES = 16
_HEAD = struct.Struct(">BQ16s")  # version, given at (s UTC), for whom and what
PURPOSE = "page tokens"

Marks = NDArray[np.uint64]


@dataclass(frozen=True, slots=True, eq=False)
class Page:
    """Where a list goes on: ``marks`` of the items on the pages before."""

    marks: Marks  # (shown,)

    @property
    def offset(self) -> int:
        """How many places the pages before have."""
        return len(self.marks)


FIRST = Page(np.zeros(0, np.uint64))


class Tokens:
    """Gives page tokens and reads them back; ``key`` is the same in every worker.

    ``pseudonym`` is how a user is known in them: a receipt, which has no other name, must give the same token.
    """

    def __init__(self, key: bytes, pseudonym: Callable[[str], str] = str) -> None:
        self._key = key
        self._pseudonym = pseudonym

    def read(self, ask: Ask, now: float) -> Page:
        """Where a request goes on; AskError where its token is broken, old, or of another list."""
        if ask.page_token is None:
            return FIRST
        body = self._verified(ask.page_token)
        _, given, owner = _HEAD.unpack_from(body)
        # An impersonal list is the same for everybody, and whoever opts out meanwhile may go on.
        if not any(hmac.compare_digest(owner, self._owner(ask, personal)) for personal in (True, False)):
            raise _refused(
                "belongs to another list; send it with the user_id, surface, filter, series and item_id of that one"
            )
        if now - given > LIFE_SECONDS:
            raise _refused("is too old; tokens are good for an hour. Begin with the first page again")
        packed = np.frombuffer(body, np.uint8, offset=_HEAD.size).reshape(-1, MARK_BYTES)
        return Page(_wide(packed))

    def give(self, ask: Ask, page: Page, marks: Marks, now: float, *, personal: bool = True) -> str:
        """A token for what comes after ``page`` and the items with ``marks`` behind it.

        That of a list that is not ``personal`` is not bound to a user: two who opted out must not be told apart by it.
        """
        shown = np.concatenate([page.marks, marks]) if page.offset else marks
        packed = shown.astype(">u8").view(np.uint8).reshape(-1, 8)[:, 8 - MARK_BYTES :]
        body = _HEAD.pack(VERSION, max(0, int(now)), self._owner(ask, personal)) + packed.tobytes()
        return base64.urlsafe_b64encode(body + self._tag(body)).decode()

    def _verified(self, token: str) -> bytes:
        broken = _refused("is none that this service gave; send it exactly as it came")
        try:
            raw = base64.b64decode(token, altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            raise broken from None
        body, tag = raw[:-TAG_BYTES], raw[-TAG_BYTES:]
        if len(body) < _HEAD.size or not hmac.compare_digest(tag, self._tag(body)) or body[0] != VERSION:
            raise broken
        return body

    def _tag(self, body: bytes) -> bytes:
        return hmac.digest(self._key, b"token" + body, "sha256")[:TAG_BYTES]

    def _owner(self, ask: Ask, personal: bool) -> bytes:
        user = self._pseudonym(ask.user_id) if personal and ask.user_id is not None else None
        what = [user, ask.viewer.surface, ask.filter, ask.series, ask.similar_to]
        return hmac.digest(self._key, b"owner" + json.dumps(what).encode(), "sha256")[:16]


class Marked:
    """The items of a view by their marks: hashes of their ids that are the same in every process and every bundle."""

    def __init__(self, marks: Marks) -> None:
        self._marks = marks  # (items,)
        self._order = np.argsort(marks)  # so that to look a page up sorts nothing again

    @classmethod
    def of(cls, ids: IdMap) -> "Marked":
        """All items of an id map."""
        return cls(_hashed(ids.ids))

    def extended(self, ids: IdMap) -> "Marked":
        """These items and those that ``ids`` has behind them."""
        fresh = ids.ids[len(self._marks) :]
        return Marked(np.concatenate([self._marks, _hashed(fresh)])) if fresh else self

    def marks(self, items: IntArray) -> Marks:
        """(n,) the marks of some items."""
        return self._marks[items]

    def items(self, marks: Marks) -> IntArray:
        """Sorted indices of the items that have these marks; marks of items that are gone are passed over."""
        place = np.searchsorted(self._marks, marks, sorter=self._order)
        near = self._order[np.minimum(place, len(self._order) - 1)] if len(self._order) else place[:0]
        return np.unique(near[self._marks[near] == marks[: len(near)]]).astype(np.int32)


def _hashed(names: Sequence[str]) -> Marks:
    digests = b"".join(hashlib.blake2b(name.encode(), digest_size=MARK_BYTES).digest() for name in names)
    return _wide(np.frombuffer(digests, np.uint8).reshape(-1, MARK_BYTES))


def _wide(packed: NDArray[np.uint8]) -> Marks:
    wide = np.zeros((len(packed), 8), np.uint8)
    wide[:, 8 - MARK_BYTES :] = packed
    return wide.view(">u8").ravel().astype(np.uint64)


def _refused(what: str) -> AskError:
    return AskError("page_token", f"page_token {what}.")
