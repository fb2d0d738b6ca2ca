"""Charts as inline SVG that take their colours from the page, so that they follow its light and its dark scheme.

Each is a picture with a text alternative; the page sets a table with the same figures beside it.
"""

import math
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from training.report.html import Html, join, tag

WIDTH = 640
ROW = 26
SERIES = 6  # colours, dashes and marks there are
GLYPH = 7.0  # px of a Latin letter at 12 px; a Chinese one takes two
MANY = 18  # characters of an axis label that fit between two ticks


@dataclass(frozen=True)
class Line:
    """One series of a line chart; a y of None is a gap."""

    name: str
    points: Sequence[tuple[float, float | None]]


@dataclass(frozen=True)
class Whisker:
    """A mean with its interval."""

    name: str
    mean: float | None
    low: float | None
    high: float | None
    best: bool = False


@dataclass(frozen=True)
class Pair:
    """Two shares of one thing."""

    name: str
    first: float
    second: float


def whiskers(rows: Sequence[Whisker], *, title: str, axis: str, mark: float | None = None) -> Html:
    """A dot with its interval a row; ``mark`` is a value to draw a line at, else the axis begins at 0."""
    known = [row for row in rows if row.mean is not None]
    if not known:
        return Html("")
    left = _gutter([row.name for row in known])
    ends = [value for row in known for value in (row.low, row.high, row.mean) if value is not None]
    start = 0.0 if mark is None else min(mark, *ends)
    scale = _Scale(start, max(ends) if mark is None else max(mark, *ends), left, WIDTH - 24)
    height = ROW * len(known) + 44
    marks = [_grid_columns(scale, height - 40)]
    if mark is not None:
        marks.append(tag("path", d=f"M{scale(mark):.1f} 4V{height - 40}", class_="line s5 d5"))
    for place, row in enumerate(known):
        y = ROW * place + ROW / 2 + 6
        colour = "s0" if row.best else "s5"
        marks.append(_name(row.name, left, y, bold=row.best))
        if row.low is not None and row.high is not None:
            marks.append(tag("path", d=f"M{scale(row.low):.1f} {y}H{scale(row.high):.1f}", class_=f"line {colour}"))
        marks.append(tag("circle", cx=f"{scale(row.mean or 0.0):.1f}", cy=y, r=5, class_=f"dot {colour}"))
    marks.append(tag("text", axis, x=(left + WIDTH) / 2, y=height - 6, text_anchor="middle"))
    told = "; ".join(f"{row.name} {_short(row.mean)}" for row in known)
    return _picture(marks, height, title, f"{axis}: {told}.")


def pairs(rows: Sequence[Pair], *, title: str, first: str, second: str) -> Html:
    """Two shares a row, joined by a line: how far apart they are is what is to be seen."""
    if not rows:
        return Html("")
    left = _gutter([row.name for row in rows])
    scale = _Scale(0.0, max(max(row.first, row.second) for row in rows), left, WIDTH - 24)
    height = ROW * len(rows) + 30
    marks = [_grid_columns(scale, height - 26, percent=True)]
    for place, row in enumerate(rows):
        y = ROW * place + ROW / 2 + 6
        marks.append(_name(row.name, left, y))
        marks.append(tag("path", d=f"M{scale(row.first):.1f} {y}H{scale(row.second):.1f}", class_="line s5"))
        marks.append(tag("circle", cx=f"{scale(row.first):.1f}", cy=y, r=5, class_="ring s1"))
        marks.append(tag("circle", cx=f"{scale(row.second):.1f}", cy=y, r=4.5, class_="dot s0"))
    told = "; ".join(f"{row.name} {row.first:.1%} and {row.second:.1%}" for row in rows)
    picture = _picture(marks, height, title, f"{first} and {second}: {told}.")
    return join(picture, tag("ul", _key(first, "ring s1"), _key(second, "dot s0"), class_="legend"))


def lines(
    series: Sequence[Line],
    *,
    title: str,
    x: str,
    y: str,
    ticks: Sequence[tuple[float, str]] | None = None,
    zero: bool = True,
    size: tuple[int, int] = (WIDTH, 300),
) -> Html:
    """Lines over a shared x; ``ticks`` name places on it, else it has round numbers. At most SERIES lines are drawn."""
    drawn = [line for line in series[:SERIES] if any(value is not None for _, value in line.points)]
    if not drawn:
        return Html("")
    width, height = size
    xs = [place for line in drawn for place, _ in line.points]
    ys = [value for line in drawn for _, value in line.points if value is not None]
    up = _Scale(0.0 if zero else min(ys), max(ys), height - 46, 14)
    left = 34 + GLYPH * max(len(f"{tick:g}") for tick in up.ticks)
    named = list(ticks or _numbers(min(xs), max(xs)))
    right = width - max(24.0, GLYPH * min(_cells(named[-1][1]), MANY) / 2)
    across = _Scale(min(xs), max(xs), left, right, exact=True)
    marks = [_grid_rows(up, left, right), _grid_ticks(across, height, named)]
    for place, line in enumerate(drawn):
        path = _path([(across(a), None if b is None else up(b)) for a, b in line.points])
        marks.append(tag("path", d=path, class_=f"line s{place} d{place}"))
        marks += [_mark(place, across(a), up(b), f"{line.name}: {b:.4g}") for a, b in line.points if b is not None]
    marks.append(tag("text", x, x=f"{(left + right) / 2:.0f}", y=height - 6, text_anchor="middle"))
    marks.append(tag("text", y, transform=f"translate(13 {(height - 32) / 2:.0f}) rotate(-90)", text_anchor="middle"))
    told = "; ".join(f"{line.name} from {_ends(line)}" for line in drawn)
    picture = _picture(marks, height, title, f"{y} over {x}: {told}.", width=width)
    legend = [_key(line.name, f"line s{place} d{place}", place) for place, line in enumerate(drawn)]
    return join(picture, tag("ul", legend, class_="legend")) if len(drawn) > 1 else picture


