"""A run spec: what is prepared, how it is split, which recipes compete and by which metric the winner is chosen."""

import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PositiveInt,
    SerializeAsAny,
    ValidationError,
    field_validator,
    model_validator,
)

from recsys.content import ContentSpec
from recsys.dataset.data import Dataset
from recsys.errors import ConfigError
from recsys.metrics import accuracy_metrics
from recsys.models.recipe import Recipe, parse
from recsys.prepare.spec import PrepareSpec, SplitSpec
from recsys.rerank import Rerank
from training.gate.spec import GateSpec, default_gate, parse_gate
from training.plan import Budget, facts_of, fitting, parse_when

SECTION = re.compile(r"[^\W_][\w. -]{0,99}")  # it names a run, a folder and a line of a picture's legend
SHIPPED = Path(__file__).parent / "specs"


class RunSpec(BaseModel):
    """One training run. In TOML, ``[events.<kind>]`` at the top is short for ``[prepare.events.<kind>]``."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)
    name: str = "unnamed"
    prepare: PrepareSpec = Field(default_factory=PrepareSpec)
    split: SplitSpec = Field(default_factory=SplitSpec)
    models: dict[str, SerializeAsAny[Recipe]] = Field(min_length=1)  # by section
    content: ContentSpec = Field(default_factory=ContentSpec)  # how items are encoded, for those that come later
    rerank: Rerank = Field(default_factory=Rerank)  # what is done to the lists that are served
    session: Literal["auto", "first", "behind", "off"] = "auto"  # where the source of the running session stands
    metric: str = Field("ndcg@10", pattern=r"^[a-z_]+@[1-9][0-9]*$")  # what the winner is chosen by
    gate: GateSpec = Field(default_factory=default_gate)  # what a version must pass before it becomes champion
    k: tuple[PositiveInt, ...] = Field((5, 10, 20), min_length=1)  # list lengths that are measured
    seed: int = Field(0, ge=0)
    when: dict[str, str] = Field(default_factory=dict)  # by section: the logs that it is for
    budget: Budget = Field(default_factory=Budget)
    tune: dict[str, dict[str, Any]] = Field(default_factory=dict, exclude=True)  # by section; for `recsys tune` alone

    @field_validator("k", mode="before")
    @classmethod
    def _one_or_many(cls, value: Any) -> Any:
        return (value,) if isinstance(value, int) else value

    @model_validator(mode="after")
    def _when_is_understood(self) -> "RunSpec":
        for section, text in self.when.items():
            if section not in self.models:
                raise ValueError(f"when: there is no section [models.{section}]")
            parse_when(text)
        return self

    def for_log(self, data: Dataset) -> tuple["RunSpec", dict[str, str]]:
        """The spec without sections that are not for this log, and why each of these is left out."""
        models, left_out = fitting(self.models, self.when, facts_of(data))
        when = {section: text for section, text in self.when.items() if section in models}
        return self.model_copy(update={"models": models, "when": when}), left_out

    @model_validator(mode="after")
    def _metric_is_measured(self) -> "RunSpec":
        name, cutoff = self.metric.split("@")
        if name not in set(accuracy_metrics()):
            known = ", ".join(accuracy_metrics())
            raise ValueError(f"metric = {self.metric!r} is unknown; known are {known}, each with @k")
        if int(cutoff) not in self.k:
            raise ValueError(f"metric = {self.metric!r} needs its list length in k, which is {list(self.k)}")
        return self


def shipped_specs() -> list[str]:
    """Names of the specs that come with the package."""
    return sorted(path.stem for path in SHIPPED.glob("*.toml"))


def load_spec(name_or_path: str, settings: Sequence[str] = ()) -> RunSpec:
    """A shipped spec by name, or a TOML file by path; ``settings`` are ``key.path=value`` that replace what it says.

    Raises ConfigError naming the file and the key.
    """
    return parse_spec(read_values(name_or_path, settings), where=str(_find(name_or_path)))


def read_values(name_or_path: str, settings: Sequence[str] = ()) -> dict[str, Any]:
    """What a spec's file and ``settings`` say, not yet checked."""
    path = _find(name_or_path)
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"The run spec {path} cannot be read: {error}.") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"The run spec {path} is not valid TOML: {error}.") from None
    for setting in settings:
        _put(values, setting)
    return {"name": path.stem, **values}


