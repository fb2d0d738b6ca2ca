"""The frame of a page: one HTML file that asks for nothing from anywhere."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from training.report.html import Html, tag

STYLE = Path(__file__).with_name("page.css")
POLICY = "default-src 'none'; style-src 'unsafe-inline'"  # a browser refuses whatever would leave the page


@dataclass(frozen=True)
class Part:
    """One chapter of a page; an empty one is left out."""

    key: str
    heading: str
    body: Html


def frame(title: str, under: str, lead: Html, parts: Sequence[Part], foot: str) -> str:
    """A whole document."""
    shown = [part for part in parts if part.body]
    head = (
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", http_equiv="Content-Security-Policy", content=POLICY),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", title),
        tag("style", Html(STYLE.read_text(encoding="utf-8"))),
    )
    links = [tag("li", tag("a", part.heading, href=f"#{part.key}")) for part in shown]
    body = (
        tag("header", tag("h1", title), tag("p", under, class_="soft")),
        tag("nav", tag("ul", links), aria_label="Chapters"),
        tag("main", lead, [_section(part) for part in shown]),
        tag("footer", foot),
    )
    return f"<!doctype html>\n{tag('html', tag('head', *head), tag('body', *body), lang='en')}\n"


def _section(part: Part) -> Html:
    heading = f"{part.key}-heading"
    return tag("section", tag("h2", part.heading, id=heading), part.body, id=part.key, aria_labelledby=heading)
