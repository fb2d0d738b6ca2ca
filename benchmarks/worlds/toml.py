"""Packs as TOML, so that the service reads them as it reads any other."""

import json
from typing import Any


def toml(pack: dict[str, Any]) -> str:
    """A pack, one key a line; what is None is left out."""
    return "".join(f"{_key(name)} = {_value(value)}\n" for name, value in pack.items() if value is not None)


def _value(value: Any) -> str:
    if isinstance(value, dict):
        inner = ", ".join(f"{_key(name)} = {_value(one)}" for name, one in value.items() if one is not None)
        return f"{{ {inner} }}"
    if isinstance(value, list):
        return f"[{', '.join(map(_value, value))}]"
    return json.dumps(value)


def _key(name: str) -> str:
    return json.dumps(name)
