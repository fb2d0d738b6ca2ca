"""What the requests of one batch have in common: each viewer class is worked out once, however many ask together."""

from functools import cached_property

import numpy as np

from recsys.overrides import Live as LiveOverrides
from recsys.overrides import Room
from recsys.safety import Limits, Signals
from recsys.types import BoolArray, IntArray, Viewer
from serving.view import View

NOTHING = np.zeros(0, np.int32)


class Scene:
    """One viewer before one view, for as long as one batch takes. The last check goes by none of it."""

    def __init__(self, view: View, viewer: Viewer) -> None:
        self._view, self.viewer = view, viewer
        self.limits: Limits = view.limits(viewer)
        self.minor = view.for_minors(viewer)  # known to be one, or on a surface for minors
        self._visible: dict[int, tuple[IntArray, BoolArray]] = {}
        self._rooms: dict[tuple[int, int], Room] = {}

    def visible(self, live: LiveOverrides) -> BoolArray:
        """(items,) what the gate and the editors' excludes leave."""
        excluded = live.resolved.excluded
        found = self._visible.get(id(excluded))
        if found is None:  # the array of the key is kept alive by the value, so that its id stays its own
            found = self._visible[id(excluded)] = excluded, self._view.allowed(self.viewer, live)
        return found[1]

    @cached_property
    def vouched(self) -> BoolArray:
        """(items,) what may be shown while takedowns may be missing: strictly nothing, else what a person cleared."""
        if self.limits.strict:
            return np.zeros(len(self._view.ids), np.bool_)
        return self._view.gate.vouched(self.viewer)

    @cached_property
    def may_explore(self) -> bool:
        """Not for minors and not on strict surfaces."""
        age = self.viewer.age
        return not self.limits.strict and not (age is not None and age < self._view.policy.age_bands[-1])

    @property
    def caps(self) -> bool:
        """Whether creators or topics have only so many places."""
        return self.limits.max_per_creator is not None or self.limits.max_per_topic is not None

    @cached_property
    def signals(self) -> Signals | None:
        """What a minor is told beside the list."""
        return self._view.gate.signals(self.viewer)

    def room(self, k: int, offset: int) -> Room:
        """What a page of ``k`` behind ``offset`` places has to keep to."""
        if (k, offset) not in self._rooms:
            self._rooms[k, offset] = self._view.bounds(self.viewer, k, offset)
        return self._rooms[k, offset]


class Masks:
    """Masks that lists of one batch share, with what a list changes put back after it."""

    def __init__(self) -> None:
        self._own: dict[int, tuple[BoolArray, BoolArray]] = {}
        self._sizes: dict[int, tuple[BoolArray, int]] = {}

    def without(self, allowed: BoolArray, out: IntArray) -> "_Without":
        """``with`` it: (items,) ``allowed`` without ``out``; good until the block ends."""
        found = self._own.get(id(allowed))
        if found is None:  # the mask of the key is kept alive by the value, so that its id stays its own
            found = self._own[id(allowed)] = allowed, allowed.copy()
        return _Without(*found, out)

    def size(self, allowed: BoolArray) -> int:
        """How many items a mask leaves."""
        found = self._sizes.get(id(allowed))
        if found is None:
            found = self._sizes[id(allowed)] = allowed, int(np.count_nonzero(allowed))
        return found[1]


class _Without:
    def __init__(self, allowed: BoolArray, own: BoolArray, out: IntArray) -> None:
        self._allowed, self._own, self._out = allowed, own, out

    def __enter__(self) -> BoolArray:
        self._own[self._out] = False
        return self._own

    def __exit__(self, *_: object) -> None:
        self._own[self._out] = self._allowed[self._out]


class Scenes:
    """The scenes of one batch."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._scenes: dict[Viewer, Scene] = {}
        self.masks = Masks()
        self.stale = view.gate.stale

    def of(self, viewer: Viewer) -> Scene:
        """The scene of a viewer."""
        found = self._scenes.get(viewer)
        if found is None:
            found = self._scenes[viewer] = Scene(self._view, viewer)
        return found
