"""Reading a rights document, whichever of the formats it is in."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Literal, get_args

from recsys.errors import DataError
from recsys.safety.rights.avails import read_avails_rows, read_avails_xml
from recsys.safety.rights.ddex import ROOTS, read_ddex
from recsys.safety.rights.entry import Entry
from recsys.safety.rights.onix import read_onix
from recsys.safety.rights.sheets import csv_rows, xlsx_rows

Format = Literal["onix", "avails", "ddex"]
FORMATS: tuple[Format, ...] = get_args(Format)
_HEAD = 65_536  # bytes in which the root of an XML document has to begin
_ROOT = re.compile(rb"<(?:[A-Za-z_][\w.-]*:)?([A-Za-z_][\w.-]*)[\s/>]")
_ASIDE = re.compile(rb"<\?.*?\?>|<!--.*?-->", re.DOTALL)
_FORMAT_OF: dict[str, Format] = {
    "ONIXMessage": "onix",
    "ONIXmessage": "onix",
    "AvailList": "avails",
    **dict.fromkeys(ROOTS, "ddex"),
}


def read_rights(path: Path, form: Format | None = None) -> Iterator[Entry]:
    """The works of a document; the format is guessed where it is not given. DataError says what cannot be read."""
    try:
        with path.open("rb") as file:
            yield from read_file(file, path.name, form)
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}.") from None


def read_file(file: BinaryIO, name: str, form: Format | None = None) -> Iterator[Entry]:
    """The works of an open, seekable document."""
    head = file.read(_HEAD)
    file.seek(0)
    if head.startswith(b"PK"):
        _expect("avails", form, name)
        return read_avails_rows(xlsx_rows(file, name), name)
    if not _is_xml(head):
        _expect("avails", form, name)
        return read_avails_rows(csv_rows(file, name), name)
    chosen = form or _guessed(head, name)
    readers = {"onix": read_onix, "avails": read_avails_xml, "ddex": read_ddex}
    return readers[chosen](file, name)


def _is_xml(head: bytes) -> bool:
    return head.lstrip(b"\xef\xbb\xbf\xfe\xff\x00 \t\r\n").startswith(b"<")


def _guessed(head: bytes, name: str) -> Format:
    plain = head.replace(b"\x00", b"")  # UTF-16 of Latin letters
    root = _ROOT.search(_ASIDE.sub(b"", plain))
    found = _FORMAT_OF.get(root[1].decode("ascii", "replace") if root else "")
    if found is None:
        raise DataError(f"{name} begins with no root of ONIX, Avails or DDEX; name its format with --format.")
    return found


def _expect(found: Format, form: Format | None, name: str) -> None:
    if form not in {None, found}:
        raise DataError(f"{name} is a spreadsheet, which {form} documents are not; leave --format out.")
