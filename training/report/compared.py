"""A comparison of recorded runs: tables for a terminal and a page for a browser."""

from collections.abc import Mapping
from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from training.report.about_queries import verdict
from training.report.charts import Line, Whisker, lines, whiskers
from training.report.frame import Part, frame
from training.report.html import Html, aside, details, join, table, tag
from training.report.tables import blank
from training.report.words import FEW, count, direction, group, metric, number, ratio

Values = Mapping[str, Any]
HOW = (
    "Each ratio is paired: both runs on the same queries, users resampled 1,000 times, 95 % of the resamples within "
    "the interval. Better and worse mean that the interval lies above or below 1, open that it holds 1, few that there "
    f"are fewer than {FEW} queries; of twenty intervals one misses by chance."
)


def terminal(values: Values) -> Group:
    """For each run after the first a table of all metrics and one of all groups; then the lists as a whole."""
    parts: list[Any] = []
    for pair in values["pairs"]:
        overall, *segments = pair["groups"]
        title = f"{pair['run']} ÷ {pair['base']}\n{count(overall['n'])} queries of {count(values['users'])} users, "
        made = _paired("metric", title=title + values["split"])
        for name, found in overall["metrics"].items():
            made.add_row(metric(name), *_cells(found, overall["n"]), style="bold" if name == values["metric"] else None)
        parts.append(made)
        made = _paired("segment", "queries", title=f"{values['metric']} by segment")
        for one in segments:
            figures = _cells(one["metrics"][values["metric"]], one["n"])
            made.add_row(Text(one["group"].replace("_", " ")), count(one["n"]), *figures)
        parts += [made] if segments else []
    if values["lists"]:
        made = blank("all lists together", *_labels(values), title="beyond accuracy, without intervals")
        for name, figures in values["lists"].items():
            made.add_row(metric(name), *map(number, figures))
        parts.append(made)
    return Group(*parts, *map(Text, [*values["notes"], HOW]))


def _paired(*columns: str, title: str) -> Table:
    made = blank(*columns, "first", "run", title=title)
    made.add_column("ratio [95 %]", justify="right", no_wrap=True)
    made.add_column("says")
    return made


def page(values: Values) -> str:
    """The same as one self-contained HTML file."""
    labels = _labels(values)
    parts = [
        *[
            Part(f"pair-{place}", f"{pair['run']} against {pair['base']}", _pair(pair, values))
            for place, pair in enumerate(values["pairs"], start=1)
        ],
        Part("popularity", "By popularity", _popularity(values)),
        Part("lists", "What the lists are like", _lists(values)),
        Part("runs", "The runs", _runs(values)),
    ]
    lead = join(
        tag("p", tag("strong", " ".join(_sentence(pair, values) for pair in values["pairs"]))),
        [tag("p", note) for note in values["notes"]],
        aside(HOW),
    )
    under = f"{count(values['queries'])} queries of {count(values['users'])} users · {values['split']}"
    return frame(f"Compared: {' · '.join(labels)}", under, lead, parts, "Made by recsys compare.")


def _cells(found: Values, n: int) -> list[str]:
    return [number(found["base"]), number(found["mean"]), ratio(found["ratio"]), direction(found["ratio"], n)]


def _labels(values: Values) -> list[str]:
    return [one["label"] for one in values["runs"]]


def _sentence(pair: Values, values: Values) -> str:
    overall = pair["groups"][0]
    found = overall["metrics"][values["metric"]]["ratio"]
    told = {
        "better": "is better than",
        "worse": "is worse than",
        "open": "is shown to be neither better nor worse than",
        "few": "was measured on too few queries to be held against",
    }[direction(found, overall["n"])]
    return f"{pair['run']} {told} {pair['base']} in {values['metric']}: {ratio(found)}."


def _pair(pair: Values, values: Values) -> Html:
    main = values["metric"]
    overall, *segments = pair["groups"]
    head = [pair["base"], pair["run"], "ratio [95 %]", "says"]
    rows = [[metric(name), *_row(found, overall["n"])] for name, found in overall["metrics"].items()]
    places = list(overall["metrics"])
    parts = [[group(one["group"]), count(one["n"]), *_row(one["metrics"][main], one["n"])] for one in pair["groups"]]
    drawn = [_whisker(one, main, best=one is overall) for one in pair["groups"] if one["n"] >= FEW]
    return join(
        table(["metric", *head], rows, caption="All queries", emphasis=places.index(main)),
        tag("h3", f"{metric(main)} by segment"),
        whiskers(drawn, title=f"{pair['run']} ÷ {pair['base']} by segment", axis=f"ratio in {metric(main)}", mark=1.0)
        if len(drawn) > 1
        else None,
        table(["segment", "queries", *head], parts, caption=f"{metric(main)} by segment") if segments else None,
        details("Every metric in every segment", [_all(one) for one in segments]) if segments else None,
    )


def _whisker(one: Values, name: str, *, best: bool) -> Whisker:
    found = one["metrics"][name]["ratio"]
    return Whisker(group(one["group"]), found["ratio"], found["low"], found["high"], best)


def _row(found: Values, n: int) -> list[Any]:
    return [*_cells(found, n)[:3], verdict(found["ratio"], n)]


def _all(one: Values) -> Html:
    rows = [[metric(name), *_row(found, one["n"])] for name, found in one["metrics"].items()]
    title = f"{group(one['group'])}, {count(one['n'])} queries"
    return table(["metric", "base", "run", "ratio [95 %]", "says"], rows, caption=title)


def _popularity(values: Values) -> Html:
    curves = dict(zip(_labels(values), values["recall@10_by_popularity"], strict=True))
    drawn = [Line(name, list(enumerate(curve, start=1))) for name, curve in curves.items()]
    ticks = [(float(place), str(place)) for place in range(1, 11)]
    rows = [[name, *[number(value, 3) for value in curve]] for name, curve in curves.items()]
    return join(
        lines(
            drawn,
            title="Recall by popularity",
            x="tenth of the catalogue, 10 = most popular",
            y="recall@10",
            ticks=ticks,
        ),
        details(
            "The figures", table(["run", *(str(i) for i in range(1, 11))], rows, caption="recall@10 by popularity")
        ),
    )


def _lists(values: Values) -> Html:
    rows = [[metric(name), *map(number, figures)] for name, figures in values["lists"].items()]
    return (
        table(["", *_labels(values)], rows, caption="All lists taken together; without intervals") if rows else Html("")
    )


def _runs(values: Values) -> Html:
    rows = [
        [one["label"], one["name"], one["section"] or "", one["run"], one["lake"], _versions(one)]
        for one in values["runs"]
    ]
    return table(["asked for", "run", "section", "id", "lake", "versions"], rows, caption="What was compared", words=6)


def _versions(one: Values) -> str:
    return ", ".join(f"{table} {version}" for table, version in one["lake_versions"].items())
