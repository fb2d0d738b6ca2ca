"""What is clicked now, and after what: popularity of the last minutes and hours, and what follows in a session."""

from recsys.models.session.counter import SessionCounter
from recsys.models.session.model import SessionModel
from recsys.models.session.recipe import Session

__all__ = ["Session", "SessionCounter", "SessionModel"]
