"""From lake tables to a prepared data set."""

from recsys.dataset.folder import load_dataset, load_facts, load_sessions
from recsys.prepare.build import prepare
from recsys.prepare.rules import load_rules
from recsys.prepare.spec import EventRule, PrepareSpec, SplitSpec, rule_of, weight_of

__all__ = [
    "EventRule",
    "PrepareSpec",
    "SplitSpec",
    "load_dataset",
    "load_facts",
    "load_rules",
    "load_sessions",
    "prepare",
    "rule_of",
    "weight_of",
]
