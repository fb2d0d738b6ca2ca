"""User state in Redis, for many replicas.

Keys under ``{PREFIX}:`` (the braces keep one store in one slot of a cluster, which its scripts need):

* ``h:USER``   sorted set, score = time (-inf if unknown), member = padded place and
  [event id, item, kind, value, time]; equal times are told apart by the member, so by place
* ``s:USER``   set of the items of that history; one that is absent is made from the history when it is asked for
* ``p:USER``   the profile as JSON
* ``ids``      hash, event id to user: what makes an append idempotent
* ``queue``    sorted set of event ids in order of arrival, ``outbox`` hash of their events: what still goes to the lake
* ``recent``   stream of accepted events with their user and what that one had just before: what counters read
* ``cursors``  hash; ``arrivals`` counter

Redis keeps what it has acknowledged as well as it is told to: set ``appendonly yes`` and ``appendfsync always``.
"""

import json
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import redis

from recsys.errors import StoreError
from serving.stores.state import BEFORE, LOOK_BACK, RECENT, SITTING, Event, History, Recent

BATCH = 500
PLACE_DIGITS = 20
PLACE_ZERO = 2**63  # so that negative places sort too

# KEYS: ids, queue, outbox, recent, a history and a set of items per event;
# ARGV: pending, RECENT, SITTING, LOOK_BACK, BEFORE, digits of a place, then per event its id, user, time, member,
# arrival, JSON, item, kind, value. A set begins with its history only.
APPEND = """
local added = 0
for i = 1, (#KEYS - 4) / 2 do
  local at = 6 + (i - 1) * 9
  local history, items = KEYS[3 + 2 * i], KEYS[4 + 2 * i]
  if redis.call('HSETNX', KEYS[1], ARGV[at + 1], ARGV[at + 2]) == 1 then
    if redis.call('EXISTS', items) == 1 or redis.call('EXISTS', history) == 0 then
      redis.call('SADD', items, ARGV[at + 7])
    end
    if ARGV[1] == '1' then
      local before, again, taken, time = {}, 0, {}, tonumber(ARGV[at + 3])
      local sitting = {}
      if ARGV[at + 3] ~= '-inf' then
        local since = string.format('%.6f', time - tonumber(ARGV[3]))
        sitting = redis.call('ZREVRANGEBYSCORE', history, ARGV[at + 3], since, 'LIMIT', 0, ARGV[4])
      end
      for _, member in ipairs(sitting) do
        local item = cjson.decode(string.sub(member, tonumber(ARGV[6]) + 1))[2]
        if item == ARGV[at + 7] then
          again = 1
        elseif #before < tonumber(ARGV[5]) and not taken[item] then
          taken[item] = true
          before[#before + 1] = item
        end
      end
      local told = #before == 0 and '[]' or cjson.encode(before)
      redis.call('XADD', KEYS[4], 'MAXLEN', '~', ARGV[2], '*', 'u', ARGV[at + 2], 'i', ARGV[at + 7],
        'k', ARGV[at + 8], 'v', ARGV[at + 9], 't', ARGV[at + 3], 'b', told, 'a', again)
    end
    redis.call('ZADD', history, ARGV[at + 3], ARGV[at + 4])
    if ARGV[1] == '1' then
      redis.call('ZADD', KEYS[2], ARGV[at + 5], ARGV[at + 1])
      redis.call('HSET', KEYS[3], ARGV[at + 1], ARGV[at + 6])
    end
    added = added + 1
  end
end
return added
"""

# KEYS: set of items, history; ARGV: digits of a place
SEEN = """
if redis.call('EXISTS', KEYS[1]) == 0 then
  for _, member in ipairs(redis.call('ZRANGE', KEYS[2], 0, -1)) do
    redis.call('SADD', KEYS[1], cjson.decode(string.sub(member, tonumber(ARGV[1]) + 1))[2])
  end
end
return redis.call('SMEMBERS', KEYS[1])
"""

