"""A decision made again from the versions in its record, and whether it comes out the same.

The engine runs as it ran then: over the bundle and policy that the record names, the control store as of its change
number, the clock at its moment, its seed, and what the side record says of the user.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import msgspec
import numpy as np
from pydantic import ValidationError

from recsys.bundle import Bundle, load_bundle, read_manifest
from recsys.clock import Clock, fixed_clock
from recsys.errors import BundleError, RecsysError
from recsys.overrides.campaign import campaign_of
from recsys.safety import Policy
from recsys.safety.stricter import BOTH, Stricter
from recsys.types import Viewer
from serving.api.encode import encode_list
from serving.asks import Answer, Ask, AskError, Memory
from serving.building import build
from serving.champion import read_champion
from serving.current import Live
from serving.decisions import policy_file
from serving.drafts import LEASE_SECONDS
from serving.engine import Engine
from serving.receipts.asof import AsOf
from serving.receipts.counted import AsRecorded, told
from serving.receipts.find import Found
from serving.receipts.records import (
    notices_told,
    offset_of,
    overrides_of,
    remembered,
    seal_kept,
    seal_of,
    sources_of,
)
from serving.settings import Settings
from serving.stores.control import Controls, ControlStore
from serving.stores.state import History
from serving.view import View

ERASED = "the history of this user has been erased; what was shown, and under which versions, stays on record"
LATE = "deadline"
FAILED = "the engine had failed and gave an empty list; there is nothing to make again"


@dataclass(frozen=True, slots=True)
class Place:
    """One item of a decision: what put it there and what the gate said of it."""

    rank: int
    item_id: str
    source: str
    score: float | None  # None where the list was not made again
    reason: str | None  # code
    override: dict[str, Any] | None
    propensity: float | None
    verdict: str | None  # None where the bundle or policy is gone
    rule: str | None  # why it is so: a label, a window, an age; "" for allow
    grounds: (
        dict[str, Any] | None
    )  # of the verdict: policy, and label, score, source, term, list and rule id it rests on
    labels: list[str] | None
    label_sources: dict[str, list[str]] | None  # who gave each label


@dataclass(frozen=True, slots=True)
class Replayed:
    """``identical`` is None where the list could not be made again; ``why`` says why it could not, or what differs."""

    identical: bool | None
    why: list[str]
    same: dict[str, bool]
    places: list[Place]
    response: bytes | None  # as it was sent, with the same decision id
    ask: Ask | None = None
    memory: Memory | None = field(default=None, repr=False)
    beyond: list[str] = field(default_factory=list)  # what decided then and is not kept; the replay went without it

    def document(self, record: Mapping[str, Any]) -> dict[str, Any]:
        """The record and what came of it, as JSON values."""
        return {
            "decision_id": record["id"],
            "identical": self.identical,
            "why": self.why,
            "beyond": self.beyond,
            "same": self.same,
            "record": dict(record),
            "items": [asdict(place) for place in self.places],
            "response": None if self.response is None else msgspec.json.decode(self.response),
        }


def replay(found: Found, control: ControlStore, folder: Path, bundles: Callable[[str], Bundle]) -> Replayed:
    """Make a decision again. ``folder`` is the decision log's, ``bundles`` gives a bundle by version or raises."""
    record = found.record
    beside = found.side
    ask, memory = (None, None) if beside is None else remembered(beside)
    silent = _silence(record.get("degraded", ()))
    choices = Controls() if memory is None else memory.controls
    then = AsOf(control, record["control"], record["at"], choices, silent=silent)
    try:
        policies = [policy_of(folder, cite) for cite in record["policy"].split(BOTH)]
        view = _view(record, then, policies, bundles(record["bundle"]))
    except RecsysError as error:
        return Replayed(None, [str(error)], {}, _places(record, then, None, None), None, ask, memory)
    if beside is None or ask is None or memory is None:
        cause = ERASED if ask is None else FAILED
        return Replayed(None, [cause], {}, _places(record, then, view, None), None, ask, memory)
    try:
        answer = _answer(view, then, _as_then(ask, record), memory, record)
    except AskError as error:  # a page token whose key is gone, a filter on a field that is gone
        return Replayed(None, [str(error)], {}, _places(record, then, view, None), None, ask, memory)
    answer = replace(answer, decision_id=record["id"], degraded=tuple(record.get("degraded", ())))
    same, beyond = (
        _compared(record, answer, seal_kept(record, beside)),
        [*told(record.get("counted", {})), *_live(record)],
    )
    why = [] if all(same.values()) else [*_differences(record, answer, same), *_causes(record, then), *beyond]
    places = _places(record, then, view, answer if same["items"] else None)
    return Replayed(all(same.values()), why, same, places, encode_list(answer), ask, memory, beyond)


