"""Everything that verdicts rest on but the viewer and the moment: items, orders, rights and what was said."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from recsys.dataset.ids import IdMap
from recsys.safety.bench import Bench
from recsys.safety.columns import Columns, Rights, Said
from recsys.safety.judge import Pool
from recsys.safety.labels.effective import Effective
from recsys.safety.marks import Reader
from recsys.safety.openings import Openings
from recsys.safety.policy import Policy
from recsys.safety.reading import NO_TURNS, Reading
from recsys.safety.recent import Recent
from recsys.safety.takedown import Withheld, bites
from recsys.safety.variants import Variants
from recsys.safety.verdict import Verdict
from recsys.types import BoolArray, IntArray, TimeArray

_TERRITORIES = 256  # of which the boundaries of rights are remembered
_BLOCK, _HOLD = np.int8(Verdict.BLOCK), np.int8(Verdict.HOLD)


@dataclass(frozen=True, slots=True, eq=False)
class Court:
    """One state of the world. A change gives another court, which shares what did not change."""

    policy: Policy
    packs: Variants
    reader: Reader
    reading: Reading
    said: Said
    ids: IdMap  # of the items that were there first
    later: Mapping[str, tuple[int, ...]]  # of the items added since
    orders: Withheld
    openings: Openings
    down: Mapping[int, frozenset[str | None]] = field(init=False)  # the orders by item
    ordered: frozenset[str | None] = field(init=False)  # territories with orders of their own
    _turns: Recent[str | None, TimeArray] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        down = {at: places for item, places in self.orders.items() for at in self.where(item)}
        object.__setattr__(self, "down", down)
        object.__setattr__(self, "ordered", frozenset[str | None]().union(*self.orders.values()))
        object.__setattr__(self, "_turns", Recent(_TERRITORIES))

    @property
    def columns(self) -> Columns:
        """The items as they were read."""
        return self.reading.columns

    def but(self, **changes: object) -> "Court":
        """The court with something else."""
        return replace(self, **changes)  # type: ignore[arg-type]

    def read_anew(self, read: Columns, rows: Columns, **changes: object) -> "Court":
        """The court over other columns, of which ``rows`` are new."""
        return self.but(reading=Reading.of(read, rows, self.policy, self.packs, self.reading.turns), **changes)

    def with_labels(self, labels: Mapping[str, tuple[Effective, ...] | None]) -> "Court":
        """The court with other labels of the items named; None = those of their record."""
        given = {**self.said.labels, **labels}
        every = {item: some for item, some in given.items() if some is not None}
        changed = self.columns.said(self._indices(labels), self.reader, every)
        return self.read_anew(changed, changed, said=Said(every, self.said.rights))

    def with_rights(self, rights: Mapping[str, Rights | None]) -> "Court":
        """The court with other rights of the items named; None = their record alone decides."""
        given = {**self.said.rights, **rights}
        every = {item: right for item, right in given.items() if right is not None}
        changed = self.columns.granted(self._indices(rights), every)
        return self.read_anew(changed, changed, said=Said(self.said.labels, every))

    def apart(self, territory: str | None) -> bool:
        """Whether a territory makes a difference to some item."""
        named = self.reading.named
        return territory is None or named is None or territory in named or territory in self.ordered

    def span(self, territory: str | None, now: float) -> tuple[int, int]:
        """Between which moments it is that may change a mask, everywhere and there; -1 where the clock is broken."""
        there = NO_TURNS
        if self.reading.restricted:
            there = self._turns.get(territory, lambda: self.openings.turns(list(self.columns.right_sets), territory))
        return _between(self.reading.turns, now), _between(there, now)

    def mask(self, bench: Bench, now: float, pool: Pool) -> BoolArray:
        """(items,) what is shown to a class of viewers, or of that a pool; read-only."""
        read, place = self.columns, bench.view.territory
        if not math.isfinite(now) or bench.closed:
            return _sealed(np.zeros(len(read), np.bool_))
        mask = bench.fits(now, pool)  # (items,)
        mask &= self.reading.starts <= now
        mask &= now < read.closes
        if self.reading.restricted:
            mask &= self.openings.all_open(list(read.right_sets), place, now)[read.right_set]
        for at, places in self.down.items():
            if bites(places, place):
                mask[at] = False
        return _sealed(mask)

    def codes(self, items: NDArray[np.int64], bench: Bench, now: float) -> tuple[NDArray[np.int8], NDArray[np.uint8]]:
        """(n,) verdicts on known items, and the parts that are withheld."""
        read, reading, place = self.columns, self.reading, bench.view.territory
        codes, bits = bench.codes(read.kind[items], now)
        out = (reading.starts[items] > now) | (read.closes[items] <= now)
        if out.any():
            codes[out] = np.maximum(codes[out], _BLOCK)
        if reading.restricted:
            rights = [read.right_sets[at] for at in read.right_set[items].tolist()]
            shut = ~self.openings.all_open(rights, place, now)
            codes[shut] = np.maximum(codes[shut], _BLOCK)
        if bench.closed:
            np.maximum(codes, _HOLD, out=codes)
        if self.down:
            for row, item in enumerate(items.tolist()):
                if (places := self.down.get(item)) is not None and bites(places, place):
                    codes[row] = Verdict.TAKEDOWN
        return codes, bits

    def where(self, item: str) -> list[int]:
        """The rows of an item id."""
        first = self.ids.get(item)
        return [*(() if first is None else (first,)), *self.later.get(item, ())]

    def _indices(self, items: Iterable[str]) -> IntArray:
        return np.array([at for item in items for at in self.where(item)], np.int32)


def _between(turns: TimeArray, now: float) -> int:
    return int(np.searchsorted(turns, now, side="right")) if math.isfinite(now) else -1


def _sealed(mask: BoolArray) -> BoolArray:
    mask.flags.writeable = False
    return mask