# KEYS: ids, queue, outbox, history, profile, set of items; ARGV: digits of a place
ERASE = """
local members = redis.call('ZRANGE', KEYS[4], 0, -1)
for _, member in ipairs(members) do
  local id = cjson.decode(string.sub(member, tonumber(ARGV[1]) + 1))[1]
  redis.call('HDEL', KEYS[1], id)
  redis.call('ZREM', KEYS[2], id)
  redis.call('HDEL', KEYS[3], id)
end
redis.call('DEL', KEYS[4], KEYS[5], KEYS[6])
return #members
"""

# KEYS: history; ARGV: first rank, digits of a place. One string instead of many: parsing replies is the slowest step.
HISTORY = """
local members = redis.call('ZRANGE', KEYS[1], ARGV[1], -1)
for i = 1, #members do
  members[i] = string.sub(members[i], tonumber(ARGV[2]) + 1)
end
return '[' .. table.concat(members, ',') .. ']'
"""

P = ParamSpec("P")
R = TypeVar("R")


def _told(method: "Callable[Concatenate[RedisState, P], R]") -> "Callable[Concatenate[RedisState, P], R]":
    """The method with errors of Redis told as a StoreError."""

    def call(self: "RedisState", /, *args: P.args, **options: P.kwargs) -> R:
        try:
            return method(self, *args, **options)
        except redis.RedisError as error:
            raise StoreError(f"The user state {self.name} does not answer: {error}. Is Redis running?") from None

    return wraps(method)(call)