def _live(record: Mapping[str, Any]) -> list[str]:
    """That live sources counted events which the replay goes without: those of everybody are not kept with it."""
    counts = record.get("live")
    return [] if counts is None else [f"live counts up to the event {counts}; the replay ranks by the bundle's own"]


def bundle_of(settings: Settings, known: Sequence[Bundle] = ()) -> Callable[[str], Bundle]:
    """Finds a bundle by version: among ``known``, the setting, the champion, and what lies under var/bundles."""

    def find(version: str) -> Bundle:
        for bundle in known:
            if bundle.version == version:
                return bundle
        folders = sorted((settings.var / "bundles").glob("*/"))
        champion = read_champion(settings.var)
        folders += [] if champion is None else [champion.path]
        folders += [] if settings.bundle is None else [settings.bundle]
        for folder in folders:
            try:
                if read_manifest(folder).version == version:
                    return load_bundle(folder)
            except RecsysError:
                continue  # half a bundle is none; the next one may be it
        raise BundleError(f"the bundle {version} is gone; put it back under {settings.var / 'bundles'} to replay")

    return find


def policy_of(folder: Path, cite: str) -> Policy:
    """A policy that decided something, as it was kept beside the decision log."""
    file = policy_file(folder, cite)
    try:
        policy = Policy.model_validate_json(file.read_bytes())
    except (OSError, ValidationError):
        raise BundleError(f"the policy {cite} is gone from {file.parent}") from None
    if policy.cite != cite:
        raise BundleError(f"the policy {cite} in {file.parent} has been altered: it is {policy.cite} now")
    return policy


def _silence(degraded: Sequence[str]) -> float:
    """How long the control store had been silent at least (s): beyond the lease, or until its policy was stale."""
    if "policy_stale" in degraded:
        return math.inf if "safety_stale" in degraded else LEASE_SECONDS
    return math.nextafter(LEASE_SECONDS, math.inf) if "safety_stale" in degraded else 0.0


def _view(record: Mapping[str, Any], then: AsOf, policies: Sequence[Policy], bundle: Bundle) -> View:
    """The view as it was; under two policies, those of a canary, what either forbids is forbidden."""
    views = [build(bundle, cast(ControlStore, then), fixed_clock(record["at"]), policy) for policy in policies]
    view = views[0] if len(views) == 1 else replace(views[0], gate=Stricter.of(views[0].gate, views[1].gate))
    if len(view.overlay) != record["overlay"]:
        raise BundleError(
            f"the overlay had {record['overlay']} items and now has {len(view.overlay)}: "
            + ("; ".join(then.lost()) or "the bundle or the control store is another one")
        )
    return view


def _as_then(ask: Ask, record: Mapping[str, Any]) -> Ask:
    """A list whose time was up did with the least work, and does again."""
    return replace(ask, deadline=-math.inf) if LATE in record.get("degraded", ()) else ask


class _Then(Live):
    """One view that stands still."""

    def __init__(self, view: View) -> None:
        self._view = view

    def view(self) -> View:
        return self._view


