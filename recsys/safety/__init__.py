"""Safety: policy packs, takedowns and the gate, which fail closed."""

from recsys.safety.curfew import Signals
from recsys.safety.gate import Gate
from recsys.safety.labels.effective import Effective
from recsys.safety.limits import Limits
from recsys.safety.load import load_policy, packs, parse_policy
from recsys.safety.parts import Label, Rule, Surface
from recsys.safety.policy import Policy
from recsys.safety.stance import Stance, stance
from recsys.safety.takedown import Takedown
from recsys.safety.verdict import Checked, Finding, Notice, Response, Verdict, Verdicts

__all__ = [
    "Checked",
    "Effective",
    "Finding",
    "Gate",
    "Label",
    "Limits",
    "Notice",
    "Policy",
    "Response",
    "Rule",
    "Signals",
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
