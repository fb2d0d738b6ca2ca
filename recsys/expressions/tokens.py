"""The words of an expression, each with its place."""

import re
from dataclasses import dataclass

from recsys.errors import ConfigError

_TOKEN = re.compile(
    r"""(?P<space>[ \t\r\n\f]+)
    | (?P<number>(?:\d+(?:\.\d+)?|\.\d+)(?:[eE][+-]?\d+)?)
    | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
    | (?P<text>"(?:[^"\\\n\r]|\\.)*"|'(?:[^'\\\n\r]|\\.)*')
    | (?P<mark>==|!=|<=|>=|&&|\|\||[<>!()\[\],.\-])""",
    re.VERBOSE,
)
_ESCAPE = re.compile(r"\\(?:([abfnrtv\\'\"`?])|x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-3][0-7]{2})|)")
_PLAIN = dict(zip("abfnrtv\\'\"`?", "\a\b\f\n\r\t\v\\'\"`?", strict=True))


@dataclass(frozen=True, slots=True)
class Token:
    """A word. ``kind`` is number, name, text, mark, or end."""

    kind: str
    word: str
    at: int  # characters from the start


@dataclass(frozen=True, slots=True)
class Source:
    """A text that is read, and what to call it in an error."""

    text: str
    where: str

    def wrong(self, at: int, what: str) -> ConfigError:
        """An error that names the place, counted from 1."""
        return ConfigError(f"{self.where}, character {at + 1}: {what}")

    def tokens(self) -> list[Token]:
        """All words, and an ``end`` behind them."""
        found, at = [], 0
        while at < len(self.text):
            matched = _TOKEN.match(self.text, at)
            if matched is None:
                raise self._unknown(at)
            if matched.lastgroup != "space":
                found.append(Token(str(matched.lastgroup), matched.group(), at))
            at = matched.end()
        return [*found, Token("end", "", len(self.text))]

    def unquoted(self, token: Token) -> str:
        """What a quoted text says."""

        def plain(matched: re.Match[str]) -> str:
            """The character that one escape stands for; ConfigError names the place of one that CEL does not know."""
            simple, *codes, octal = matched.groups()
            if simple:
                return _PLAIN[simple]
            digits = next((code for code in codes if code), None)
            if digits is None and octal is None:
                raise self.wrong(token.at + 1 + matched.start(), r"this escape is unknown; write \\ for a backslash.")
            code = int(octal, 8) if digits is None else int(digits, 16)
            if code > 0x10FFFF or 0xD800 <= code < 0xE000:
                raise self.wrong(token.at + 1 + matched.start(), "this escape is no character.")
            return chr(code)

        return _ESCAPE.sub(plain, token.word[1:-1])

    def _unknown(self, at: int) -> ConfigError:
        if self.text[at] in "\"'":
            return self.wrong(at, "this text is not closed on its line; end it with the quote that it began with.")
        if self.text[at] in "+*/%?:{}":
            return self.wrong(
                at, f"{self.text[at]!r} is not supported; there is no arithmetic and no choice, only conditions."
            )
        hint = {"=": "'=='", "&": "'&&'", "|": "'||'"}.get(self.text[at], "a field, a value or an operator")
        return self.wrong(at, f"{self.text[at]!r} is not understood; {hint} is expected.")
