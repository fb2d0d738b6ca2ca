"""The fields that requests share, with their bounds."""

from typing import Annotated

from msgspec import Meta

ID = r"^(?!\s).*(?<!\s)$"
USER_ID = r"^(?!\s)[^/\\\x00-\x1f\x7f\ufffd]+(?<!\s)$"
TERRITORY = "^[A-Z]{2}$"
WORDS = {  # for whoever did not keep to a pattern
    ID: "an id has no space around it",
    USER_ID: "a user's id has no slash, backslash or control character in it, and no space around it",
    TERRITORY: "a territory is an ISO 3166-1 alpha-2 code in upper case, such as CN",
}

Id = Annotated[
    str,
    Meta(min_length=1, max_length=256, pattern=ID, description="An external id, without space around."),
]
UserId = Annotated[
    str,
    # A user's rights are exercised by a path that holds the id, so an id that no path can hold is refused at the door.
    Meta(min_length=1, max_length=256, pattern=USER_ID, description="A user's id, without slashes."),
]
Name = Annotated[str, Meta(min_length=1, max_length=64)]
Text = Annotated[str, Meta(max_length=4_000)]
Territory = Annotated[str, Meta(pattern=TERRITORY, description="ISO 3166-1 alpha-2, upper case.")]
Age = Annotated[int, Meta(ge=0, le=130)]
K = Annotated[int, Meta(ge=1, le=1000, description="How many items are wanted.")]
Ids = Annotated[tuple[Id, ...], Meta(max_length=1000)]
Fields = Annotated[dict[Name, Annotated[str, Meta(max_length=256)]], Meta(max_length=32)]
Vector = Annotated[tuple[float, ...], Meta(max_length=4096, description="An embedding of another system.")]
Time = Annotated[str, Meta(max_length=40, description="ISO 8601; naive means UTC.")] | float
Tokens = Annotated[tuple[Annotated[str, Meta(min_length=1, max_length=200)], ...], Meta(max_length=200)]