class _Scale:
    """From values to pixels; the values' range is widened to round numbers unless ``exact``."""

    def __init__(self, low: float, high: float, start: float, end: float, *, exact: bool = False) -> None:
        if high <= low:
            high = low + (abs(low) or 1.0)
        self.ticks = _round_ticks(low, high)
        if not exact:
            low, high = min(low, self.ticks[0]), max(high, self.ticks[-1])
        self._low, self._span, self._start, self._pixels = low, high - low, start, end - start

    def __call__(self, value: float) -> float:
        return self._start + (value - self._low) / self._span * self._pixels


def _round_ticks(low: float, high: float) -> list[float]:
    """Four to eight round numbers that cover low to high."""
    raw = (high - low) / 5
    unit = 10.0 ** math.floor(math.log10(raw))
    step = next(unit * m for m in (1, 2, 5, 10) if unit * m >= raw)
    return [round(i * step, 12) for i in range(math.floor(low / step), math.ceil(high / step) + 1)]


def _numbers(low: float, high: float) -> list[tuple[float, str]]:
    return [(tick, f"{tick:g}") for tick in _round_ticks(low, high if high > low else low + 1) if low <= tick <= high]


def _grid_rows(up: _Scale, left: float, right: float) -> Html:
    return join(
        [
            (
                tag(
                    "line",
                    x1=f"{left:.0f}",
                    x2=f"{right:.0f}",
                    y1=f"{up(tick):.1f}",
                    y2=f"{up(tick):.1f}",
                    class_="grid",
                ),
                tag("text", f"{tick:g}", x=f"{left - 6:.0f}", y=f"{up(tick) + 4:.1f}", text_anchor="end"),
            )
            for tick in up.ticks
        ]
    )


def _grid_ticks(across: _Scale, height: int, ticks: Sequence[tuple[float, str]]) -> Html:
    return join(
        [
            tag(
                "text", tag("title", name), _fit(name, MANY), x=f"{across(at):.1f}", y=height - 28, text_anchor="middle"
            )
            for at, name in ticks
        ]
    )


def _grid_columns(scale: _Scale, bottom: float, *, percent: bool = False) -> Html:
    return join(
        [
            (
                tag("line", y1=4, y2=bottom, x1=f"{scale(tick):.1f}", x2=f"{scale(tick):.1f}", class_="grid"),
                tag(
                    "text",
                    f"{tick:.3%}".rstrip("%").rstrip("0").rstrip(".") + "%" if percent else f"{tick:g}",
                    x=f"{scale(tick):.1f}",
                    y=bottom + 16,
                    text_anchor="middle",
                ),
            )
            for tick in scale.ticks
        ]
    )


def _path(points: Sequence[tuple[float, float | None]]) -> str:
    """A path that is lifted over gaps."""
    steps, down = [], False
    for x, y in points:
        if y is not None:
            steps.append(f"{'L' if down else 'M'}{x:.1f} {y:.1f}")
        down = y is not None
    return "".join(steps)


def _mark(place: int, x: float, y: float, told: str) -> Html:
    """Each series has a form of its own beside its colour."""
    shape = f"dot s{place}" if place % 2 == 0 else f"ring s{place}"
    if place % 3 == 1:
        return tag("rect", tag("title", told), x=f"{x - 3:.1f}", y=f"{y - 3:.1f}", width=6, height=6, class_=shape)
    return tag("circle", tag("title", told), cx=f"{x:.1f}", cy=f"{y:.1f}", r=3.5, class_=shape)


def _key(name: str, shape: str, place: int | None = None) -> Html:
    if place is None:
        sample = tag("circle", cx=14, cy=7, r=5, class_=shape)
    else:
        sample = join(tag("path", d="M2 7H26", class_=shape), _mark(place, 14, 7, name))
    return tag("li", tag("svg", sample, width=28, height=14, aria_hidden="true"), tag("span", name))


def _picture(marks: Sequence[Html], height: float, title: str, told: str, width: int = WIDTH) -> Html:
    label = f"{title}. {told}"
    drawing = tag("svg", *marks, viewBox=f"0 0 {width} {height:g}", role="img", aria_label=label, width=width)
    return tag("div", drawing, class_="chart")


def _name(name: str, left: float, y: float, *, bold: bool = False) -> Html:
    room = int((left - 12) / GLYPH)
    shown = (tag("title", name), _fit(name, room))
    return tag("text", *shown, x=left - 10, y=y + 4, text_anchor="end", class_="strong" if bold else None)


def _gutter(names: Sequence[str]) -> float:
    return min(max(max(_cells(name) for name in names) * GLYPH + 18, 60.0), 210.0)


def _cells(text: str) -> int:
    """How many Latin letters wide a text is."""
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)


def _fit(text: str, room: int) -> str:
    """A text cut to so many cells."""
    if _cells(text) <= room:
        return text
    kept = ""
    while _cells(kept) < room - 2:
        kept += text[len(kept)]
    return f"{kept}…"


def _ends(line: Line) -> str:
    known = [value for _, value in line.points if value is not None]
    return f"{_short(known[0])} to {_short(known[-1])}"


def _short(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.4g}"
