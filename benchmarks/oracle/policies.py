"""Which policy judges: what is published everywhere and in one place, what was rolled back, what is on trial."""

from typing import Any

Record = dict[str, Any]
EVERYWHERE = ""


class Policies:
    """The packs as they were put in force, scope by scope; None where a scope has none of its own."""

    def __init__(self, fallback: Record) -> None:
        self.fallback = fallback
        self.published: dict[str, list[Record | None]] = {}
        self.trial: Record | None = None  # its scope, its pack, and its share, None for a shadow

    def tell(self, step: Record) -> None:
        """One act; what the service refuses is not told."""
        act, scope = step["act"], step["scope"]
        if act == "publish":
            self._publish(scope, step["pack"])
        elif act == "rollback":
            history = self.published[scope]
            self._publish(scope, history[-2] if len(history) > 1 else None)
        elif act == "try":
            self.trial = {"scope": scope, "pack": step["pack"], "share": step["share"]}
        elif act == "promote" and self.trial is not None:
            self._publish(self.trial["scope"], self.trial["pack"])
        elif act == "stop":
            self.trial = None

    def _publish(self, scope: str, pack: Record | None) -> None:
        self.published.setdefault(scope, []).append(pack)
        if self.trial is not None and (self.trial["scope"], self.trial["pack"]) == (scope, pack):
            self.trial = None  # it has been promoted

    def in_force(self) -> Record:
        """The policy that judges everybody."""
        return self._together({scope: history[-1] for scope, history in self.published.items()})

    def candidate(self) -> Record:
        """The policy as it would be with what is on trial."""
        assert self.trial is not None
        held = {scope: history[-1] for scope, history in self.published.items()}
        return self._together({**held, self.trial["scope"]: self.trial["pack"]})

    def _together(self, held: dict[str, Record | None]) -> Record:
        base = held.pop(EVERYWHERE, None) or self.fallback
        local = {scope: _entry(pack) for scope, pack in held.items() if pack is not None}
        return {**base, "territories": {**base.get("territories", {}), **local}}


def _entry(pack: Record) -> Record:
    """A local pack as it stands in the place of the base's own entry."""
    return {name: pack[name] for name in ("surfaces", "labels", "minors") if name in pack}
