"""Chapters about the models: who won, by how much, and how they learned."""

from collections.abc import Mapping, Sequence
from typing import Any

from training.report.charts import SERIES, Line, Whisker, lines, whiskers
from training.report.html import Html, aside, details, join, table, tag
from training.report.words import at_one_cutoff, count, glossary, interval, metric, number, ratio

Values = Mapping[str, Any]
NAMED = 8  # models in the summary
CURVE_SIZE = (420, 240)
MOST_CURVES = 12
SHORTEST = 3  # points of a curve
UNDRAWN = frozenset({"seconds"})


def best_first(values: Values) -> list[Values]:
    """The sections by the spec's metric on test."""
    return sorted(values["sections"], key=lambda one: -(main(one, values).get("mean") or 0.0))


def main(section: Values, values: Values, name: str = "test") -> Values:
    """A section's interval in the spec's metric over all queries of a slice."""
    found: Values = section[name]["groups"]["all"]["metrics"].get(values["metric"], {})
    return found


def section_named(values: Values, name: str) -> Values:
    """One section."""
    return next(one for one in values["sections"] if one["section"] == name)


def summary(values: Values) -> Html:
    """The whole run in a few sentences and figures."""
    queries = section_named(values, values["winner"])["test"]["groups"]["all"]["n"]
    tiles = [tag("div", tag("dt", a), tag("dd", b, tag("small", c))) for a, b, c in _tiles(values, queries)]
    return join(
        _outcome(values),
        tag("dl", tiles, class_="tiles"),
        tag("p", _subject(values)),
        tag("p", " ".join(values["conclusion"])),
        aside(
            "Each chose what its spec leaves open on validation, was fitted again on train and validation, and was "
            f"measured on the test slice: {count(queries)} queries over the whole catalogue, seen works removed where "
            "works do not return. Intervals hold 95 % and resample users."
        ),
    )


def comparison(values: Values) -> Html:
    """Every section with its interval."""
    ranked, name = best_first(values), values["metric"]
    notes = _notes(values)
    return join(
        whiskers(
            [_whisker(one, values) for one in ranked],
            title="Models compared",
            axis=f"{metric(name)} on test, 95 % interval",
        ),
        table(
            ["model", *_columns(ranked[0], values)],
            [[one["section"], *_columns(one, values).values()] for one in ranked],
            caption="Models on the newest test slice, best first; what validation chose is set apart.",
            emphasis=_place(values),
        ),
        aside(notes) if notes else None,
        _others(values),
        details("Chosen settings of each model", [_settings(one) for one in ranked]),
    )


def learning(values: Values) -> Html:
    """A small chart for each figure that a fit reported more than once."""
    charts = [chart for one in best_first(values) for chart in _curves(one)]
    if not charts:
        return Html("")
    left = f" The first {MOST_CURVES} of {len(charts)} are drawn." if len(charts) > MOST_CURVES else ""
    told = f"What the fits reported as they went on; a recipe that chooses on validation is fitted several times.{left}"
    return join(aside(told), tag("div", charts[:MOST_CURVES], class_="panels"))


def meanings(names: Sequence[str]) -> Html:
    """What metrics mean, for who asks."""
    told = [(tag("dt", term), tag("dd", meaning)) for term, meaning in glossary(names)]
    return details("What the metrics mean", tag("dl", told)) if told else Html("")


def _columns(one: Values, values: Values) -> dict[str, str]:
    """A section's row of the main table, by heading."""
    winner, floor = values["winner"], values["floor"]
    columns = {
        f"{metric(values['metric'])} [95 %]": interval(main(one, values)),
        f"÷ {floor}": "" if one["section"] == floor else ratio(one["ratio_to_popular"]),
        f"÷ {winner}": "" if one["section"] == winner else ratio(one["ratio_to_winner"]),  # the same where floor wins
        "validation": number(main(one, values, "validation").get("mean")) + "†" * bool(one["mixes"]),
        "seconds": f"{one['seconds']:.1f}",
    }
    if "pooled_test" in one:
        columns["all windows"] = interval(main(one, values, "pooled_test"))
    return columns


def _place(values: Values) -> int:
    """Where the winner stands among the best."""
    return [one["section"] for one in best_first(values)].index(values["winner"])


def _others(values: Values) -> Html:
    """The other metrics at the same cutoff, without intervals."""
    ranked, cutoff = best_first(values), values["metric"].split("@")[1]
    names = [name for name in ranked[0]["test"]["groups"]["all"]["metrics"] if name.endswith(f"@{cutoff}")]
    rows = [
        [one["section"], *[number(one["test"]["groups"]["all"]["metrics"][name]["mean"]) for name in names]]
        for one in ranked
    ]
    return join(
        table(
            ["model", *map(at_one_cutoff, names)],
            rows,
            caption=f"Every metric at {cutoff} on test",
            emphasis=_place(values),
        ),
        meanings(names),
    )