class _Known:
    """The one user that a side record knows, under whatever name."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    def history(self, user_id: str, limit: int | None = None) -> History:
        return self._memory.history

    def seen(self, user_id: str) -> Sequence[str]:
        return self._memory.seen

    def profile(self, user_id: str) -> Mapping[str, str]:
        return self._memory.profile


def _answer(view: View, then: AsOf, ask: Ask, memory: Memory, record: Mapping[str, Any]) -> Answer:
    clock: Clock = fixed_clock(record["at"])
    control = cast(ControlStore, then)
    exposure = AsRecorded(record.get("counted", {}), view.overrides)
    engine = Engine(_Then(view), control, _Known(memory), clock, max_history=memory.max_history, exposure=exposure)
    return engine.recommend([ask])[0]


def _compared(record: Mapping[str, Any], answer: Answer, seal: str) -> dict[str, bool]:
    return {
        "items": answer.view.ids.external(answer.slate.items) == record["items"],
        "sources": list(answer.slate.sources) == sources_of(record),
        "overrides": list(answer.slate.overrides) == overrides_of(record),
        "propensities": [float(f"{p:.6g}") for p in answer.propensities] == record.get("propensities", []),
        "notices": notices_told(answer) == record.get("notices", {}),
        "scores_and_reasons": seal_of(answer) == seal,
    }


def _differences(record: Mapping[str, Any], answer: Answer, same: Mapping[str, bool]) -> list[str]:
    if same["items"]:
        return [f"the {name.replace('_', ' ')} are others now" for name, equal in same.items() if not equal]
    now = answer.view.ids.external(answer.slate.items)
    place = next((n for n, (old, new) in enumerate(zip(record["items"], now, strict=False)) if old != new), None)
    if place is None:
        return [f"the list had {len(record['items'])} items and now has {len(now)}"]
    rank = offset_of(record) + place + 1
    return [f"from rank {rank} on the list is another one: {record['items'][place]} was there, now {now[place]}"]


def _causes(record: Mapping[str, Any], then: AsOf) -> list[str]:
    """What explains a difference: what had failed then and works now, and what is not known any more."""
    degraded = record.get("degraded", ())
    failed = [one for one in degraded if "failed" in one or "unscored" in one or one == LATE]
    given = dict.fromkeys(one for one in overrides_of(record) if one is not None)
    elsewhere = [one for one in given if then.override(campaign_of(one)) is None]
    return [
        *([f"the list was degraded then: {', '.join(failed)}"] if failed else []),
        *([f"in no change of the control store up to then: {', '.join(elsewhere)}"] if elsewhere else []),
        *then.lost(),
    ]


def _places(record: Mapping[str, Any], then: AsOf, view: View | None, answer: Answer | None) -> list[Place]:
    names, first = record["items"], offset_of(record) + 1
    verdicts, sources = _judged(record, view) if view is not None else ([None] * len(names), [None] * len(names))
    propensities = record.get("propensities") or [None] * len(names)
    columns = zip(names, sources_of(record), overrides_of(record), propensities, verdicts, sources, strict=True)
    return [
        Place(
            rank=first + place,
            item_id=name,
            source=source,
            score=None if answer is None else float(answer.slate.scores[place]),
            reason=None if answer is None else answer.reasons[place],
            override=_described(then, override),
            propensity=propensity,
            verdict=None if verdict is None else verdict.verdict.code,
            rule=None if verdict is None else verdict.reason,
            grounds=None if verdict is None else verdict.grounds,
            labels=None if given is None else list(given),
            label_sources=given,
        )
        for place, (name, source, override, propensity, verdict, given) in enumerate(columns)
    ]


def _judged(record: Mapping[str, Any], view: View) -> tuple[list[Any], list[Any]]:
    """Finding and labels with their sources of each shown item under the policy and the moment of the decision."""
    surface, territory, age = record["viewer"][:3]
    index = [view.ids.get(name) for name in record["items"]]
    dense = np.array([-1 if place is None else place for place in index], np.int32)
    found = view.gate.check(Viewer(surface, territory, age), dense).findings
    return found, [None if place is None else view.gate.provenance(place) for place in index]


def _described(then: AsOf, override_id: str | None) -> dict[str, Any] | None:
    if override_id is None:
        return None
    known = then.override(campaign_of(override_id))
    if known is None:
        return {"id": override_id}
    kept: dict[str, Any] = msgspec.to_builtins(known)
    wanted = ("id", "action", "slot", "factor", "priority", "created_by", "reason")
    return {name: kept[name] for name in wanted if kept.get(name) is not None} | {"id": override_id}
