"""Chapters about whom the models serve: by the popularity of works, by length of history and by segment."""

from collections.abc import Mapping
from typing import Any

from training.report.about_models import best_first, section_named
from training.report.charts import Line, lines
from training.report.html import Html, aside, details, join, table, tag
from training.report.words import FEW, count, direction, group, interval, metric, number, ratio

Values = Mapping[str, Any]
DRAWN = 5  # models in a line chart


def by_popularity(values: Values) -> Html:
    """Recall of what was liked, by how popular it was."""
    ranked = _drawn(values)
    curves = {one["section"]: _slice(one)["recall@10_by_popularity"] for one in best_first(values)}
    if not any(value is not None for curve in curves.values() for value in curve):
        return Html("")
    drawn = [Line(name, list(enumerate(curves[name], start=1))) for name in ranked]
    ticks = [(float(place), str(place)) for place in range(1, 11)]
    picture = lines(
        drawn, title="Recall by popularity", x="tenth of the catalogue, 10 = most popular", y="recall@10", ticks=ticks
    )
    rows = [[name, *[number(value, 3) for value in curve]] for name, curve in curves.items()]
    head = ["model", *(str(place) for place in range(1, 11))]
    return join(
        aside(
            "The share of the liked works that lists of ten hold, by how popular those works were: on the left the "
            "rarest tenth of the catalogue, on the right the most popular."
        ),
        picture,
        details(
            "The figures", table(head, rows, caption="recall@10 by popularity tenth; – where nothing was to be found")
        ),
    )


def by_history(values: Values) -> Html:
    """The spec's metric by how much was known of who asked."""
    kinds = [row["group"] for row in values["segments"] if row["group"].startswith("history=")]
    kinds = kinds or [row["group"] for row in values["segments"] if row["group"] in ("new_users", "warm")]
    if len(kinds) < 2:
        return Html("")
    names, ranked = _drawn(values), best_first(values)
    sizes = {row["group"]: row["n"] for row in values["segments"]}
    short = [kind.removeprefix("history=").replace("_", " ") for kind in kinds]
    ticks = [(float(i), f"{short[i]} ({count(sizes[kind])})") for i, kind in enumerate(kinds)]
    drawn = [
        Line(name, [(float(i), _mean(section_named(values, name), kind, values)) for i, kind in enumerate(kinds)])
        for name in names
    ]
    head = ["model", *(f"{group(kind)} ({count(sizes[kind])})" for kind in kinds)]
    rows = [[one["section"], *[number(_mean(one, kind, values)) for kind in kinds]] for one in ranked]
    return join(
        aside("Queries by the number of events that were known of who asked."),
        lines(
            drawn,
            title="By length of history",
            x="events in the history (queries)",
            y=metric(values["metric"]),
            ticks=ticks,
        ),
        table(head, rows, caption=f"{metric(values['metric'])} by length of history, with the number of queries"),
    )


def by_segment(values: Values) -> Html:
    """The winner and the floor in every group of queries."""
    rows = [
        [
            group(row["group"]),
            count(row["n"]),
            interval(row["winner"]),
            number(row["floor"]),
            ratio(row["ratio"]),
            verdict(row["ratio"], row["n"]),
        ]
        for row in values["segments"]
    ]
    same = values["winner"] == values["floor"]
    head = ["segment", "queries", f"{values['winner']} [95 %]", values["floor"], "ratio [95 %]", "says"]
    if same:
        head, rows = head[:3], [row[:3] for row in rows]
    caption = f"{metric(values['metric'])} on test, {values['winner']} against {values['floor']}"
    return join(
        table(head, rows, caption=caption),
        aside(
            "Segments of works (their language, media type, provider, new works) restrict what was to be found to "
            f"these works. Below {FEW} queries an interval says little, and of twenty intervals one misses by chance."
        ),
    )


def verdict(found: Values, n: int) -> Html:
    """What a ratio's interval says, as a coloured word."""
    word = direction(found, n)
    return tag("span", word, class_={"better": "up", "worse": "down"}.get(word))


def _drawn(values: Values) -> list[str]:
    """The winner first, the floor, then the best of the others."""
    names = [values["winner"], values["floor"], *(one["section"] for one in best_first(values))]
    return list(dict.fromkeys(names))[:DRAWN]


def _slice(one: Values) -> Values:
    """All windows pooled where there are several: this needs many queries."""
    found: Values = one.get("pooled_test") or one["test"]
    return found


def _mean(one: Values, kind: str, values: Values) -> float | None:
    found = one["test"]["groups"].get(kind)
    mean: float | None = found["metrics"][values["metric"]]["mean"] if found else None
    return mean
