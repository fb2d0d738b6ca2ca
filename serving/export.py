"""Writing all works, or some, for others to read."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal
from urllib.parse import quote

from recsys.errors import DataError
from recsys.safety.export import Work, dublin_core, schema_org
from recsys.safety.export.schemaorg import CONTEXT, json_text

Form = Literal["schemaorg", "dc"]
SUFFIX: dict[Form, str] = {"schemaorg": ".jsonld", "dc": ".xml"}
_DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'


def chunks(works: Iterable[Work], form: Form) -> Iterator[str]:
    """One document of many works, piece by piece."""
    if form == "dc":
        yield f"{_DECLARATION}<records>\n"
        yield from (f"{dublin_core(work)}\n" for work in works)
        yield "</records>\n"
        return
    yield f'{{"@context": {json_text(CONTEXT)}, "@graph": [\n'
    for place, work in enumerate(works):
        yield f"{',' if place else ''}{json_text(schema_org(work))}\n"
    yield "]}\n"


def single(work: Work, form: Form) -> str:
    """A document of one work."""
    if form == "dc":
        return f"{_DECLARATION}{dublin_core(work)}\n"
    return f"{json_text({'@context': CONTEXT, **schema_org(work)})}\n"


def write_file(works: Iterable[Work], form: Form, file: Path) -> None:
    """One document; it appears whole or not at all."""
    draft = file.with_name(f".{file.name}.draft")
    try:
        with draft.open("w", encoding="utf-8") as out:
            out.writelines(chunks(works, form))
        draft.replace(file)
    except OSError as error:
        raise DataError(f"{file} cannot be written: {error.strerror}.") from None
    finally:
        draft.unlink(missing_ok=True)


def write_folder(works: Iterable[Work], form: Form, folder: Path) -> int:
    """One document a work, named by its id; says how many."""
    count = 0
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for work in works:
            (folder / _name(work, form)).write_text(single(work, form), encoding="utf-8")
            count += 1
    except OSError as error:
        raise DataError(f"{folder} cannot be written: {error.strerror}.") from None
    return count


def _name(work: Work, form: Form) -> str:
    """The id as a file name: what could name another folder is written as %XX."""
    name = quote(str(work.record["item_id"]), safe="").replace(".", "%2E")
    return f"{name[:180]}{SUFFIX[form]}"
