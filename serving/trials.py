"""A policy on trial beside the one in force: a shadow only counts, a canary makes a share of requests stricter."""

import hashlib
from collections import Counter
from threading import Lock
from typing import Any

import numpy as np
import structlog

from recsys.safety import Gate, Policy
from recsys.safety.recent import Recent
from recsys.safety.verdict import Verdict
from recsys.types import BoolArray, IntArray
from serving.asks import Answer, Ask
from serving.measures import on_trial
from serving.stores.control import ControlStore
from serving.view import Trial, View

log = structlog.get_logger()
WOULD_SHOW = 20  # the most popular works that only the candidate shows, compared at each request beside those shown
Key = tuple[str, str, str]  # surface, label, verdicts; "" for label and verdicts = all that was compared


def judged_by(view: View, ask: Ask) -> View:
    """The view that answers a request: the canary's where the request is of its share."""
    trial = view.trial
    if trial is None or _place(trial, ask) >= trial.share:
        return view
    return view.canary


def _place(trial: Trial, ask: Ask) -> float:
    """Where a request lies in [0, 1): always in one place for a user, for whom a trial should not flicker."""
    who = ask.user_id or "\n".join(ask.session) or str(ask.seed)
    digest = hashlib.sha256(f"{trial.step.step}\n{who}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


class Trials:
    """Counts where a candidate judges otherwise; of one worker, added up in the control store every few seconds."""

    def __init__(self, control: ControlStore) -> None:
        self._control = control
        self._lock = Lock()
        self._counts: Counter[tuple[int, Key]] = Counter()
        self._news: Recent[tuple[int, int], tuple[BoolArray, BoolArray, IntArray]] = Recent(64)

    def saw(self, answer: Answer) -> None:
        """Compare both policies on one answered request; whatever goes wrong here changes no answer."""
        trial = answer.view.trial
        if trial is None:
            return
        try:
            counts = self._compared(answer, trial)
        except Exception:
            log.exception("policy_trial_failed")
            return
        for (surface, label, verdicts), count in counts.items():
            if verdicts:
                on_trial(surface, label, verdicts, count)
        with self._lock:
            for key, count in counts.items():
                self._counts[trial.step.step, key] += count

    def flush(self) -> None:
        """Add what was counted since to the control store; what it does not take is kept for the next time."""
        with self._lock:
            counts, self._counts = self._counts, Counter()
        try:
            for step in sorted({step for step, _ in counts}):
                self._control.count_policy_trial(step, {key: n for (of, key), n in counts.items() if of == step})
                counts = Counter({key: n for key, n in counts.items() if key[0] != step})
        finally:
            with self._lock:
                self._counts.update(counts)

    def _compared(self, answer: Answer, trial: Trial) -> Counter[Key]:
        viewer, live, candidate = answer.ask.viewer, trial.live, trial.view.gate
        items = np.union1d(answer.slate.items, self._only(answer, live, candidate, trial.view)).astype(np.int32)
        a, b = live.check(viewer, items), candidate.check(viewer, items)
        surface = viewer.surface if viewer.surface in live.policy.surfaces else "other"
        counts: Counter[Key] = Counter({(surface, "", ""): len(items)})
        for place in np.flatnonzero(a.codes != b.codes).tolist():
            worse = a if a.codes[place] > b.codes[place] else b
            verdicts = f"{Verdict(int(a.codes[place])).code} > {Verdict(int(b.codes[place])).code}"
            found = worse.findings[place]
            counts[surface, _label(found.label, found.reason, live.policy, candidate.policy), verdicts] += 1
        return counts

    def _only(self, answer: Answer, live: Gate, candidate: Gate, view: View) -> IntArray:
        """The most popular works that the candidate alone would show."""
        a, b = live.mask(answer.ask.viewer), candidate.mask(answer.ask.viewer)

        def made() -> tuple[BoolArray, BoolArray, IntArray]:
            order = view.by_popularity
            return a, b, order[(b & ~a)[order]][:WOULD_SHOW]

        # The arrays of the key are kept alive by the value, so that their ids stay their own.
        return self._news.get((id(a), id(b)), made)[2]


def _label(label: str | None, reason: str, *policies: Policy) -> str:
    """A label that a pack names, else the kind of reason: what catalogues bring is too much for a metric."""
    if label is not None and any(label in policy.labels for policy in policies):
        return label
    return reason.split(":", 1)[0]


def trial_report(control: ControlStore) -> dict[str, Any] | None:
    """What the trial found so far on all workers; None where none is running."""
    step = control.policy_standing().trial
    if step is None:
        return None
    counts = control.policy_trial_counts(step.step)
    rows = [
        {"surface": surface, "label": label, "verdicts": verdicts, "count": count}
        for (surface, label, verdicts), count in sorted(counts.items(), key=lambda entry: (-entry[1], entry[0]))
        if verdicts
    ]
    return {
        "step": step.step,
        "mode": step.action,
        "share": step.share if step.action == "canary" else None,
        "scope": step.scope,
        "pack": control.policy_pack(step.number).cite,
        "since": step.at,
        "compared": {surface: count for (surface, _, verdicts), count in sorted(counts.items()) if not verdicts},
        "differing": rows,
    }
