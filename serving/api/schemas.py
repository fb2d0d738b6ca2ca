"""The shapes of the HTTP API. Unknown fields are refused, so that a misspelt one is never ignored."""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from serving.api.fields import Age, Fields, Id, Ids, K, Name, Territory, Time, Tokens, UserId, Vector


class _ListRequest(Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    k: K = 10
    user_id: UserId | None = None
    surface: Name = "feed"
    territory: Territory | None = None
    age: Age | None = None
    personalised: bool = True
    exclude: Ids = ()
    explain: bool = False
    filter: Annotated[str, Meta(max_length=2000, description="A condition on items, in a subset of CEL.")] | None = None
    series: Literal["next", "all"] = "next"
    page_token: Annotated[str, Meta(max_length=8192, description="next_page_token of the page before.")] | None = None
    device: Annotated[str, Meta(max_length=64)] = ""
    locale: Annotated[str, Meta(max_length=35)] = ""


class RecommendRequest(_ListRequest, frozen=True):
    """A list for a user, for an anonymous session, or for nobody in particular."""

    session: Annotated[Ids, Meta(description="Items of the running session, oldest first.")] = ()
    profile: Fields = {}
    context: Fields = {}


class SimilarRequest(_ListRequest, frozen=True, kw_only=True):
    """A list of works close to one work."""

    item_id: Id


class Reason(Struct, frozen=True):
    """Why an item is where it is."""

    code: str
    zh: str
    en: str
    because: tuple[str, ...] = ()


class Notice(Struct, frozen=True):
    """What a viewer is told of a work: ``label`` shows it with its labels, ``interstitial`` behind a click."""

    verdict: Literal["label", "interstitial"]
    labels: tuple[str, ...]


class Signals(Struct, frozen=True, rename={"pause": "break"}):
    """For minors: whether it is night where they are, and after how many seconds of one session to pause."""

    curfew: bool
    pause: int | None


class Promotion(Struct, frozen=True):
    """Who pays for a place, what is to stand by it, and what decides who sees it. Show all of it."""

    label: str
    sponsor: str
    parameters: tuple[str, ...]


class Item(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One place of a list. ``withheld`` names parts that must not be shown with it, such as its artwork."""

    item_id: str
    title: str | UnsetType = UNSET
    media_type: str | UnsetType = UNSET
    year: int | UnsetType = UNSET
    language: str | UnsetType = UNSET
    genres: tuple[str, ...] | UnsetType = UNSET
    authors: tuple[str, ...] | UnsetType = UNSET
    provider: str | UnsetType = UNSET
    artwork: str | UnsetType = UNSET
    labels: tuple[str, ...]
    label_sources: dict[str, tuple[str, ...]] | UnsetType = UNSET
    ai_label: str | UnsetType = UNSET
    notice: Notice | UnsetType = UNSET
    withheld: tuple[str, ...] | UnsetType = UNSET
    rank: int
    score: float
    source: str
    override_id: str | UnsetType = UNSET
    promotion: Promotion | UnsetType = UNSET
    reason: Reason


class ListRow(Struct, frozen=True):
    """A titled row within a list: ``size`` places from ``rank`` on."""

    override_id: str
    title: str
    rank: int
    size: int


class ListResponse(Struct, frozen=True, kw_only=True):
    """A list. ``degraded`` names what could not be used; it never names what safety removed."""

    decision_id: str
    items: tuple[Item, ...]
    surface: str
    personalised: bool
    model: str
    policy: str
    degraded: tuple[str, ...]
    signals: Signals | UnsetType = UNSET
    rows: tuple[ListRow, ...] | UnsetType = UNSET
    next_page_token: (
        Annotated[str, Meta(description="Where the list goes on; absent on the last page.")] | UnsetType
    ) = UNSET


class EventIn(Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """One thing a user did. Give an ``event_id`` so that a retry counts once."""

    user_id: UserId
    item_id: Id
    kind: Name = "view"
    timestamp: Time | None = None
    value: float | None = None
    event_id: Id | None = None
    session_id: Id | None = None
    surface: Name | None = None
    device: Name | None = None
    request_id: Annotated[Id, Meta(description="decision_id of the list the item was shown in.")] | None = None


class EventsRequest(Struct, forbid_unknown_fields=True, frozen=True):
    """A batch; one bad event refuses the whole batch and changes nothing."""

    events: Annotated[tuple[EventIn, ...], Meta(min_length=1, max_length=1000)]


class EventsResponse(Struct, frozen=True):
    """``accepted`` were new and are durable; ``duplicates`` had been accepted before.

    ``erased`` lie before the erasure of their user and were dropped.
    """

    accepted: int
    duplicates: int
    erased: int


class ItemIn(Struct, forbid_unknown_fields=True, kw_only=True, frozen=True, omit_defaults=True):
    """A work, new or changed. What is left out is unknown; an upsert replaces the whole record."""

    item_id: Id
    title: Annotated[str, Meta(max_length=1000)] | None = None
    description: Annotated[str, Meta(max_length=20_000)] | None = None
    language: Name | None = None
    media_type: Name | None = None
    provider: Annotated[str, Meta(max_length=200)] | None = None
    genres: Tokens | None = None
    tags: Tokens | None = None
    authors: Tokens | None = None
    attributes: Tokens | None = None
    labels: Tokens | None = None
    ratings: Annotated[Tokens, Meta(description="Such as MPA:PG-13 or FSK:12.")] | None = None
    descriptors: Annotated[Tokens, Meta(description="Content descriptors: violence, fear …")] | None = None
    licence: Annotated[str, Meta(max_length=200, description="Under which a work is shown.")] | None = None
    artwork: Annotated[str, Meta(max_length=2000, description="A reference, such as a URL.")] | None = None
    territories: Annotated[tuple[Territory | Literal["*", "WW"], ...], Meta(max_length=250)] | None = None
    year: Annotated[int, Meta(ge=-5000, le=3000)] | None = None
    min_age: Age | None = None
    available_from: Time | None = None
    available_to: Time | None = None
    embargo_until: Time | None = None
    series: Annotated[str, Meta(max_length=256, description="Which series an episode is of.")] | None = None
    season: Annotated[int, Meta(ge=0, le=100_000)] | None = None
    episode: Annotated[int, Meta(ge=0, le=100_000)] | None = None
    vector: Vector | None = None
    vectors: Annotated[dict[Name, Vector], Meta(max_length=8, description="By name: image, audio …")] | None = None


class ItemsRequest(Struct, forbid_unknown_fields=True, frozen=True):
    """A batch of works; one bad item refuses the whole batch and changes nothing."""

    items: Annotated[tuple[ItemIn, ...], Meta(min_length=1, max_length=1000)]


class ItemsResponse(Struct, frozen=True):
    """``sequence`` is the change number from which on every worker knows the items."""

    upserted: int
    sequence: int


class ControlsBody(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """A user's own choices; they outrank editors. A PUT replaces them whole."""

    personalised: bool = True
    hidden: Annotated[tuple[Id, ...], Meta(max_length=10_000)] = ()
    not_interested: Annotated[tuple[Id, ...], Meta(max_length=10_000)] = ()


class ErasureResponse(Struct, frozen=True):
    """What was removed at once, and the job that removes the user from the lake."""

    user_id: str
    events_removed: int
    lake_erasure: Literal["queued", "no lake"]
    receipt: str


class AttachmentIn(Struct, forbid_unknown_fields=True, frozen=True):
    """A document behind an order, by its hash; the file itself stays with you."""

    name: Annotated[str, Meta(min_length=1, max_length=256)]
    bytes: Annotated[int, Meta(ge=0)]
    sha256: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]


class TakedownRequest(Struct, forbid_unknown_fields=True, frozen=True):
    """Take a work off every surface, everywhere or in one territory, from the next request on."""

    item_id: Id
    reason: Annotated[str, Meta(min_length=1, max_length=2000)]
    territory: Territory | None = None
    legal_basis: Annotated[str, Meta(max_length=2000)] = ""
    attachments: Annotated[tuple[AttachmentIn, ...], Meta(max_length=50)] = ()


class TakedownBody(Struct, frozen=True, kw_only=True):
    """A takedown in force. ``known_item`` is false where the catalogue has no such id: it bites if one comes."""

    id: str
    item_id: str
    territory: str | None
    reason: str
    at: str
    known_item: bool
    restore_requested_by: str | None


class ReasonBody(Struct, forbid_unknown_fields=True, frozen=True):
    """Why."""

    reason: Annotated[str, Meta(min_length=1, max_length=2000)]


class OverrideRequest(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """What an editor wants shown, moved or left out. It always ends."""

    action: Literal["pin", "boost", "bury", "exclude"]
    item_id: Id
    end: Time
    start: Time | None = None
    slot: Annotated[int, Meta(ge=1, le=1000)] | None = None
    factor: Annotated[float, Meta(ge=0.2, le=5.0)] | None = None
    surfaces: Annotated[tuple[Name, ...], Meta(max_length=50)] = ()
    territories: Annotated[tuple[Territory, ...], Meta(max_length=250)] = ()
    priority: Annotated[int, Meta(ge=-1000, le=1000)] = 0
    reason: Annotated[str, Meta(max_length=2000)] = ""


class OverrideBody(Struct, frozen=True, kw_only=True):
    """An override in force or to come."""

    id: str
    action: str
    item_id: str
    slot: int | None
    factor: float | None
    surfaces: tuple[str, ...]
    territories: tuple[str, ...]
    start: str
    end: str
    known_item: bool
    priority: int
    created_by: str
    created_at: str
    reason: str