def _tiles(values: Values, queries: int) -> list[tuple[str, str, str]]:
    """The four figures that matter, each with its name and what is to be said beside it."""
    winner = section_named(values, values["winner"])
    made, against = main(winner, values), winner["ratio_to_popular"]
    return [
        ("winner", values["winner"], f"recipe {winner['recipe']['recipe']}"),
        (f"{values['metric']} on test", number(made.get("mean")), _ends(made)),
        (f"÷ {values['floor']}, the floor", ratio(against).split(" ")[0], _ends(against, 3)),
        ("test queries", count(queries), values["split"][-1]["name"]),
    ]


def _subject(values: Values) -> str:
    """What was compared, on which data."""
    data = values["data"]
    versions = ", ".join(f"{name} {version}" for name, version in data["lake_versions"].items())
    times = f", {data['first_event'][:10]} to {data['last_event'][:10]}" if data["first_event"] else ""
    return (
        f"{_listed([one['section'] for one in values['sections']])} on a log of {count(data['events'])} events of "
        f"{count(data['users'])} users with {count(data['items'])} works, from {data['lake']} ({versions}){times}."
    )


def _outcome(values: Values) -> Html:
    outcome = values.get("outcome")
    if not outcome:
        return tag("p", f"{values['winner']} is the best of {values['competed']} on validation.")
    alias = "became champion" if outcome["promoted"] else "was registered and did not become champion"
    return tag(
        "p",
        tag("strong", f"{values['winner']} won, and version {outcome['version']} {alias}."),
        f" {outcome['reason']}",
    )


def _ends(found: Values, digits: int = 4) -> str:
    return interval(found, digits).partition(" ")[2] or "no interval"


def _listed(names: Sequence[str]) -> str:
    if len(names) == 1:
        return f"One model ({names[0]}) was measured"
    more = f" and {len(names) - NAMED} others" if len(names) > NAMED else ""
    return f"{len(names)} models ({', '.join(names[:NAMED])}{more}) were compared"


def _whisker(one: Values, values: Values) -> Whisker:
    found = main(one, values)
    best = one["section"] == values["winner"]
    return Whisker(one["section"], found.get("mean"), found.get("low"), found.get("high"), best)


def _notes(values: Values) -> str:
    told = []
    if any(one["mixes"] for one in values["sections"]):
        told.append("† weights were chosen on these very validation queries, so this figure flatters; test does not.")
    if any("pooled_test" in one for one in values["sections"]):
        told.append("“All windows” pools test slices of which the older ones were validation in a later window.")
    return " ".join(told)


def _settings(one: Values) -> Html:
    plain = {name: value for name, value in one["recipe"].items() if value is not None}
    return join(tag("h3", one["section"]), tag("pre", "\n".join(f"{name} = {value}" for name, value in plain.items())))


def _curves(one: Values) -> list[Html]:
    """A chart for each figure of a section's fits; a fit ends where the steps begin anew."""
    charts = []
    for name in dict.fromkeys(name for _, _, metrics in one["curve"] for name in metrics if name not in UNDRAWN):
        fits = [fit for fit in _fits(one["curve"], name) if len(fit.points) >= SHORTEST]
        if fits:
            title = f"{one['section']}: {metric(name)}"
            drawn = lines(fits[-SERIES:], title=title, x="step", y=metric(name), zero=False, size=CURVE_SIZE)
            charts.append(tag("div", tag("h3", title), drawn, _steps(fits, title)))
    return charts


def _steps(fits: Sequence[Line], title: str) -> Html:
    """Where each fit began and ended."""
    rows = [[fit.name, len(fit.points), *(f"{fit.points[end][1]:.4g}" for end in (0, -1))] for fit in fits]
    return details("The figures", table(["fit", "steps", "first", "last"], rows, caption=title))


def _fits(curve: Sequence[Any], name: str) -> list[Line]:
    fits: list[tuple[int, list[tuple[float, float | None]]]] = []
    for window, step, metrics in curve:
        if name not in metrics:
            continue
        if not fits or fits[-1][0] != window or step <= fits[-1][1][-1][0]:
            fits.append((window, []))
        fits[-1][1].append((step, metrics[name]))
    windows = [window for window, _ in fits]
    return [
        Line(f"window {window + 1}, fit {windows[: place + 1].count(window)}", line)
        for place, (window, line) in enumerate(fits)
    ]
