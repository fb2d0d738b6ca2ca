"""Policy packs from TOML: every mistake is named with its file, key and line."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

from pydantic import ValidationError

from recsys.errors import ConfigError
from recsys.safety.mistakes import Mistake, MistakesError
from recsys.safety.policy import Policy

PACKS = Path(__file__).parent / "packs"
_HEADER = re.compile(r"\s*\[\[?\s*([^\]\[]+?)\s*\]\]?\s*(?:#.*)?$")
_KEY = re.compile(r"""\s*([\w.\-"' ]+?)\s*=""")


def packs() -> tuple[str, ...]:
    """Names of the packs that ship."""
    return tuple(sorted(path.stem for path in PACKS.glob("*.toml")))


def load_policy(name_or_path: str | Path) -> Policy:
    """A pack by the name of one that ships, or by the path of a TOML file; ConfigError names each mistake."""
    name = str(name_or_path)
    path = PACKS / f"{name}.toml" if name in packs() else Path(name)
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError(
            f"There is no policy {name!r}: it is neither a pack that ships ({', '.join(packs())}) nor a file."
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"The policy file {path} cannot be read: {error}.") from None
    return parse_policy(text, where=str(path))


def parse_policy(text: str, *, where: str = "policy") -> Policy:
    """A pack from TOML text; ``where`` names its place for the error message."""
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{where} is no TOML that can be read: {error}. A key or table stands there once.") from None
    try:
        return Policy.model_validate(values)
    except ValidationError as error:
        raise ConfigError("\n".join(sentences(where, text, error))) from None


def sentences(where: str, text: str, error: ValidationError) -> list[str]:
    """Each mistake of a pack's text, with its line where that is known."""
    return [_sentence(where, text, mistake) for mistake in _mistakes(error)]


def _mistakes(error: ValidationError) -> Iterator[Mistake]:
    for entry in error.errors():
        cause = entry.get("ctx", {}).get("error")
        if isinstance(cause, MistakesError):
            yield from cause.mistakes
        elif entry["type"] == "extra_forbidden":
            yield entry["loc"], "this key is not known here; correct or remove it"
        elif cause is not None:
            yield entry["loc"], str(cause)
        else:
            yield entry["loc"], entry["msg"]


def _sentence(where: str, text: str, mistake: Mistake) -> str:
    place, problem = mistake
    line = _line(text, tuple(str(part) for part in place))
    return f"{where}{f', line {line}' if line else ''}: {'.'.join(map(str, place)) or 'policy'}: {problem}."


def _line(text: str, place: tuple[str, ...]) -> int | None:
    """The line of the longest part of ``place`` that stands in the text; tomllib keeps no lines."""
    best, best_length = None, 0
    for number, path in _places(text):
        length = len(path)
        if best_length < length <= len(place) and path == place[:length]:
            best, best_length = number, length
    return best


def _places(text: str) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Each header and key with its line; the entries of an array of tables are counted from 0."""
    table: tuple[str, ...] = ()
    counts: dict[tuple[str, ...], int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if header := _HEADER.match(line):
            table = _split(header[1])
            if line.lstrip().startswith("[["):
                counts[table] = counts.get(table, -1) + 1
                table = (*table, str(counts[table]))
            yield number, table
        elif key := _KEY.match(line):
            yield number, (*table, *_split(key[1]))


def _split(dotted: str) -> tuple[str, ...]:
    return tuple(part.strip().strip("\"'") for part in re.findall(r'"[^"]*"|\'[^\']*\'|[^.]+', dotted))
