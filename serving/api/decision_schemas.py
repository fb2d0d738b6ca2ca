"""What is told of the past: audited acts, and decisions as they were logged."""

from msgspec import Struct

from serving.api.schemas import Notice


class AuditBody(Struct, frozen=True, kw_only=True):
    """One audited act."""

    seq: int
    at: str
    actor: str
    action: str
    target: str
    before: dict[str, object] | None
    after: dict[str, object] | None
    reason: str
    hash: str


class PlaceBody(Struct, frozen=True, kw_only=True):
    """One place of a decided list."""

    rank: int
    item_id: str
    source: str
    override_id: str | None
    propensity: float | None
    notice: Notice | None


class AskedBody(Struct, frozen=True, kw_only=True):
    """Whose decision it was, by pseudonym, and what was known of them; nothing of that once they were erased."""

    erased: bool
    user: str | None = None
    session: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    similar_to: str | None = None
    profile: dict[str, str] = {}
    history: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()


class ReplayBody(Struct, frozen=True, kw_only=True):
    """The list made again. ``identical`` is null where it could not be; ``why`` says why, or what differs.

    ``beyond`` names what decided then and is not kept, so that the replay went without it.
    """

    identical: bool | None
    why: tuple[str, ...]
    beyond: tuple[str, ...]
    same: dict[str, bool]
    items: tuple[dict[str, object], ...]


class DecisionBody(Struct, frozen=True, kw_only=True):
    """A decision as it was logged, and where it stands in the log."""

    decision_id: str
    at: str
    surface: str
    territory: str | None
    age: int | None
    personalised: bool
    k: int
    filter: str | None
    series: str
    model: str
    policy: str
    control: int
    overlay: int
    items: tuple[PlaceBody, ...]
    degraded: tuple[str, ...]
    seed: int | None
    file: str
    record: int
    hash: str
    asked: AskedBody | None
    replay: ReplayBody | None
