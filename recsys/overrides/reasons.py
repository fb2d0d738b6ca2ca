"""Why a live override changes nothing in a list, as machine codes; ``REASONS`` says each in a sentence."""

from dataclasses import dataclass

EXCLUDED = "excluded"
SLOT_TAKEN = "slot_taken"
ITEM_PINNED = "item_pinned"
UNKNOWN_ITEM = "unknown_item"
TEXT_TAKEN = "text_taken"
INELIGIBLE = "ineligible"
BEYOND_LIST = "beyond_list"
CREATOR_CAP = "creator_cap"
POOL_SHORT = "pool_short"
FULL = "full"
QUOTA = "quota"
SHOWN_ALREADY = "shown_already"
SHARE = "share"
CAP_TOTAL = "cap_total"
CAP_SLOT = "cap_slot"
CAP_USER_DAY = "cap_user_day"
CAP_UNREADABLE = "cap_unreadable"
NOT_FOR_MINORS = "not_for_minors"

REASONS = {
    EXCLUDED: "an exclude stands above it",
    SLOT_TAKEN: "another override has all of its slots and comes first in the order",
    ITEM_PINNED: "another pin of the item comes first in the order",
    UNKNOWN_ITEM: "the catalogue has no such item",
    TEXT_TAKEN: "another text for the item comes first in the order",
    INELIGIBLE: "the gate, a filter or the user's own controls keep the item out, or the user has had it",
    BEYOND_LIST: "its slot lies behind the list's last position",
    CREATOR_CAP: "the surface allows no more items of this creator",
    POOL_SHORT: "its pool has too few items that may be shown here",
    FULL: "no position is left that stands below it in the order of precedence",
    QUOTA: "a prominence quota took its position",
    SHOWN_ALREADY: "the list shows its items already, for overrides that come first",
    SHARE: "its share of one response is used up or below one position",
    CAP_TOTAL: "its cap over the run is reached",
    CAP_SLOT: "its cap in this slot is reached",
    CAP_USER_DAY: "its cap for this user and day is reached",
    CAP_UNREADABLE: "it has a cap for a user and day, and what this user has seen is not read",
    NOT_FOR_MINORS: "its objective is not pursued with minors",
}


@dataclass(frozen=True, slots=True)
class Unserved:
    """A live override, or a part of it, that changes nothing, and why: a key of ``REASONS``."""

    override: str
    reason: str
