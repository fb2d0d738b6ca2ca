"""What a campaign may be for: a closed list, so that nobody optimises for something that was never agreed on."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from recsys.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Objective:
    """One aim, in words for the public notice, and whether it may be pursued with minors."""

    name: str
    zh: str
    en: str
    for_minors: bool = True


def _named(*objectives: Objective) -> Mapping[str, Objective]:
    return MappingProxyType({objective.name: objective for objective in objectives})


OBJECTIVES = _named(
    Objective("editorial", "编辑推荐", "Editors' choice"),
    Objective("discovery", "让新作品被看到", "New works find an audience"),
    Objective("heritage", "推广文化遗产", "Cultural heritage is seen"),
    Objective("diversity", "丰富内容的多样性", "A more diverse offer"),
    Objective("public_service", "公共服务信息", "Public service information"),
    Objective("completion", "看完、听完、读完", "Works are finished"),
    Objective("satisfaction", "用户满意", "Users are satisfied"),
    Objective("conversion", "促成订阅或购买", "Subscriptions and purchases", for_minors=False),
    Objective("sponsored", "付费推广", "Paid promotion", for_minors=False),
    Objective("session_length", "使用时长", "Raw length of sessions", for_minors=False),
)


def objective(name: str, *, minors: bool = False) -> Objective:
    """An aim by its name. ConfigError where it is unknown, or not one to pursue with minors and ``minors`` is set."""
    found = OBJECTIVES.get(name)
    if found is None:
        raise ConfigError(f"There is no objective {name!r}; known are: {', '.join(OBJECTIVES)}.")
    if minors and not found.for_minors:
        raise ConfigError(f"The objective {name!r} is not pursued with minors; choose another, or other surfaces.")
    return found
