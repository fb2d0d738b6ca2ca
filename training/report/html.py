"""HTML as nested calls: every string is escaped on its way in, so a title can never become markup."""

from html import escape
from typing import Any

VOID = frozenset({"meta", "br", "line", "circle", "path", "rect"})


class Html(str):
    """Text that is markup already."""

    __slots__ = ()


def tag(name: str, /, *children: Any, **attributes: Any) -> Html:
    """An element; ``class_`` is ``class``, ``aria_label`` is ``aria-label``.

    Children are strings (escaped), ``Html`` (kept), numbers, or sequences of these; None is left out everywhere.
    """
    given = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(str(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    if name in VOID and not children:
        return Html(f"<{name}{given}/>")
    return Html(f"<{name}{given}>{join(*children)}</{name}>")


def join(*children: Any) -> Html:
    """Children one behind the other, each escaped unless it is markup."""
    parts = []
    for child in children:
        if child is None:
            continue
        if isinstance(child, Html):
            parts.append(str(child))
        elif isinstance(child, list | tuple):
            parts.append(str(join(*child)))
        else:
            parts.append(escape(str(child)))
    return Html("".join(parts))


def table(head: list[str], rows: list[list[Any]], *, caption: str, emphasis: int | None = None, words: int = 1) -> Html:
    """A table that scrolls in its own box; the first ``words`` columns hold words, the others numbers.

    ``emphasis`` is the row to set apart.
    """
    top = tag("tr", [tag("th", name, scope="col", class_=_kind(i, words)) for i, name in enumerate(head)])
    body = [
        tag(
            "tr",
            [tag("th", row[0], scope="row")],
            [tag("td", cell, class_=_kind(i, words)) for i, cell in enumerate(row[1:], start=1)],
            class_="best" if place == emphasis else None,
        )
        for place, row in enumerate(rows)
    ]
    made = tag("table", tag("caption", caption), tag("thead", top), tag("tbody", body))
    return tag("div", made, class_="scroll", tabindex="0", role="region", aria_label=caption)


def aside(*children: Any) -> Html:
    """A paragraph that explains, in a softer voice."""
    return tag("p", *children, class_="soft")


def details(summary: str, *children: Any) -> Html:
    """What a reader opens when they want it; open on paper."""
    return tag("details", tag("summary", summary), *children)


def _kind(place: int, words: int) -> str | None:
    return None if place < words else "number"
