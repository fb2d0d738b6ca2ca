"""What a reviewer looks at first: priority = reach × severity × uncertainty.

reach        1 + log10(1 + n), n = the work's decayed count of events: ten times the audience is one step more
severity     of a report 1–5 by its reason, times 1 + log10(reports); of an appeal 4, of a failed scan 3, of a hold for
             a label 2, of a hold because nothing is labelled 1 (what is held harms nobody while it waits)
uncertainty  1 where nothing is labelled or a scan failed; else the highest of 4s(1 − s) over the scores s of machines
             and 0.5 for their labels without one; never below 0.25, which is also what a person's or the law's word is
"""

import math
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Literal, get_args

from recsys.safety.labels import ERROR, LEGAL, Effective, LabelEvent
from recsys.safety.policy import Policy
from recsys.safety.verdict import Verdict

Kind = Literal["hold", "report", "error", "appeal"]
KINDS: tuple[Kind, ...] = get_args(Kind)
ReportReason = Literal[
    "minors", "illegal", "hate", "privacy", "self_harm", "violence", "sexual", "copyright", "mislabelled", "other"
]
REPORTS: Mapping[str, float] = MappingProxyType(
    {
        "minors": 5.0,
        "illegal": 5.0,
        "hate": 4.0,
        "privacy": 4.0,
        "self_harm": 4.0,
        "violence": 3.0,
        "sexual": 3.0,
        "copyright": 3.0,
        "mislabelled": 2.0,
        "other": 1.0,
    }
)
APPEAL, FAILED, BY_LABEL, UNLABELLED = 4.0, 3.0, 2.0, 1.0
KNOWN, UNSCORED = 0.25, 0.5


def reach(count: float) -> float:
    """How many a work comes to, from its decayed number of events."""
    return 1 + math.log10(1 + max(0.0, count))


def severity(kind: Kind, reason: str, reports: int = 1) -> float:
    """How bad it would be; ``reason`` is a report's, or the code of what the gate holds an item for."""
    if kind == "report":
        return REPORTS.get(reason, 1.0) * (1 + math.log10(max(1, reports)))
    if kind == "hold":
        return UNLABELLED if reason == "unlabelled" else BY_LABEL
    return APPEAL if kind == "appeal" else FAILED


def uncertainty(labels: Iterable[Effective]) -> float:
    """How little is known of a work, 0.25 to 1."""
    known = list(labels)
    if not known or any(label.label == ERROR for label in known):
        return 1.0
    machines = [label.score for label in known if label.source != "human" and label.source not in LEGAL]
    doubts = [UNSCORED if score is None else 4 * score * (1 - score) for score in machines]
    return max([KNOWN, *doubts])


def worst(reasons: Iterable[str]) -> str:
    """The most severe of some report reasons, the first of equals."""
    return max(reasons, key=lambda reason: REPORTS.get(reason, 1.0))


def kept_off(packs: Iterable[Policy], said: LabelEvent | Effective) -> list[str]:
    """The surfaces on which a label alone keeps a work from being recommended, under any of some packs; sorted."""
    return sorted({name for pack in packs for name in pack.surfaces if not _alone(pack, said, name).shown})


def _alone(policy: Policy, said: LabelEvent | Effective, surface: str) -> Verdict:
    label = policy.labels.get(said.label)
    if label is None:
        return policy.surface(surface).unknown_label
    return policy.on(label.at(-1.0 if said.score is None else said.score), surface)
