"""What ``--tune`` found, checked in beside the benchmarks: one TOML file a benchmark, one table a case."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tomli_w

from benchmarks.form import Options
from recsys.errors import ConfigError

FOLDER = Path(__file__).with_name("specs")
QUICK_FOLDER = Path("var/bench/specs")  # a quick tuning never touches what is checked in


def load(bench: str, case: str, options: Options) -> dict[str, Any]:
    """The table of a case; a quick run takes what a quick tuning wrote, where there is one."""
    for folder in (QUICK_FOLDER, FOLDER) if options.quick else (FOLDER,):
        tables = _read(folder / f"{bench}.toml")
        if case in tables:
            table: dict[str, Any] = tables[case]
            return table
    raise ConfigError(
        f"{FOLDER / bench}.toml has no table [{case}]; run python -m benchmarks {bench} --data DIR --tune first."
    )


def save(bench: str, case: str, table: Mapping[str, Any], options: Options) -> Path:
    """Write the table of a case; the other cases stay as they are."""
    path = (QUICK_FOLDER if options.quick else FOLDER) / f"{bench}.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(tomli_w.dumps({**_read(path), case: _plain(table)}))
    return path


def _read(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text()) if path.is_file() else {}


def _plain(value: Any) -> Any:
    """TOML has no null: a field that is None is left out, which is what it means in a recipe."""
    if isinstance(value, Mapping):
        return {name: _plain(inner) for name, inner in value.items() if inner is not None}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return round(value, 8) if isinstance(value, float) else value
