"""Why an item is where it is: one short reason for every item, in Chinese and English (PIPL 24, GDPR 22)."""

from recsys.overrides import is_cold_start
from recsys.overrides.placing import GUARANTEE
from recsys.overrides.prominence import RAISED
from recsys.pipeline import BACKFILL, CONTENT

TEXTS: dict[str, dict[str, str]] = {
    "history": {"zh": "与您看过、听过、读过的内容相近", "en": "Close to what you watched, heard and read"},
    "similar": {"zh": "与当前作品相近", "en": "Close to this work"},
    "popular": {"zh": "近期大家喜欢的内容", "en": "Popular at the moment"},
    "profile": {"zh": "与您填写的资料相符", "en": "Fits the profile you gave"},
    "editor": {"zh": "编辑推荐", "en": "Placed by an editor"},
    "sponsored": {"zh": "付费推广", "en": "Paid promotion"},
    "prominence": {"zh": "按规定优先呈现的作品", "en": "Given prominence by a rule on what is offered"},
    "new": {"zh": "新作品，内容与您的兴趣相近", "en": "New, and close in content to what you like"},
    "new_arrival": {"zh": "新上架的作品", "en": "New in the catalogue"},
    "catalogue": {"zh": "来自片库的其他作品", "en": "From the rest of the catalogue"},
}
IMPERSONAL = ("popular", "trending")  # sources that know neither a history nor the work of `similar`


def reason_code(
    source: str,
    override: str | None,
    *,
    history: bool,
    profile: bool,
    similar: bool = False,
    sponsored: bool = False,
) -> str:
    """The code of the reason for an item that ``source`` proposed and ``override`` may have moved."""
    if sponsored:
        return "sponsored"
    if source == RAISED:
        return "prominence"
    if override is not None and is_cold_start(override):
        if source == GUARANTEE:
            return "new_arrival"
    elif source == "pin" or override is not None:
        return "editor"
    if source == BACKFILL:
        return "catalogue"
    if source in IMPERSONAL:
        return "popular"
    if similar:
        return "similar"
    if source == CONTENT:
        return "new" if history else "new_arrival"
    if history:
        return "history"
    return "profile" if profile else "popular"
