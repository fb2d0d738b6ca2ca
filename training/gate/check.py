"""A check of the gate: its limits as fields, and a method that holds the evidence against them."""

import math
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from recsys.errors import ConfigError
from recsys.registry import Registry

if TYPE_CHECKING:
    from training.gate.evidence import Evidence

Outcome = Literal["pass", "fail", "not measured"]


@dataclass(frozen=True)
class Finding:
    """What one check found, in a sentence; ``value`` and ``limit`` where it comes down to one number each."""

    outcome: Outcome
    sentence: str
    value: float | None = None
    limit: float | None = None

    @classmethod
    def of(cls, passed: bool, sentence: str, value: float | None = None, limit: float | None = None) -> "Finding":
        """Pass or fail; a value that is not a number is no value."""
        known = None if value is None or not math.isfinite(value) else value
        return cls("pass" if passed else "fail", sentence, known, limit)

    @classmethod
    def unknown(cls, sentence: str) -> "Finding":
        """There was nothing to measure."""
        return cls("not measured", sentence)


class Check(BaseModel):
    """One check. ``block``: a failure keeps the version from being champion; ``required``: so does no measurement."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: ClassVar[str]
    block: bool = True
    required: bool = False

    @abstractmethod
    def find(self, evidence: "Evidence") -> Finding:
        """Hold the evidence against the limits."""


_REGISTRY: Registry[type[Check]] = Registry("check of the gate", "training.gate.checks")


def register(name: str) -> Any:
    """Class decorator: file a check under ``name``."""

    def add(check: type[Check]) -> type[Check]:
        check.name = name
        return _REGISTRY.register(name)(check)

    return add


def checks() -> Mapping[str, type[Check]]:
    """All registered checks by name."""
    return _REGISTRY


def parse_check(name: str, values: Mapping[str, Any], *, where: str) -> Check:
    """A check of plain values; ConfigError naming place, check and key."""
    try:
        return checks()[name].model_validate(values)
    except ConfigError as error:  # the registry knows the checks and not who asks for one
        raise ConfigError(f"{where}: gate: {error}") from None
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(["gate", name, *(str(part) for part in first["loc"])])
        raise ConfigError(f"{where}: {key}: {first['msg']}.") from None
