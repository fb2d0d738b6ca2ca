"""A world's plain values as the service has them: bundle, campaigns, terms of rights, requests."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.worlds.fragile import First, Fragile, Popular, Source
from recsys.bundle import Bundle, Manifest
from recsys.content import ContentSpace
from recsys.dataset.catalogue import Catalogue
from recsys.models.recipe import Recipe
from recsys.overrides import Boost, Bury, Campaign, Caps, Exclude, Fill, Hours, Pin, Present, Row, parse_audience
from recsys.prepare.spec import EventRule
from recsys.rerank import Rerank
from recsys.safety.rights import Places, Term
from recsys.types import Viewer
from serving.asks import Ask

Record = dict[str, Any]
TIMES = ("available_from", "available_to", "embargo_until")


def ask_of(step: Record, token: str | None = None) -> Ask:
    """A request as the engine is asked it."""
    return Ask(
        viewer=Viewer(step["surface"], step["territory"], step["age"], step["personalised"]),
        k=step["k"],
        user_id=step["user"],
        session=tuple(step["session"]),
        exclude=tuple(step["exclude"]),
        profile=step["profile"],
        context=step["context"],
        explain=step["explain"],
        similar_to=step["similar_to"],
        deadline=0.0 if step["late"] else float("inf"),
        seed=step["seed"],
        filter=None if step["filter"] is None else step["filter"]["text"],
        series=step["series"],
        page_token=token,
    )


def bundle_of(world: Record, failing: set[str]) -> Bundle:
    """A bundle of the world's works and told scores, whose parts fail as ``failing`` says."""
    catalogue = Catalogue.from_records([timed(one) for one in world["items"]])
    recipes: tuple[Recipe, ...] = (First(), Popular())
    sources = tuple(Source(recipe, row, failing) for recipe, row in zip(recipes, world["scores"], strict=True))
    content = ContentSpace.fit(catalogue) if world["content"] else None
    explored = {"slots": 2, "epsilon": world["exploration"]}
    rerank = Rerank.model_validate({"diversity": world["diversity"], "exploration": explored})
    pipeline = Fragile(catalogue, sources, content, rerank, failing)
    manifest = Manifest(
        lake="nowhere",
        lake_versions={},
        spec="drawn",
        recipe={},
        split="none",
        metrics={},
        rules={"view": EventRule()},
        returns=world["returns"],
        at=world["now"],
        format=1,
        version="drawn",
        created_at=datetime.fromtimestamp(world["now"], UTC),
        n_items=len(catalogue),
        sources=tuple(recipe.name for recipe in recipes),
        files={},
    )
    return Bundle(Path("nowhere"), manifest, pipeline)


def campaign_of(one: Record) -> Campaign:
    """A campaign as its editor writes it."""
    return Campaign(
        one["id"],
        tuple(map(_action, one["actions"])),
        surfaces=frozenset(one["surfaces"]),
        territories=frozenset(one["territories"]),
        audience=None if one["audience"] is None else parse_audience(one["audience"]["text"]),
        start=one["start"],
        end=one["end"],
        zone=one["zone"],
        hours=None if one["hours"] is None else Hours(opens=one["hours"][0], closes=one["hours"][1]),
        priority=one["priority"],
        caps=Caps(user_day=one["user_day"]),
        share=one["share"],
        created_by=one["by"],
    )


def _action(one: Record) -> Any:
    kind, given = one["kind"], {name: value for name, value in one.items() if name not in ("kind", "pool", "size")}
    if kind == "row":
        return Row(title="A row", pool=tuple(one["pool"]), size=one["size"], **given)
    if kind == "fill":
        return Fill(pool=tuple(one["pool"]), quota=one["size"], **given)
    return {"pin": Pin, "boost": Boost, "bury": Bury, "exclude": Exclude, "present": Present}[kind](**given)


def timed(record: Record) -> Record:
    """Times as the catalogue has them."""
    given = {name: datetime.fromtimestamp(record[name], UTC) for name in TIMES if record.get(name) is not None}
    return {name: value for name, value in {**record, **given}.items() if value is not None}


def term_of(term: Record) -> Term:
    """One term of a rights document."""
    opens = -np.inf if term["opens"] is None else _local(term["opens"])
    closes = np.inf if term["closes"] is None else _local(term["closes"])
    return Term(Places(frozenset(term["codes"]), but=term["but"]), opens, closes, use="window")


def _local(when: float | str) -> Any:
    return datetime.fromisoformat(when) if isinstance(when, str) else when
