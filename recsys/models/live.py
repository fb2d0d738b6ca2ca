"""Models that go on counting between retrainings: events in, frozen models out."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from recsys.models.recipe import Model


@dataclass(frozen=True, slots=True)
class Arrival:
    """One liked event as counters see it: without its user."""

    item: int
    time: float  # s UTC
    weight: float
    before: tuple[int, ...] = ()  # what the same user had just before, newest first


class Counter(Protocol):
    """The counts of one model, kept up to date. Thread-safe, bounded memory."""

    def count(self, arrivals: Sequence[Arrival]) -> None:
        """Count events, in whatever order they come."""
        ...

    def model(self) -> Model:
        """The frozen model of all events so far; the fitted one itself while none has come."""
        ...


@runtime_checkable
class Countable(Protocol):
    """A model whose counts may go on."""

    def counter(self) -> Counter:
        """Counts that begin where the model's end."""
        ...


@runtime_checkable
class Whole(Protocol):
    """A model of other models."""

    @property
    def parts(self) -> tuple[Model, ...]:
        """What it is made of."""
        ...

    def with_parts(self, parts: tuple[Model, ...]) -> Model:
        """The same model of other parts, one for one."""
        ...


def countable(models: Sequence[Model]) -> Iterator[Model]:
    """Every model among ``models`` and their parts that may go on counting."""
    for model in models:
        if isinstance(model, Countable):
            yield model
        if isinstance(model, Whole):
            yield from countable(model.parts)


def renewed(model: Model, now: Mapping[int, Model]) -> Model:
    """``model`` where each that is named by its ``id`` in ``now`` is replaced; itself where none of it is."""
    if id(model) in now:
        return now[id(model)]
    if not isinstance(model, Whole):
        return model
    parts = tuple(renewed(part, now) for part in model.parts)
    return model if all(a is b for a, b in zip(parts, model.parts, strict=True)) else model.with_parts(parts)
