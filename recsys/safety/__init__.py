"""Safety: policy packs, takedowns and the gate, which fail closed."""

from recsys.safety.gate import Gate
from recsys.safety.load import load_policy, packs, parse_policy
from recsys.safety.policy import Label, Policy, Rule, Surface
from recsys.safety.stance import Stance, stance
from recsys.safety.takedown import Takedown
from recsys.safety.verdict import Verdict, Verdicts

__all__ = [
    "Gate",
    "Label",
    "Policy",
    "Rule",
    "Stance",
    "Surface",
    "Takedown",
    "Verdict",
    "Verdicts",
    "load_policy",
    "packs",
    "parse_policy",
    "stance",
]
