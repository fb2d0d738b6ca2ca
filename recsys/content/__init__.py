"""What items are about: tokens of their fields, and a space in which a new item finds its neighbours."""

from recsys.content.space import ContentSpace
from recsys.content.spec import ContentSpec
from recsys.content.vocabulary import Vocabulary

__all__ = ["ContentSpace", "ContentSpec", "Vocabulary"]