class RedisState:
    """Histories that all replicas share; every append and every erasure is one atomic script."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        options = dict(parse_qsl(parts.query))
        self._prefix = f"{{{options.pop('prefix', 'recsys')}}}:"
        self.name = f"{parts.scheme}://{parts.hostname or ''}{f':{parts.port}' if parts.port else ''}{parts.path}"
        bare = urlunsplit(parts._replace(query=urlencode(options)))
        self._redis: Any = redis.Redis.from_url(
            bare, decode_responses=True, socket_timeout=5, socket_connect_timeout=2, health_check_interval=30
        )
        self._append = self._redis.register_script(APPEND)
        self._erase = self._redis.register_script(ERASE)
        self._history = self._redis.register_script(HISTORY)
        self._seen = self._redis.register_script(SEEN)
        self.ping()

    @_told
    def append(self, events: Sequence[Event], *, pending: bool = True) -> int:
        """Store the events whose ids are new; an error in the middle leaves whole events, and repeating is harmless."""
        if not events:
            return 0
        first = int(self._redis.incrby(self._key("arrivals"), len(events))) - len(events)
        added = 0
        for start in range(0, len(events), BATCH):
            batch = events[start : start + BATCH]
            keys = [self._key(name) for name in ("ids", "queue", "outbox", "recent")]
            values: list[Any] = [int(pending), RECENT, SITTING, LOOK_BACK, BEFORE, PLACE_DIGITS]
            for arrival, event in enumerate(batch, first + start):
                keys += [self._key("h", event.user_id), self._key("s", event.user_id)]
                values += _values(event, arrival, pending=pending)
            added += int(self._append(keys=keys, args=values))
        return added

    @_told
    def history(self, user_id: str, limit: int | None = None) -> History:
        """A user's newest ``limit`` events, oldest first."""
        if limit == 0:
            return History()
        return _history(self._history(keys=[self._key("h", user_id)], args=[-(limit or 0), PLACE_DIGITS]))

    @_told
    def histories(self, user_ids: Sequence[str], limit: int | None = None) -> dict[str, History]:
        """The histories of many users in few round trips, unknown ones empty."""
        if limit == 0:
            return {user_id: History() for user_id in user_ids}
        found: dict[str, History] = {}
        for start in range(0, len(user_ids), BATCH):
            batch = user_ids[start : start + BATCH]
            pipe = self._redis.pipeline(transaction=False)
            for user_id in batch:
                self._history(keys=[self._key("h", user_id)], args=[-(limit or 0), PLACE_DIGITS], client=pipe)
            found.update({user_id: _history(rows) for user_id, rows in zip(batch, pipe.execute(), strict=True)})
        return found

    @_told
    def seen(self, user_id: str) -> list[str]:
        """Every item of a user's events once."""
        return list(self._seen(keys=[self._key("s", user_id), self._key("h", user_id)], args=[PLACE_DIGITS]))

    @_told
    def erase(self, user_id: str) -> int:
        """Forget a user's events, pending ones too, and profile."""
        keys = [self._key(name) for name in ("ids", "queue", "outbox")]
        keys += [self._key(kind, user_id) for kind in ("h", "p", "s")]
        removed = int(self._erase(keys=keys, args=[PLACE_DIGITS]))
        self._forget(user_id)
        return removed

    @_told
    def pending(self, limit: int) -> list[Event]:
        """Events that the lake has not confirmed, in the order they came."""
        ids = self._redis.zrange(self._key("queue"), 0, limit - 1) if limit > 0 else []
        found = self._redis.hmget(self._key("outbox"), ids) if ids else []
        return [Event(**json.loads(text)) for text in found if text is not None]

    @_told
    def drained(self, event_ids: Collection[str]) -> None:
        """Tell that the lake holds these."""
        ids = list(event_ids)
        for start in range(0, len(ids), BATCH):
            pipe = self._redis.pipeline(transaction=True)
            pipe.zrem(self._key("queue"), *ids[start : start + BATCH])
            pipe.hdel(self._key("outbox"), *ids[start : start + BATCH])
            pipe.execute()

    @_told
    def cursor(self, name: str) -> str | None:
        """A bookmark by name."""
        found: str | None = self._redis.hget(self._key("cursors"), name)
        return found

    @_told
    def put_cursor(self, name: str, value: str | None) -> None:
        """Set a bookmark, or remove it."""
        if value is None:
            self._redis.hdel(self._key("cursors"), name)
        else:
            self._redis.hset(self._key("cursors"), name, value)

    @_told
    def put_profiles(self, profiles: Mapping[str, Mapping[str, str]]) -> None:
        """Replace the profiles of these users."""
        pipe = self._redis.pipeline(transaction=False)
        for user_id, profile in profiles.items():
            pipe.set(self._key("p", user_id), json.dumps(dict(profile)))
        pipe.execute()

    @_told
    def profile(self, user_id: str) -> dict[str, str]:
        """A user's profile, empty if there is none."""
        found = self._redis.get(self._key("p", user_id))
        return dict(json.loads(found)) if found else {}

    @_told
    def ping(self) -> None:
        """Raise StoreError where the server does not answer."""
        self._redis.ping()

    @_told
    def recent(self, after: str, limit: int) -> list[Recent]:
        """Accepted events behind a cursor, oldest first."""
        found = self._redis.xrange(self._key("recent"), f"({after}" if after else "-", "+", count=limit)
        return [_recent(place, fields) for place, fields in found]

    def _forget(self, user_id: str) -> None:
        """Take a user's events out of the stream."""
        name, after = self._key("recent"), "-"
        while found := self._redis.xrange(name, after, "+", count=5_000):
            if own := [place for place, fields in found if fields["u"] == user_id]:
                self._redis.xdel(name, *own)
            after = f"({found[-1][0]}"

    def close(self) -> None:
        """Close every connection."""
        self._redis.close()

    def _key(self, *parts: str) -> str:
        return self._prefix + ":".join(parts)


def _values(event: Event, arrival: int, *, pending: bool) -> list[Any]:
    place = arrival if event.order is None else event.order
    unknown = math.isnan(event.timestamp)
    what = json.dumps([event.event_id, event.item_id, event.kind, event.value, None if unknown else event.timestamp])
    time = "-inf" if unknown else repr(event.timestamp)
    member = f"{place + PLACE_ZERO:0{PLACE_DIGITS}d}{what}"
    queued = json.dumps(asdict(event)) if pending else ""
    value = "" if event.value is None else repr(event.value)
    return [event.event_id, event.user_id, time, member, arrival, queued, event.item_id, event.kind, value]


def _recent(place: str, fields: Mapping[str, str]) -> Recent:
    value, time = fields["v"], float(fields["t"])
    return Recent(
        place,
        fields["i"],
        fields["k"],
        float(value) if value else None,
        math.nan if math.isinf(time) else time,
        tuple(json.loads(fields["b"])),
        fields["a"] == "1",
    )


def _history(text: str) -> History:
    if len(text) <= len("[]"):
        return History()
    _, items, kinds, values, times = (list(column) for column in zip(*json.loads(text), strict=True))
    return History(items, kinds, values, [math.nan if time is None else time for time in times])
