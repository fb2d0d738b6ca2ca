"""The best settings as a run spec in TOML."""

import copy
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import tomli_w

from recsys.errors import ConfigError, StoreError
from recsys.models.recipe import Recipe
from training.spec import parse_spec


def check_free(target: Path, *, force: bool) -> None:
    """Refuse a place before any work is done. Raises ConfigError or StoreError."""
    if target.is_dir():
        raise ConfigError(f"--out {target} is a folder; name a file such as best.toml.")
    if target.exists() and not force:
        raise ConfigError(f"--out {target} exists already; choose another name, or write over it with --force.")
    try:
        target.absolute().parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"{target} cannot be written: {error}.") from None


def with_winners(values: Mapping[str, Any], winners: Mapping[str, Recipe]) -> dict[str, Any]:
    """The plain values of a spec with these recipes in their sections; what is open stays out, TOML knows no null."""
    made: dict[str, Any] = copy.deepcopy(dict(values))
    made["name"] = f"{str(values['name']).removesuffix('-tuned')}-tuned"
    for section, recipe in winners.items():
        told = {key: value for key, value in recipe.params().items() if value is not None}
        made["models"][section] = {"recipe": told.pop("recipe"), **told}
    parse_spec(made, where="The spec that was found")
    return made


def write(target: Path, values: Mapping[str, Any], header: Sequence[str], *, force: bool) -> None:
    """Write the spec whole or not at all; what is there is kept without ``force``, even if it came meanwhile."""
    text = "".join(f"# {line}".rstrip() + "\n" for line in "\n".join(header).splitlines())
    draft = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        draft.write_text(f"{text}\n{tomli_w.dumps(dict(values))}", encoding="utf-8")
        if force:
            draft.replace(target)
        else:
            os.link(draft, target)
    except FileExistsError:
        raise ConfigError(f"{target} came to be meanwhile; write over it with --force.") from None
    except OSError as error:
        raise StoreError(f"{target} cannot be written: {error}.") from None
    finally:
        draft.unlink(missing_ok=True)
