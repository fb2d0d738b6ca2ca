"""Chapters about the lists: what they are like, whom they are fair to, and examples."""

from collections.abc import Mapping
from typing import Any

from training.report.about_models import best_first, meanings, section_named
from training.report.charts import Line, Pair, lines, pairs
from training.report.html import Html, aside, details, join, table, tag
from training.report.words import at_one_cutoff, count, interval, metric, number, share

Values = Mapping[str, Any]


def beyond(values: Values) -> Html:
    """Coverage, concentration, novelty and the like of every model's lists."""
    ranked = best_first(values)
    cutoff = values["metric"].split("@")[1]
    names = [name for name in ranked[0]["test"]["lists"] if name.endswith(f"@{cutoff}")]
    rows = [[one["section"], *[number(one["test"]["lists"].get(name)) for name in names]] for one in ranked]
    winner = [one["section"] for one in ranked].index(values["winner"])
    caption = f"All lists of {cutoff} works on test taken together"
    return join(table(["model", *map(at_one_cutoff, names)], rows, caption=caption, emphasis=winner), meanings(names))


def calibration(values: Values) -> Html:
    """The mix of lists beside the mix of histories."""
    found = (values.get("lists") or {}).get("calibration")
    if not found:
        return Html("")
    rows = [Pair(row["value"], row["history"], row["shown"]) for row in found["rows"]]
    figures = [[row["value"], share(row["history"]), share(row["liked"]), share(row["shown"])] for row in found["rows"]]
    field = metric(found["field"])
    return join(
        aside(
            f"How often each of the {field} stands in histories and in the lists of {values['winner']}: where the dots "
            "lie apart, lists show more or less of it than people had chosen. "
            f"{count(found['queries'])} queries with a history; a work of several spreads evenly over them."
        ),
        pairs(rows, title=f"Calibration by {field}", first="share in histories", second="share in lists"),
        details(
            "The figures",
            table([field, "in histories", "liked next", "in lists"], figures, caption=f"Mean shares of {field}"),
        ),
    )


def fairness(values: Values) -> Html:
    """How far groups of users lie apart, and whose works are shown."""
    exposed = section_named(values, values["winner"])["test"].get("exposure") or {}
    return join(_distances(values), [_exposure(field, shares, values) for field, shares in exposed.items()])


def tradeoff(values: Values) -> Html:
    """What diversity and calibration cost in accuracy, by the weight that the rerank stage gives them."""
    if not values.get("tradeoff"):
        return Html("")
    rerank = values["rerank"]
    return join(
        aside(
            f"What is gained and lost where the lists of {values['winner']} are reranked, by a weight from 0 (as it "
            f"ranks) to 1 (nothing else counts). This run's spec asks for diversity {rerank['diversity']:g} and "
            f"calibration {rerank['calibration']['weight']:g} in what is served; all other chapters show lists as "
            "they are ranked."
        ),
        _tradeoff("diversity", "diversity", "diversity of lists (more is more varied)", values),
        _tradeoff("calibration", "miscalibration", "distance of lists from histories (less is nearer)", values),
    )


def examples(values: Values) -> Html:
    """A few queries of the test slice, with titles and nobody's name."""
    found = (values.get("lists") or {}).get("examples") or []
    if not found:
        return Html("")
    told = (
        f"Queries of the test slice drawn at random: some where {values['winner']} hit something, some where it hit "
        "nothing, and one without a history where there is one. Nobody is named; a history shows its newest works."
    )
    return join(aside(told), [_example(one, place) for place, one in enumerate(found, start=1)])


def _distances(values: Values) -> Html:
    means = {row["group"]: (row["winner"]["mean"], row["n"]) for row in values["segments"]}

    def told(name: str) -> str:
        mean, n = means[name]
        return f"{name.partition('=')[2]}: {number(mean)} ({count(n)})"

    rows = [
        [metric(gap["kind"]), told(gap["best"]), told(gap["worst"]), interval(gap["difference"])]
        for gap in values["gaps"]
    ]
    if not rows:
        return Html("")
    return join(
        aside(
            f"How far the group served best is from the group served worst, in {metric(values['metric'])}. Groups "
            "differ in what they had and in how many they are, and chance alone sets small ones apart, so a gap is a "
            "question and no verdict."
        ),
        table(
            ["users by", "best served (queries)", "worst served (queries)", "gap [95 %]"], rows, caption="Gaps", words=3
        ),
    )


def _exposure(field: str, shares: Mapping[str, Values], values: Values) -> Html:
    rows = {name: found for name, found in shares.items() if None not in found.values()}
    if len(rows) < 2:
        return Html("")
    drawn = [Pair(name, found["catalogue"], found["shown"]) for name, found in rows.items()]
    head = [metric(field), "of works", "of events", "of attention in lists"]
    figures = [
        [name, share(found["catalogue"]), share(found["consumed"]), share(found["shown"])]
        for name, found in rows.items()
    ]
    return join(
        tag("h3", f"Exposure by {metric(field)}"),
        aside(
            f"Each one's share of the catalogue and of the attention that lists of {values['winner']} give, where a "
            "lower place counts less."
        ),
        pairs(drawn, title=f"Exposure by {field}", first="share of works", second="share of attention in lists"),
        details("The figures", table(head, figures, caption=f"Shares by {metric(field)}")),
    )


def _tradeoff(weight: str, x: str, told: str, values: Values) -> Html:
    points = [point for point in values.get("tradeoff") or [] if point["weight"] == weight and point[x] is not None]
    if len({point[x] for point in points}) < 2:
        return Html("")
    title = f"Weight of {weight}"
    drawn = [Line("ndcg", [(point[x], point["ndcg"]) for point in sorted(points, key=lambda point: point[x])])]
    head = ["weight", "ndcg", "diversity", "miscalibration", "coverage"]
    rows = [[f"{p['value']:.1f}", *[number(p[name]) for name in head[1:]]] for p in points]
    caption = f"Lists of {values['lists']['k']} under each weight, from none to nothing else"
    return join(
        tag("h3", title),
        lines(drawn, title=title, x=told, y="ndcg", zero=False),
        details("The figures", table(head, rows, caption=caption)),
    )


def _example(one: Values, place: int) -> Html:
    hits = sum(work["hit"] for work in one["shown"])
    n = one["history_length"]
    more = f", newest {len(one['history'])} shown" if n > len(one["history"]) else ""
    history: Html = tag("ul", [tag("li", _work(work)) for work in one["history"]])
    if not one["history"]:
        history = aside("No history: a new user.")
    shown = [_shown(work) for work in one["shown"]]
    missed = join("; ".join(work["title"] for work in one["missed"]))
    return tag(
        "article",
        tag(
            "h3",
            f"Example {place}: {hits} of {one['liked']} liked next " + ("is" if hits == 1 else "are") + " in the list",
        ),
        tag(
            "div",
            tag("div", tag("p", tag("strong", "History"), f" ({count(n)} events{more})" if n else ""), history),
            tag("div", tag("p", tag("strong", "Recommended")), tag("ol", shown)),
            class_="sides",
        ),
        tag("p", tag("strong", "Liked next, not in the list: "), missed) if one["missed"] else None,
        class_="example",
    )


def _work(work: Values) -> Html:
    return join(work["title"], tag("span", f" · {work['about']}", class_="soft") if work["about"] else None)


def _shown(work: Values) -> Html:
    if not work["hit"]:
        return tag("li", _work(work))
    return tag("li", _work(work), tag("span", " ✓ liked", class_="flag"), class_="hit")
