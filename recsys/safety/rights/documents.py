"""XML as a stream of small trees, from senders that nobody has to trust.

There is no document type declaration, so no entity and no other file; depth, size and length are bounded; every
mistake is named with its file and line.
"""

import codecs
import re
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, field
from typing import BinaryIO
from xml.parsers import expat

from recsys.errors import DataError

MAX_BYTES = 1 << 30  # of one file
MAX_DEPTH = 50
MAX_NODES = 200_000  # of one record
MAX_CHARACTERS = 5_000_000  # of one record's text and attributes
_BLOCK = 1 << 16
_DECLARED = re.compile(rb"""^(?:\xef\xbb\xbf)?<\?xml[^>]*?encoding\s*=\s*["']([A-Za-z0-9._-]+)["']""")
_WIDE = {"gbk", "gb2312", "gb18030", "big5", "euc_jp", "euc_kr", "shift_jis"}  # expat reads no such encoding by itself


@dataclass(slots=True)
class Node:
    """An element by its local name, with where it stands."""

    name: str
    where: str  # file and line, for messages
    attributes: Mapping[str, str]
    children: list["Node"] = field(default_factory=list)
    parts: list[str] = field(default_factory=list, repr=False)

    @property
    def text(self) -> str:
        """Its own text without surrounding blanks."""
        return "".join(self.parts).strip()

    def all(self, *path: str) -> Iterator["Node"]:
        """The descendants at the end of a path of names."""
        for child in self.children:
            if child.name == path[0]:
                if len(path) == 1:
                    yield child
                else:
                    yield from child.all(*path[1:])

    def value(self, *path: str) -> str:
        """The text of the first descendant at the end of a path; empty where there is none."""
        return next((node.text for node in self.all(*path)), "")

    def fault(self, problem: str) -> DataError:
        """The error that says what is wrong here."""
        return DataError(f"{self.where}, {self.name}: {problem}.")


def nodes(
    file: BinaryIO, name: str, wanted: Container[str], aliases: Mapping[str, str] | None = None
) -> Iterator[Node]:
    """The root without its children, then each outermost element whose name is wanted, as it ends.

    ``aliases`` are other spellings of element names. DataError names file and line of what cannot be read.
    """
    reader = _Reader(name, wanted, aliases or {})
    read = 0
    first = True
    while block := file.read(_BLOCK):
        read += len(block)
        if read > MAX_BYTES:
            raise DataError(f"{name} has more than {MAX_BYTES >> 20} MB; split it.")
        if first:
            reader.begin(block)
            first = False
        reader.feed(block, final=False)
        yield from reader.take()
    if first:
        raise DataError(f"{name} is empty; give the document.")
    reader.feed(b"", final=True)
    yield from reader.take()


class _Reader:
    """Builds nodes from expat's calls."""

    def __init__(self, name: str, wanted: Container[str], aliases: Mapping[str, str]) -> None:
        self._name = name
        self._wanted = wanted
        self._aliases = aliases
        self._depth = 0
        self._open: list[Node] = []
        self._done: list[Node] = []
        self._nodes = self._characters = 0
        self._decode: codecs.IncrementalDecoder | None = None
        self._parser = expat.ParserCreate()

    def begin(self, block: bytes) -> None:
        """Make the parser for the encoding that the document declares."""
        declared = _DECLARED.match(block)
        encoding = declared[1].decode("ascii").lower().replace("-", "_") if declared else ""
        if encoding in _WIDE:
            self._decode = codecs.getincrementaldecoder(encoding)()
            self._parser = expat.ParserCreate("utf-8")
        self._parser.buffer_text = True
        self._parser.StartDoctypeDeclHandler = self._doctype
        self._parser.EntityDeclHandler = self._doctype
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._text

    def feed(self, block: bytes, *, final: bool) -> None:
        """Parse a block; DataError where it is no XML."""
        try:
            self._parser.Parse(self._decode.decode(block, final) if self._decode else block, final)
        except (expat.ExpatError, ValueError, LookupError, TypeError) as error:
            raise self._fault(f"this is no XML that can be read ({error})") from None

    def take(self) -> list[Node]:
        """What ended since the last time."""
        done, self._done = self._done, []
        return done

    def _doctype(self, *_: object) -> None:
        raise self._fault("there is a document type declaration, which may pull in other files; remove <!DOCTYPE …>")

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise self._fault(f"elements lie more than {MAX_DEPTH} deep")
        name = tag.rpartition(":")[2]
        name = self._aliases.get(name, name)
        if self._depth == 1:
            self._done.append(Node(name, self._where(), attributes))
        elif self._open or name in self._wanted:
            self._count(nodes=1, characters=sum(map(len, attributes.values())))
            node = Node(name, self._where(), attributes)
            if self._open:
                self._open[-1].children.append(node)
            self._open.append(node)

    def _end(self, _: str) -> None:
        self._depth -= 1
        if not self._open:
            return
        node = self._open.pop()
        if not self._open:
            self._done.append(node)
            self._nodes = self._characters = 0

    def _text(self, text: str) -> None:
        if self._open:
            self._count(nodes=0, characters=len(text))
            self._open[-1].parts.append(text)

    def _count(self, *, nodes: int, characters: int) -> None:
        self._nodes += nodes
        self._characters += characters
        if self._nodes > MAX_NODES or self._characters > MAX_CHARACTERS:
            raise self._fault("this record is too large to be one; split it")

    def _where(self) -> str:
        return f"{self._name}, line {self._parser.CurrentLineNumber}"

    def _fault(self, problem: str) -> DataError:
        return DataError(f"{self._where()}: {problem}.")
