"""The champion rule: when the alias ``champion`` moves to a new model, and in which words it does not."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from recsys.metrics import Interval

MARGIN = 0.01  # the lower bound of the paired ratio must lie above −1 %


@dataclass(frozen=True)
class Candidate:
    """A recipe with everything chosen (as plain values), and the lake versions that its bundle was fitted on."""

    recipe: Mapping[str, Any]
    lake: str  # URI
    lake_versions: Mapping[str, int]
    lake_ids: Mapping[str, str] = field(default_factory=dict)  # of its tables

    def same_lake(self, other: "Candidate") -> bool:
        """Whether both were fitted on versions of the same tables, wherever these lie now."""
        both = self.lake_ids.keys() & other.lake_ids.keys()
        if "events" in both:
            return all(self.lake_ids[table] == other.lake_ids[table] for table in both)
        return not both and self.lake == other.lake  # a model from before tables were told apart

    def data(self) -> str:
        """The data in words."""
        tables = (f"{table} {version}" for table, version in sorted(self.lake_versions.items()))
        return f"{self.lake} ({', '.join(tables)})"


@dataclass(frozen=True)
class Decision:
    """Whether the alias moves, and why."""

    promoted: bool
    reason: str


def decide(
    new: Candidate,
    champion: Candidate | None,
    paired: Interval | None,
    *,
    floor_ratio: float,
    metric: str = "ndcg@10",
    margin: float = MARGIN,
) -> Decision:
    """The rule. ``paired`` compares recipe with recipe, both fitted on one slice; ``floor_ratio`` is new ÷ popular.

    The first model is champion. Then the alias moves where the paired lower bound is above 1 − ``margin``, the ratio
    above 1 and the new model not below the popular floor. The same recipe has a ratio of 1 by construction, so there is
    nothing to compare: newer versions of the same lake win, another lake does not. A ratio that is not a number
    never promotes.
    """
    if champion is None:
        return Decision(True, f"It is the first model ({_floor(floor_ratio)} the popular floor in {metric}).")
    if not floor_ratio >= 1.0:
        return Decision(
            False, f"It is below the popular floor in {metric} ({floor_ratio:.3f}×), so the champion stays."
        )
    if dict(new.recipe) == dict(champion.recipe):
        return _same_recipe(new, champion)
    if paired is None:
        return Decision(False, f"It was not compared with the champion in {metric}, so the champion stays.")
    if not paired.low > 1 - margin:
        return Decision(
            False,
            f"Against the champion it makes {told(paired)} in {metric} on the same queries: the lower bound is not "
            f"above {1 - margin:g}, so it may be worse by more than {100 * margin:g} % and the champion stays.",
        )
    if not paired.ratio > 1.0:
        return Decision(
            False, f"Against the champion it makes {told(paired)} in {metric}: it is not better, so that one stays."
        )
    return Decision(True, f"Against the champion it makes {told(paired)} in {metric} on the same queries.")


def _same_recipe(new: Candidate, champion: Candidate) -> Decision:
    if not new.same_lake(champion):
        where = "a lake that was made anew" if new.lake == champion.lake else "another lake"
        return Decision(
            False,
            f"It is the champion's recipe fitted on {where}, {new.data()} instead of {champion.data()}: nothing says "
            "which data is better, so the champion stays; `recsys promote --force` makes this version champion.",
        )
    tables = {**champion.lake_versions, **new.lake_versions}
    steps = [new.lake_versions.get(table, -1) - champion.lake_versions.get(table, -1) for table in tables]
    if not any(steps):
        return Decision(
            False,
            "It is the champion's recipe on the champion's lake versions: nothing changed, so the champion stays.",
        )
    if min(steps) < 0:
        return Decision(False, f"It is the champion's recipe on older data, {new.data()}, so the champion stays.")
    return Decision(
        True,
        f"It is the champion's recipe (ratio 1 on the same slice) fitted on newer data: "
        f"{new.data()} instead of {champion.data()}.",
    )


def _floor(ratio: float) -> str:
    return f"{ratio:.3f}×" if ratio >= 1.0 else f"{ratio:.3f}×, so below,"


def told(interval: Interval) -> str:
    """``1.031× [1.004, 1.060]``."""
    return f"{interval.ratio:.3f}× [{interval.low:.3f}, {interval.high:.3f}]"
