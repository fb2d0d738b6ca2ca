"""The states of a campaign, and which act leads where. Everything that is not in the table is refused."""

from typing import Literal, get_args

from serving.stores.records import ConflictError

State = Literal["draft", "validated", "pending", "scheduled", "live", "paused", "expired", "revoked"]
Act = Literal[
    "create", "update", "validate", "submit", "approve", "reject",
    "tighten", "pause", "resume", "revoke", "start", "expire",
]  # fmt: skip
STATES: tuple[State, ...] = get_args(State)
FINAL = frozenset[State]({"expired", "revoked"})
SERVED = frozenset[State]({"scheduled", "live"})

# Tightening takes effect at once and needs one person; everything else that reaches a viewer goes through approval.
TIGHTENING = frozenset[Act]({"tighten", "pause", "revoke", "reject", "expire"})

TABLE: dict[tuple[State, Act], State] = {
    ("draft", "update"): "draft",
    ("draft", "validate"): "validated",
    ("validated", "update"): "draft",
    ("validated", "validate"): "validated",
    ("validated", "submit"): "pending",
    ("pending", "update"): "draft",
    ("pending", "approve"): "scheduled",
    ("pending", "reject"): "draft",
    ("scheduled", "start"): "live",
    ("scheduled", "update"): "draft",  # what was approved goes on being served until the change is approved
    ("scheduled", "tighten"): "scheduled",
    ("scheduled", "pause"): "paused",
    ("live", "update"): "draft",
    ("live", "tighten"): "live",
    ("live", "pause"): "paused",
    ("paused", "update"): "draft",
    ("paused", "resume"): "pending",
    # A change that waits does not keep anybody from stopping what is on air meanwhile.
    ("draft", "pause"): "paused",
    ("validated", "pause"): "paused",
    ("pending", "pause"): "paused",
    **{(state, "revoke"): "revoked" for state in STATES if state not in FINAL},
    **{(state, "expire"): "expired" for state in STATES if state not in FINAL},
}


def after(state: State, act: Act) -> State:
    """The state that an act leads to. ConflictError where it is not possible, with what is."""
    found = TABLE.get((state, act))
    if found is None:
        possible = sorted(may for here, may in TABLE if here == state)
        raise ConflictError(f"A campaign that is {state} cannot {act}; it can: {', '.join(possible) or 'nothing'}.")
    return found
