"""Results as files, whole or not at all."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from recsys.errors import ConfigError


def write_json(values: Mapping[str, Any], path: Path) -> None:
    """Write plain values as a JSON file; ConfigError where the place cannot be written."""
    write_text(json.dumps(values, indent=2, ensure_ascii=False) + "\n", path)


def write_text(text: str, path: Path) -> None:
    """Write a text file; ConfigError where the place cannot be written."""
    draft = path.with_name(f".{path.name}.part")
    try:
        draft.write_text(text, encoding="utf-8")
        draft.replace(path)
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} cannot be written: {error}.") from None
