"""Random works, what is said of them, and their rights."""

from datetime import UTC, datetime, timedelta
from typing import Any

from benchmarks.worlds.dice import Dice
from benchmarks.worlds.packs import GENRES, LABELS

Record = dict[str, Any]
HOUR = 3600.0
CODES = ("DE", "FR", "CN", "GB", "US")
RATINGS = ("FSK:0", "FSK:12", "FSK:16", "MPA:G", "MPA:PG-13", "MPA:R", "MPA:?", "FSK:99")


def moment(rng: Dice) -> float:
    """A moment near the ones that the clock reads; whole minutes, so that boundaries are met exactly."""
    return rng.start + 60.0 * rng.randint(-120, 48 * 60)


def record(rng: Dice, name: str, dims: frozenset[str]) -> Record:
    """One work; every field is harmless more often than not, so that a good share of works can be shown."""
    made: Record = {
        "item_id": name,
        "title": f"The {name}",
        "artwork": f"https://pictures.example/{name}.jpg",
        "labels": _labels(rng),
        "genres": rng.choice([None, [], *([genre] for genre in GENRES), list(rng.sample(GENRES, 2))]),
        "tags": rng.choice([None, ["slow"], ["fast"], ["slow", "new"], [" Slow "]]),
        "authors": rng.choice([None, [f"author {rng.randint(0, 9)}"], [f"Author {rng.randint(0, 9)}", "other"]]),
        "media_type": rng.choice(["film", "book", "news", None]),
        "language": rng.choice(["en", "zh", None]),
        "year": rng.choice([None, 1950, 1990, 2010, 2020]),
        "min_age": rng.choice([None] * 8 + [0, 3, 8, 12, 13, 16, 18]),
        "licence": rng.choice([None, "wire", "none"]),
        "descriptors": rng.choice([None, ["calm"]]),
    }
    if rng.random() < 0.25:
        made["ratings"] = rng.sample(RATINGS[:6] if rng.random() < 0.8 else RATINGS, rng.randint(1, 2))
    if "rights" in dims:
        made |= _window(rng)
    if "series" in dims and rng.random() < 0.4:
        made["series"] = rng.choice(["harbour", "forest"])
        made["season"] = rng.choice([None, 1, 1, 2])
        made["episode"] = rng.choice([None, 1, 2, 3, 4, 5])
    if rng.random() < 0.02:
        made |= rng.choice([{"min_age": -1}, {"min_age": 120}, {"labels": ["general|rude"]}, {"labels": [" "]}])
    return made


def _labels(rng: Dice) -> list[str] | None:
    if rng.random() < 0.7:
        return ["general"]
    if rng.random() < 0.4:
        return rng.choice([None, []])
    return rng.sample([*LABELS, "General", "zzz"], rng.randint(1, 2))


def _window(rng: Dice) -> Record:
    made: Record = {}
    if rng.random() < 0.25:
        made["territories"] = rng.choice([["WW"], [], ["DE"], ["DE", "FR"], ["CN", "US"], ["USA"]])
    for name, share in (("available_from", 0.2), ("available_to", 0.2), ("embargo_until", 0.1)):
        if rng.random() < share:
            made[name] = moment(rng)
    return made


def statement(rng: Dice, name: str, number: int) -> Record:
    """Somebody says something of a work."""
    source = rng.choice(["model", "model", "human", "human", "rule", "provider", "regulator", "rights_holder"])
    label = rng.choice([*LABELS, "general", "zzz"]) if rng.random() < 0.93 else "error"
    return {
        "do": "label",
        "id": f"said-{number}",
        "item_id": name,
        "source": source,
        "actor": rng.choice(["a", "b"]) if source in ("model", "rule", "provider") else rng.choice(["x", "y"]),
        "label": label,
        "score": rng.choice([None, None, 0.0, 0.39, 0.4, 0.8, 1.0]),
        "territory": rng.choice([None, None, None, *CODES[:3]]),
        "lasts": 60.0 * rng.randint(1, 24 * 60) if rng.random() < 0.3 else None,  # s
        "negates": rng.random() < 0.35,
    }


def document(rng: Dice, name: str) -> Record:
    """What a rights document says of a work."""
    grants = [_term(rng) for _ in range(rng.choice([0, 1, 1, 1, 2]))]
    bars = [_term(rng) for _ in range(rng.choice([0, 0, 0, 1]))]
    return {"do": "rights", "item_id": name, "grants": grants, "bars": bars}


def _term(rng: Dice) -> Record:
    opens = _when(rng) if rng.random() < 0.5 else None
    closes = _when(rng) if rng.random() < 0.5 else None
    return {"codes": rng.sample(CODES, rng.randint(0, 3)), "but": rng.random() < 0.6, "opens": opens, "closes": closes}


def _when(rng: Dice) -> float | str:
    """Seconds UTC, or what the clocks of each territory read."""
    if rng.random() < 0.5:
        return moment(rng)
    day = datetime.fromtimestamp(rng.start, UTC).date() + timedelta(days=rng.randint(0, 2))
    hour, minute = rng.choice([(0, 0), (0, 0), (2, 30), (1, 30), (rng.randint(0, 23), 0)])
    return f"{day}T{hour:02}:{minute:02}"
