"""Rows of a spreadsheet, CSV or XLSX, as text; bounded, and without running anything that is in it."""

import csv
import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from recsys.errors import DataError
from recsys.safety.rights.documents import Node, nodes

MAX_ROWS = 500_000
MAX_COLUMNS = 500
MAX_UNPACKED = 200_000_000  # bytes of one part of an XLSX file
_CELL = re.compile(r"([A-Z]{1,3})\d{1,7}")
_MAIN = re.compile(r"xl/worksheets/sheet\d+\.xml")


class Row(NamedTuple):
    """A row as a person counts it, from 1."""

    number: int
    cells: list[str]
    sheet: str = ""


def csv_rows(file: BinaryIO, name: str) -> Iterator[Row]:
    """Rows of UTF-8 text; commas, semicolons or tabs, whichever the beginning has more of."""
    text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
    try:
        head = text.read(20_000)
        text.seek(0)
        delimiter = max(",;\t", key=head.count)
        for number, cells in enumerate(csv.reader(text, delimiter=delimiter), 1):
            yield _bounded(Row(number, [cell.strip() for cell in cells]), name)
    except UnicodeDecodeError as error:
        raise DataError(f"{name} is not UTF-8 text ({error.reason}); save it as CSV UTF-8.") from None
    except csv.Error as error:
        raise DataError(f"{name} is no CSV that can be read ({error}).") from None
    finally:
        text.detach()


def xlsx_rows(file: BinaryIO, name: str) -> Iterator[Row]:
    """Rows of every sheet, one after the other, that an XLSX file has; formulas count by their stored value."""
    try:
        with zipfile.ZipFile(file) as book:
            parts = {info.filename: info for info in book.infolist()}
            sheets = sorted(part for part in parts if _MAIN.fullmatch(part))
            if not sheets:
                raise DataError(f"{name} has no worksheet; save it as XLSX or CSV.")
            shared = list(_shared(book, parts, name))
            for sheet in sheets[:20]:
                yield from _sheet(book, parts[sheet], shared, name)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, OSError, EOFError, ValueError) as error:
        raise DataError(f"{name} is no XLSX file that can be read ({error}).") from None


def _shared(book: zipfile.ZipFile, parts: dict[str, zipfile.ZipInfo], name: str) -> Iterator[str]:
    """The texts that cells refer to by number."""
    info = parts.get("xl/sharedStrings.xml")
    if info is None:
        return
    with _part(book, info, name) as part:
        for node in nodes(part, f"{name}, {info.filename}", {"si"}):
            if node.name == "si":
                yield _text(node)


def _sheet(book: zipfile.ZipFile, info: zipfile.ZipInfo, shared: list[str], name: str) -> Iterator[Row]:
    with _part(book, info, name) as part:
        for place, node in enumerate(nodes(part, f"{name}, {info.filename}", {"row"})):
            if place:  # the first one is the root
                yield _bounded(Row(_row_number(node, place), _cells(node, shared), info.filename[14:-4]), name)


def _row_number(row: Node, place: int) -> int:
    given = row.attributes.get("r", "")
    return int(given) if given.isascii() and given.isdigit() and len(given) < 8 else place


def _cells(row: Node, shared: list[str]) -> list[str]:
    cells: list[str] = []
    for node in row.all("c"):
        found = _CELL.fullmatch(node.attributes.get("r", ""))
        column = _column(found[1]) if found else len(cells)
        if column >= MAX_COLUMNS:
            continue
        cells += [""] * (column + 1 - len(cells))
        cells[column] = _value(node, shared).strip()
    return cells


def _value(cell: Node, shared: list[str]) -> str:
    if cell.attributes.get("t") == "inlineStr":
        return "".join(_text(node) for node in cell.all("is"))
    text = cell.value("v")
    if cell.attributes.get("t") != "s":
        return text
    if not (text.isascii() and text.isdigit() and len(text) < 9 and int(text) < len(shared)):
        raise cell.fault(f"it refers to the text {text!r:.20}, which the file does not have")
    return shared[int(text)]


def _column(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
    return number - 1


def _text(node: Node) -> str:
    return "".join([*(part.text for part in node.all("t")), *(part.text for part in node.all("r", "t"))])


def _part(book: zipfile.ZipFile, info: zipfile.ZipInfo, name: str) -> BinaryIO:
    if info.file_size > MAX_UNPACKED:
        raise DataError(
            f"{name}: {info.filename:.60} unpacks to more than {MAX_UNPACKED // 1_000_000} MB; split the list."
        )
    return book.open(info)  # type: ignore[return-value]


def _bounded(row: Row, name: str) -> Row:
    if row.number > MAX_ROWS:
        raise DataError(f"{name} has more than {MAX_ROWS} rows; split it.")
    return row._replace(cells=row.cells[:MAX_COLUMNS])
