"""Catalogues, policies, orders and viewers as drawn bytes have them, and a gate that came to them by some way."""

from datetime import UTC, datetime
from typing import Any, NamedTuple

from recsys.dataset.catalogue import Catalogue
from recsys.safety import Effective, Gate, Label, Policy, Rule, Surface, Takedown, Verdict
from recsys.safety.parts import Band, Jurisdiction
from recsys.types import Viewer
from support.drawn import Drawn
from support.oracle import SILENT, Spans, Word, oracle

NAMES = [f"i{n}" for n in range(6)]
CODES = ["DE", "FR", "CN", "WW", "USA", None]
GENTLE = [Verdict.ALLOW] * 4 + [verdict for verdict in Verdict if verdict is not Verdict.TAKEDOWN]
AGES = [None, None, None, None, 0, 3, 8, 12, 13, 16, 18, 21]


def records(of: Drawn, item: str) -> dict[str, Any]:
    def moment() -> datetime | None:
        return of.mostly(None, lambda: datetime.fromtimestamp(of.pick(range(7)), UTC))

    def labels() -> list[str | None] | None:
        names = ["ok", "OK", "rude", "grim", "zzz", "", "ok|rude", None]
        return None if of.pick([True, False]) else of.several(lambda: of.pick(names), 2)

    return {
        "item_id": item,
        "labels": of.mostly(["ok"], labels),
        "genres": of.pick([None, [], ["War"], ["Love"], ["War", "Love"]]),
        "min_age": of.pick([*[None] * 9, -1, 3, 5, 12, 13, 15, 18, 21, 100]),
        "territories": of.mostly(None, lambda: of.several(lambda: of.pick(CODES), 2)),
        "available_from": moment(),
        "available_to": moment(),
        "embargo_until": moment(),
    }


def strict(of: Drawn, **more: Any) -> Surface:
    firm = [Verdict.HOLD, Verdict.BLOCK]
    age = of.pick([None, 0, 1, 2, 3])
    return Surface(unlabelled=of.pick(firm), unknown_label=of.pick(firm), unknown_age=age, **more)


def loose(of: Drawn) -> Surface:
    return Surface(
        strict=False,
        minors_cleared_only=of.pick([False, True]),
        show_limited=of.pick([False, True]),
        unlabelled=of.pick(GENTLE),
        unknown_label=of.pick(GENTLE),
        unknown_age=of.pick([None, 0, 12, 18]),
    )


def label(of: Drawn) -> Label:
    def bands() -> tuple[Band, ...]:
        high = Band(at_least=0.5, verdict=of.pick(GENTLE), min_age=of.pick(AGES))
        return Band(at_least=0.0, verdict=Verdict.ALLOW), high

    surfaces = {name: of.pick(GENTLE) for name in of.some(["feed", "home", "minor"], 0, 2)}
    return Label(verdict=of.pick(GENTLE), bands=of.mostly((), bands), surfaces=surfaces, min_age=of.pick(AGES))


def rule(of: Drawn) -> Rule:
    then = {"labels": tuple(of.some(["ok", "rude", "grim"], 1, 2)), "min_age": of.pick(AGES)}
    if of.pick([True, False]):
        return Rule(otherwise=True, **then)
    return Rule(field="genres", any_of=("war",), none_of=of.pick([(), ("Love",)]), **then)


def policy_of(of: Drawn) -> Policy:
    return Policy(
        name="p",
        version="1",
        surfaces={"feed": loose(of), "home": strict(of), "minor": strict(of, minors=True)},
        labels={name: label(of) for name in ("ok", "rude", "grim")},
        rules=tuple(of.several(lambda: rule(of), 2)),
        territories=of.mostly({}, lambda: {"DE": Jurisdiction(labels={"rude": label(of)})}),
    )


def words(of: Drawn) -> Word:
    def said() -> Effective:
        return Effective(
            label=of.pick(["ok", "ok", "rude", "grim", "zzz", "error"]),
            score=of.pick([None, 0.0, 0.4, 0.5, 1.0]),
            territory=of.mostly(None, lambda: "DE"),
            source="model",
            expires=of.mostly(None, lambda: float(of.pick(range(7)))),
        )

    def spans() -> tuple[tuple[float, float], ...]:
        return tuple(of.several(lambda: (float(of.pick(range(-1, 7))), float(of.pick(range(-1, 9)))), 2))

    labels = of.mostly({}, lambda: {name: tuple(of.several(said, 2)) for name in of.some(NAMES, 0, 3)})
    return Word(labels, of.mostly({}, lambda: {name: Spans(spans(), spans()) for name in of.some(NAMES, 0, 3)}))


def viewer_of(of: Drawn) -> Viewer:
    return Viewer(
        of.pick(["feed", "feed", "home", "minor", "popup"]),
        of.pick([None, "DE", "FR", "CN", "WW", "nowhere"]),
        of.pick([None, None, 0, 5, 13, 15, 17, 18, 25]),
    )


def takedowns(of: Drawn, most: int) -> list[Takedown]:
    places = [None, "DE", "CN"]
    return of.several(lambda: Takedown(id="t", item_id=of.pick([*NAMES, "absent"]), territory=of.pick(places)), most)


class World(NamedTuple):
    """A gate in its last state, by whatever way it came there; its clock reads the last of the list."""

    rows: list[dict[str, Any]]
    gate: Gate
    orders: list[Takedown]
    clock: list[float]
    word: Word

    def allows(self, viewer: Viewer, now: float) -> list[bool]:
        """What the oracle says of each item."""
        return [oracle(row, self.gate.policy, viewer, now, self.orders, self.word) for row in self.rows]


def world_of(of: Drawn) -> World:
    rows = [records(of, name) for name in NAMES[: of.pick(range(1, len(NAMES) + 1))]]
    policy, orders, clock, word = policy_of(of), takedowns(of, 3), [0.0], words(of)
    cut = of.pick(range(len(rows) + 1))
    first = [records(of, row["item_id"]) if of.pick([False, True]) else row for row in rows[:cut]]
    early, at_once = takedowns(of, 2), of.pick([True, False])
    said = word if at_once else SILENT
    gate = Gate.compile(
        Catalogue.from_records(first), policy, lambda: clock[-1], early, labels=said.labels, rights=said.rights
    )
    for row in rows[cut:]:
        gate = gate.extended(Catalogue.from_records([row]))
    gate = gate.with_takedowns(orders)
    if not at_once:
        gate = gate.with_labels(word.labels).with_rights(word.rights)
    for at, row in enumerate(first):
        if row is not rows[at]:
            gate = gate.replaced(at, Catalogue.from_records([rows[at]]))
    return World(rows, gate, orders, clock, word)


def now_of(of: Drawn) -> float:
    return of.pick(range(-1, 15)) / 2