def parse_spec(values: Mapping[str, Any], *, where: str = "run spec") -> RunSpec:
    """A run spec of plain values; ``where`` names their place in error messages."""
    plain = dict(values)
    sections = plain.get("models")
    if not isinstance(sections, Mapping) or not sections:
        raise ConfigError(f"{where}: models: a spec needs at least one section such as [models.popular].")
    for name in sections:
        if not SECTION.fullmatch(name):
            raise ConfigError(
                f"{where}: models: a section cannot be called {name!r}; use letters, digits, spaces and . _ - in at "
                "most 100 characters, and begin with a letter or a digit."
            )
    plain["gate"] = parse_gate(plain.get("gate", {}), where=where)
    plain["models"] = {name: _recipe(name, sections, where) for name in sections}
    try:
        if "events" in plain:
            plain["prepare"] = _with_events(plain.get("prepare", {}), plain.pop("events"), where)
        return RunSpec.model_validate(plain)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"]) or "spec"
        raise ConfigError(f"{where}: {key}: {first['msg']}.") from None


def _find(name_or_path: str) -> Path:
    path = Path(name_or_path)
    if path.suffix == ".toml" or path.is_file():
        return path
    shipped = SHIPPED / f"{name_or_path}.toml"
    if not shipped.is_file():
        known = ", ".join(shipped_specs())
        raise ConfigError(f"There is no run spec {name_or_path!r}; give a .toml file or one of: {known}.")
    return shipped


def _with_events(prepare: Any, events: Any, where: str) -> Any:
    if not isinstance(prepare, Mapping):
        return prepare  # validation says what is wrong with it
    if "events" in prepare:
        raise ConfigError(f"{where}: events: rules stand both under [events] and under [prepare.events]; keep one.")
    return {**prepare, "events": events}


def _recipe(section: str, sections: Mapping[str, Any], where: str) -> Recipe:
    place = f"{where}: models.{section}"
    try:
        return parse(_params(section, sections, where, ()), where=place)
    except ConfigError as error:  # the registry knows the recipes and not who asks for one
        raise error if where in str(error) else ConfigError(f"{place}: {error}") from None


def _params(section: str, sections: Mapping[str, Any], where: str, inside: tuple[str, ...]) -> dict[str, Any]:
    """A section's values with its recipe's name, and with the sections that its ``parts`` name put in their place."""
    place = f"{where}: models.{section}"
    values = sections[section]
    if not isinstance(values, Mapping):
        raise ConfigError(f"{place}: this must be a table such as [models.{section}].")
    params = {"recipe": section, **values}
    if "parts" in params and isinstance(params["parts"], list):
        chain = (*inside, section)
        params["parts"] = [_part(part, sections, where, chain) for part in params["parts"]]
    return params


def _part(part: Any, sections: Mapping[str, Any], where: str, inside: tuple[str, ...]) -> Any:
    if not isinstance(part, str):
        return part
    place = f"{where}: models.{inside[-1]}.parts"
    if part in inside:
        raise ConfigError(f"{place}: {part!r} is a part of itself.")
    if part not in sections:
        raise ConfigError(f"{place}: there is no section [models.{part}].")
    return _params(part, sections, where, inside)


def _put(values: dict[str, Any], setting: str) -> None:
    """Put ``split.windows=4`` into nested tables; the value is read as TOML, else as a string."""
    key, mark, text = setting.partition("=")
    if not mark or not key.strip():
        raise ConfigError(f"--set {setting}: write KEY=VALUE, for example --set split.windows=4.")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text
    *tables, last = key.strip().split(".")
    for table in tables:
        values = values.setdefault(table, {})
        if not isinstance(values, dict):
            raise ConfigError(f"--set {setting}: {table} is a value and no table.")
    values[last] = value
