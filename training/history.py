"""Who moved the alias ``champion``, when, from which version to which, and why: an append-only record.

It lies in the registry, as one tag of the registered model for each move, so that everyone who shares the registry
writes and reads the same record. A move is written down before it is made: none is ever unrecorded. One that was
recorded and not made, because the process died, is told by what came after it.
"""

import getpass
import json
import os
import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from recsys.clock import Clock, system_clock
from recsys.errors import ConfigError

if TYPE_CHECKING:
    from rich.table import Table

    from training.tracking import Tracker

PREFIX = "history."
LONGEST = 2000  # characters of a reason
ACTOR = "RECSYS_ACTOR"
How = Literal["first", "gate", "hand", "force", "rollback"]


@dataclass(frozen=True)
class Move:
    """One move of the alias. ``done`` is False where the process died between recording it and making it."""

    at: str  # ISO 8601 UTC
    actor: str
    how: How
    before: str | None  # number of the version that was champion
    after: str
    bundle: str  # version of the bundle of ``after``
    reason: str
    done: bool = True

    def values(self) -> dict[str, Any]:
        """Plain values for JSON, in the words of the command line."""
        plain = asdict(self)
        return {"at": plain["at"], "actor": self.actor, "how": self.how, "from": self.before, "to": self.after} | {
            name: plain[name] for name in ("bundle", "reason", "done")
        }


def note(tracker: "Tracker", move: Move) -> None:
    """Append a move to the record."""
    tracker.tag_model(f"{PREFIX}{move.at}.{uuid.uuid4().hex[:8]}", json.dumps(asdict(move), ensure_ascii=False))


def history(tracker: "Tracker", champion: str | None) -> list[Move]:
    """All moves, oldest first; ``champion`` is the number of the version that bears the alias now."""
    tags = tracker.model_tags()
    moves = [Move(**json.loads(tags[key])) for key in sorted(tags) if key.startswith(PREFIX)]
    came = [move.before for move in moves[1:]] + [champion]  # what was champion when the next move was recorded
    return [replace(move, done=move.after == next_) for move, next_ in zip(moves, came, strict=True)]


def moment(clock: Clock = system_clock) -> str:
    """Now, to the microsecond, so that names sort by time."""
    return datetime.fromtimestamp(clock(), UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def actor_of(given: str | None = None) -> str:
    """Who acts: as given, else RECSYS_ACTOR, else the user of the operating system."""
    name = given or os.environ.get(ACTOR)
    if name is not None and not name.strip():
        raise ConfigError("--actor is empty; name who promotes, or leave it out.")
    try:
        return (name or getpass.getuser()).strip()
    except (OSError, KeyError):  # a container whose user has no name
        return f"uid {os.getuid()}"


def reason_of(text: str | None) -> str:
    """A reason, trimmed; ConfigError where it says nothing or is too long."""
    reason = (text or "").strip()
    if not reason:
        raise ConfigError("A forced promotion needs --reason TEXT, which is recorded.")
    if len(reason) > LONGEST:
        raise ConfigError(f"--reason has {len(reason)} characters; at most {LONGEST} are recorded.")
    return reason


def table(moves: Sequence[Move]) -> "Table":
    """The record for people, newest first."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    made = Table("when (UTC)", "who", "how", "from", "to", box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    made.add_column("why", overflow="fold")
    for move in reversed(moves):
        when = move.at[:19].replace("T", " ")
        why = move.reason if move.done else f"(not completed) {move.reason}"
        made.add_row(when, move.actor, move.how, move.before or "", move.after, why, style=None if move.done else "dim")
    return made
