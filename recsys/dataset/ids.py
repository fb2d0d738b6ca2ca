"""External ids to dense indices, at the two doors only: dataset build and HTTP."""

from collections.abc import Iterable, Sequence

import numpy as np

from recsys.errors import DataError
from recsys.types import IntArray


class IdMap:
    """A fixed list of external ids; an id's index is its place in the list."""

    __slots__ = ("_index", "ids")

    def __init__(self, ids: Sequence[str]) -> None:
        self.ids = tuple(ids)
        self._index = {external: dense for dense, external in enumerate(self.ids)}
        if len(self._index) != len(self.ids):
            twice = next(external for dense, external in enumerate(self.ids) if self._index[external] != dense)
            raise DataError(f"The id {twice!r} is given twice; an id map holds each id once.")

    def __len__(self) -> int:
        return len(self.ids)

    def __contains__(self, external: object) -> bool:
        return external in self._index

    def __getitem__(self, dense: int) -> str:
        return self.ids[dense]

    def get(self, external: str) -> int | None:
        """The index of one id, None if it is unknown."""
        return self._index.get(external)

    def places(self, externals: Iterable[str]) -> list[int | None]:
        """The index of each id, None for unknown ones."""
        return list(map(self._index.get, externals))

    def dense(self, externals: Iterable[str]) -> IntArray:
        """Indices of the known ids, in the order given; unknown ids are dropped."""
        index = self._index
        return np.fromiter((index[e] for e in externals if e in index), np.int32)

    def external(self, dense: Iterable[int]) -> list[str]:
        """Ids of the indices given."""
        ids = self.ids
        return [ids[d] for d in dense]

    def extended(self, externals: Iterable[str]) -> "IdMap":
        """This map with unknown ids put behind it, in the order given."""
        fresh = [external for external in dict.fromkeys(externals) if external not in self._index]
        return IdMap(self.ids + tuple(fresh))
