"""Where to look for each recipe's settings, as data; a spec's ``[tune.<section>]`` says otherwise where it must.

``factors`` is not drawn: its values are the stages of a search, from few to many. What a space does not name stays as
the spec has it, so a field that is open there is chosen by the recipe itself in every trial; ``epochs`` of most recipes
is read off the curve that way.
"""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from recsys.errors import ConfigError
from recsys.models.recipe import Recipe, parse
from training.tune.ranges import Choice, Range, Space, Span, read

FACTORS = "factors"


def log(low: float, high: float) -> Span:
    """Evenly by ratio."""
    return Span(low, high, log=True)


def linear(low: float, high: float) -> Span:
    """Evenly by difference."""
    return Span(low, high)


def whole(low: int, high: int) -> Span:
    """Integers, evenly by ratio."""
    return Span(low, high, log=True, whole=True)


def choice(*values: Any) -> Choice:
    """One of these."""
    return Choice(values)


DAYS = log(1.0, 36_500.0)  # at the upper end hardly anything decays
EVENTS = log(1.0, 1e4)  # of a history
FADING = {"half_life_days": DAYS, "half_life_events": EVENTS}
MINUTES = log(1 / 288, 36_500.0)  # days, from five minutes

SPACES: Mapping[str, Space] = MappingProxyType(
    {
        "popular": {"half_life_days": MINUTES},
        "trending": {"half_life_days": MINUTES, "shrinkage": log(10.0, 1e4)},
        "item_knn": {
            "similarity": choice("cosine", "bm25"),
            "neighbours": whole(10, 1000),
            "shrinkage": log(0.3, 300.0),
            **FADING,
        },
        # Steck 2019: 200 to 500 on dense logs; sparse and small ones want anything from ten up
        "ease": {
            "reg": log(10.0, 5000.0),
            "user_power": linear(0.0, 0.6),
            "reg_power": linear(0.0, 0.6),
            "popularity": linear(0.0, 0.4),
            "forward": choice(False, True),
            **FADING,
        },
        # Shen et al. 2021, Choi et al. 2023, Peng et al. 2024
        "graph_filter": {
            "factors": choice(112, 224, 448),
            "user_power": linear(0.1, 0.7),
            "item_power": linear(0.1, 0.7),
            "popularity": linear(-0.1, 0.4),
            "ideal": linear(0.0, 0.6),
            "sharpening": linear(0.0, 1.2),
            **FADING,
        },
        # reg is on the scale of alpha times the largest singular value that is noise
        "als": {"factors": choice(32, 64, 128), "alpha": log(1.0, 100.0), "reg": log(0.3, 3000.0)},
        # Rendle et al. 2022: reg .002 to .05 on small logs, .003 on ML-20M, with nu = 1; unobserved .1
        "ials": {
            "factors": choice(32, 64, 128, 256),
            "unobserved": log(0.003, 2.0),
            "reg": log(3e-4, 0.2),
            **FADING,
        },
        "bpr": {
            "factors": choice(32, 64, 128),
            "epochs": whole(20, 200),
            "learning_rate": log(0.01, 0.2),
            "reg": log(1e-3, 0.1),
            "fold_in_reg": log(0.03, 10.0),
        },
        "warp": {
            "factors": choice(32, 64, 128),
            "learning_rate": log(0.02, 0.3),
            "reg": log(1e-7, 1e-3),
            "max_history": whole(5, 80),
            "max_sampled": whole(3, 30),
            "content": log(0.1, 3.0),
            "profile": log(0.01, 1.0),
        },
        "two_tower": {
            "factors": choice(32, 64, 128),
            "learning_rate": log(5e-4, 1e-2),
            "reg": log(3e-3, 1.0),
            "batch_size": choice(64, 128, 256),
            "dropout": linear(0.1, 0.6),
            "id_dropout": linear(0.0, 0.5),
            "in_order": linear(0.0, 1.0),
        },
        # Kang and McAuley 2018; Klenitskiy and Vasilev 2023: with cross-entropy
        "sasrec": {
            "factors": choice(32, 64, 128),
            "blocks": whole(1, 3),
            "heads": choice(1, 2),
            "learning_rate": log(3e-4, 3e-3),
            "dropout": linear(0.1, 0.5),
            "max_history": choice(50, 100, 200),
        },
    }
)


def space_of(recipe: Recipe, overrides: Mapping[str, Any], place: str) -> Space:
    """The space of a recipe with what ``[tune.<section>]`` says put over it; ConfigError names the field."""
    known = type(recipe).model_fields
    space: dict[str, Range] = dict(SPACES.get(recipe.name, {}))
    for field, told in overrides.items():
        if field not in known:
            raise ConfigError(f"{place}.{field}: {recipe.name} has no such field; it has {', '.join(known)}.")
        space[field] = _checked(recipe, field, read(told, f"{place}.{field}"), f"{place}.{field}")
    if not space:
        tunable = ", ".join(sorted(SPACES))
        raise ConfigError(
            f"{place}: nothing says what to search for {recipe.name}; name ranges there, or tune one of {tunable}."
        )
    return space


def stages_of(space: Space) -> tuple[int | None, ...]:
    """Numbers of factors, rising, doubled between the ends of a span; None where there is no such field."""
    factors = space.get(FACTORS)
    if factors is None:
        return (None,)
    if isinstance(factors, Choice):
        return tuple(sorted(int(value) for value in factors.values))
    found = [int(factors.low)]
    while found[-1] < factors.high:
        found.append(min(2 * found[-1], int(factors.high)))
    return tuple(found)


def searched(space: Space) -> Space:
    """What is drawn: all but the factors."""
    return {field: range_ for field, range_ in space.items() if field != FACTORS}


def with_values(recipe: Recipe, values: Mapping[str, Any], place: str = "recipe") -> Recipe:
    """The recipe with other values, checked."""
    return parse({**recipe.params(), **values}, where=place)


def _checked(recipe: Recipe, field: str, range_: Range, place: str) -> Range:
    """The range as the field takes it, every end of it accepted by the recipe."""
    if isinstance(range_, Span):
        range_ = replace(range_, whole=not _takes(recipe, field, (range_.low + range_.high) / 2 + 1e-7))
    for value in range_.values if isinstance(range_, Choice) else (range_.low, range_.high):
        with_values(recipe, {field: value}, place)
    return range_


def _takes(recipe: Recipe, field: str, value: Any) -> bool:
    try:
        with_values(recipe, {field: value})
    except ConfigError:
        return False
    return True


def tunable(models: Mapping[str, Recipe], told: Mapping[str, Any]) -> list[str]:
    """Sections that have something to search, in the spec's order."""
    return [section for section, recipe in models.items() if recipe.name in SPACES or section in told]
