"""``MODEL_CARD.md`` of a bundle, from the facts of its run alone (Mitchell et al. 2019)."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from training.report.words import count, group, interval, metric, number, ratio, share

CARD = "MODEL_CARD.md"
SMALL = 100  # queries below which a segment's figure says little
POLICIES = {
    "open": "a work without a safety label may be shown on ordinary surfaces; strict surfaces show cleared works only",
    "strict": "a work without a safety label is shown nowhere",
}
Values = Mapping[str, Any]


def write(values: Values) -> str:
    """The card of the winner; ``values`` are those of ``report.json``."""
    winner = next(one for one in values["sections"] if one["section"] == values["winner"])
    chapters = {
        "Model details": _details(values, winner),
        "Intended use": _use(values),
        "Factors": _factors(values),
        "Metrics": _metrics(values),
        "Evaluation data": _evaluation(values),
        "Training data": _training(values),
        "Quantitative analyses": _analyses(values, winner),
        "Ethical considerations": _ethics(values, winner),
        "Limits": _limits(values),
        "Safety policy": _safety(values),
        "How to reproduce": _reproduction(values),
    }
    told = "\n\n".join(f"## {heading}\n\n{text}" for heading, text in chapters.items())
    return f"# Model card: {_plain(values['name'])}\n\n{told}\n"


def _details(values: Values, winner: Values) -> str:
    recipe = winner["recipe"]
    settings = {name: value for name, value in recipe.items() if name != "recipe" and value is not None}
    software = ", ".join(f"{name} {one}" for name, one in values["versions"].items())
    return _list(
        f"Recipe `{recipe['recipe']}` (section {_plain(values['winner'])}), best on validation of "
        f"{values['competed']} models; `{_fallback(values)}` answers where it cannot.",
        f"Made {values['made_at']} by run {values.get('run', 'unknown')}. The bundle's version is in `manifest.json`.",
        f"Code: {values['git'] or 'not from a git checkout'}. Software: {software}.",
        f"Settings: `{json.dumps(settings, ensure_ascii=False)}`",
    )


def _use(values: Values) -> str:
    return _list(
        f"It ranks the {count(values['data']['items'])} works of one catalogue for a query that carries a history; it "
        "knows no user, and a query without a history is answered too.",
        "It proposes. The safety gate and the editors' overrides of the service decide what is shown.",
        "Scores order works within one list; they are no probabilities and do not compare between lists.",
        "Measured on the log below only: nothing here says how it does on another catalogue or other people.",
    )


def _factors(values: Values) -> str:
    kinds = [row["group"].partition("=")[0] for row in values["segments"] if "=" in row["group"]]
    named = ", ".join(dict.fromkeys(metric(kind) for kind in kinds))
    measured = f"Measured by {_plain(named)}." if named else "No segment had enough queries to be measured."
    return f"{measured} Segments come from profiles, the catalogue and lengths of history; no others were measured."


def _metrics(values: Values) -> str:
    lengths = ", ".join(map(str, values["k"]))
    return (
        f"The winner was chosen by {values['metric']} on validation. Lists of {lengths} were measured by full ranking "
        "over the whole catalogue, never against sampled negatives. Intervals are 95 % bootstraps over users; ratios "
        "are paired on the same queries."
    )


def _evaluation(values: Values) -> str:
    newest = values["split"][-1]
    return (
        f"Split: {newest['name']}. {count(newest['test_queries'])} test queries, on which nothing was chosen; before "
        f"the test each model was fitted on train and validation. {_rules(values)}"
    )


def _training(values: Values) -> str:
    data = values["data"]
    times = f", from {data['first_event']} to {data['last_event']}" if data["first_event"] else ", without times"
    return (
        f"Fitted again on all {count(data['events'])} events of {count(data['users'])} users with "
        f"{count(data['items'])} works{times}: {_plain(_versions(data))} of `{data['lake']}`. "
        "The figures below were measured before that."
    )


def _analyses(values: Values, winner: Values) -> str:
    overall = winner["test"]["groups"]["all"]["metrics"]
    rows = [[metric(name), interval(found)] for name, found in overall.items()]
    lists = [[metric(name), number(value)] for name, value in winner["test"]["lists"].items()]
    parts = [
        [group(row["group"]), count(row["n"]), interval(row["winner"]), number(row["floor"]), ratio(row["ratio"])]
        for row in values["segments"]
    ]
    head = ["segment", "queries", values["metric"], values["floor"], "ratio"]
    return "\n\n".join(
        [
            " ".join(values["conclusion"]),
            _table(["on test", "mean [95 %]"], rows),
            _table(["all lists together", "value"], lists),
            f"{metric(values['metric'])} by segment, beside the floor:",
            _table(head, parts),
        ]
    )


def _ethics(values: Values, winner: Values) -> str:
    cutoff = values["metric"].split("@")[1]
    popular = winner["test"]["lists"].get(f"popularity_share@{cutoff}")
    covered = winner["test"]["lists"].get(f"coverage@{cutoff}")
    told = ["The bundle holds no user's data: no histories, no lists of what was seen, no user factors."]
    if popular is not None:
        told.append(
            f"{share(popular)} of the places in lists of {cutoff} go to the most popular tenth of the catalogue."
        )
    if covered is not None:
        told.append(f"Lists of {cutoff} for all test queries show {share(covered)} of the catalogue.")
    told += [_gap(gap, values) for gap in values["gaps"]]
    return _list(*told)


def _limits(values: Values) -> str:
    data = values["data"]
    small = [f"{group(row['group'])} ({row['n']})" for row in values["segments"] if row["n"] < SMALL]
    told = [
        "Measured on a log of what was shown and chosen before: what nobody was shown could not be liked.",
        f"{count(data['items_without_events'])} of {count(data['items'])} works have no event.",
        "Which users and works the log keeps, and a rating's default threshold, are decided over the whole log.",
    ]
    if small:
        told.append(f"Fewer than {SMALL} queries, so their figures say little: {_plain(', '.join(small))}.")
    return _list(*told)


def _safety(values: Values) -> str:
    policy = "strict" if values["data"]["has_labels"] else "open"
    why = "the catalogue has safety labels" if policy == "strict" else "the catalogue has no safety labels"
    return f"`{policy}`, because {why}: {POLICIES[policy]}. The model itself was not trained or tested for safety."


def _reproduction(values: Values) -> str:
    data = values["data"]
    ids = ", ".join(f"{name} {one}" for name, one in data["lake_ids"].items())
    return (
        f"Seed {values['seed']}, {_plain(_versions(data))} of the lake{_plain(f' (table ids: {ids})' if ids else '')}. "
        "Erasing a user from the lake rewrites its files; after that the figures may differ.\n\n"
        f"```\nrecsys train --lake {data['lake']} --spec spec.toml\n```\n\n"
        "`spec.toml`, with all its defaults; what is not named is chosen on validation:\n\n"
        f"```toml\n{values['toml'].rstrip()}\n```"
    )


def _gap(gap: Values, values: Values) -> str:
    means = {row["group"]: row["winner"]["mean"] for row in values["segments"]}
    best, worst = (f"{number(means[gap[end]])} for {_plain(group(gap[end]))}" for end in ("best", "worst"))
    return f"{values['metric']} is {best} and {worst}: a gap of {interval(gap['difference'])}."


def _fallback(values: Values) -> str:
    floor = next(one for one in values["sections"] if one["section"] == values["floor"])
    return str(floor["recipe"]["recipe"])


def _rules(values: Values) -> str:
    rules = values["data"]["rules"]
    told = [f"`{kind}`: {rule.get('positive') or 'every event'}" for kind, rule in rules.items()]
    return f"What counts as liked: {'; '.join(told)}." if told else ""


def _versions(data: Values) -> str:
    return ", ".join(f"{name} version {number}" for name, number in data["lake_versions"].items())


def _list(*lines: str) -> str:
    return "\n".join(f"- {line}" for line in lines)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
    return "\n".join(f"| {' | '.join(_cell(cell) for cell in line)} |" for line in lines)


def _cell(text: str) -> str:
    return text if text.startswith("---") else _plain(text).replace("|", "\\|")


def _plain(text: str) -> str:
    """Text that came with the data, so that it cannot become markup."""
    flat = " ".join(str(text).split())
    return flat.replace("&", "&amp;").replace("<", "&lt;").replace("`", "'")
