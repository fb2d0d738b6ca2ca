"""The gate as data: the shipped one, what a run spec's ``[gate]`` changes in it, and what ``--gate FILE`` does."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ConfigDict, RootModel, SerializeAsAny

from recsys.errors import ConfigError
from training.gate.check import Check, parse_check

if TYPE_CHECKING:
    from training.spec import RunSpec

DEFAULT = Path(__file__).parent.parent / "gates" / "default.toml"


class GateSpec(RootModel[dict[str, SerializeAsAny[Check]]]):
    """The checks a version has to pass, by name, in the order they are told."""

    model_config = ConfigDict(frozen=True)

    @property
    def checks(self) -> dict[str, Check]:
        return self.root

    def tables(self) -> dict[str, dict[str, Any]]:
        """The checks as plain values, as ``parse_gate`` reads them."""
        return {name: check.model_dump(mode="json", exclude_none=True) for name, check in self.checks.items()}


def default_gate() -> GateSpec:
    """The gate that ships."""
    return _gate(_read(DEFAULT), where=str(DEFAULT))


def parse_gate(values: Any, *, where: str, base: GateSpec | None = None) -> GateSpec:
    """``base`` (the shipped gate) changed by tables of plain values: keys are replaced, ``check = false`` drops one.

    Raises ConfigError for an unknown check or limit, naming it.
    """
    if not isinstance(values, Mapping):
        raise ConfigError(f"{where}: gate: this must be a table of checks such as [gate.coverage].")
    merged: dict[str, Any] = dict((base or default_gate()).tables())
    for name, change in values.items():
        if change is False:
            parse_check(name, {}, where=where) if name not in merged else merged.pop(name)
        elif isinstance(change, Mapping):
            merged[name] = _changed(merged.get(name, {}), change)
        else:
            raise ConfigError(f"{where}: gate.{name}: write a table of limits, or false to leave the check out.")
    return _gate(merged, where=where)


def load_gate(path: Path, base: GateSpec) -> GateSpec:
    """``base`` changed by a TOML file that has one table for each check."""
    return parse_gate(_read(path), where=str(path), base=base)


def with_gate(spec: "RunSpec", path: Path | None) -> "RunSpec":
    """A run spec whose gate is changed by a file, if any."""
    return spec if path is None else spec.model_copy(update={"gate": load_gate(path, spec.gate)})


def _changed(old: Mapping[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    """One check's keys replaced, and one by one those of a table in it, such as drift's ``limits``."""
    both = {key for key in change if isinstance(change[key], Mapping) and isinstance(old.get(key), Mapping)}
    return {**old, **change, **{key: {**old[key], **change[key]} for key in both}}


def _gate(tables: Mapping[str, Any], where: str) -> GateSpec:
    return GateSpec({name: parse_check(name, values, where=where) for name, values in tables.items()})


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"The gate {path} cannot be read: {error}.") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"The gate {path} is not valid TOML: {error}.") from None
