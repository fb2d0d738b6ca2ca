"""Packs of one territory or region, and how they stand on the pack that holds everywhere."""

import tomllib
from collections.abc import Mapping
from typing import Annotated

from pydantic import Field, ValidationError

from recsys.errors import ConfigError
from recsys.safety import terms
from recsys.safety.load import parse_policy, sentences
from recsys.safety.mistakes import MistakesError
from recsys.safety.parts import Jurisdiction
from recsys.safety.policy import Policy

EVERYWHERE = ""  # the scope of the pack that local ones stand on


class LocalPack(Jurisdiction):
    """What differs in ``territory``: an ISO 3166-1 alpha-2 code, or a region of the pack that it stands on."""

    name: Annotated[str, Field(min_length=1)]
    version: Annotated[str, Field(min_length=1)]
    territory: Annotated[str, Field(min_length=1, max_length=64)]

    @property
    def entry(self) -> Jurisdiction:
        """The same without its name."""
        return Jurisdiction(
            **{name: getattr(self, name) for name in Jurisdiction.model_fields if name in self.model_fields_set}
        )


Pack = Policy | LocalPack


def parse_pack(text: str, *, where: str = "policy") -> Pack:
    """A pack of either kind from TOML text: one that names a ``territory`` is local. ConfigError as of parse_policy."""
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return parse_policy(text, where=where)  # which says what is wrong
    if "territory" not in values:
        return parse_policy(text, where=where)
    try:
        return LocalPack.model_validate(values)
    except ValidationError as error:
        raise ConfigError("\n".join(sentences(where, text, error))) from None


def scope_of(pack: Pack) -> str:
    """Where a pack holds: "" for everywhere, else its territory or region."""
    if isinstance(pack, Policy):
        return EVERYWHERE
    return terms.territory(pack.territory) or pack.territory


def composed(base: Policy, local: Mapping[str, LocalPack]) -> Policy:
    """One policy of a pack and the local ones by scope, each in the place of the base's own entry.

    ConfigError where they do not fit: a scope that the base does not know, a surface that it has not.
    """
    if not local:
        return base
    entries = {**base.territories, **{scope: pack.entry for scope, pack in sorted(local.items())}}
    values = {name: getattr(base, name) for name in Policy.model_fields}
    try:
        return Policy.model_validate({**values, "territories": entries})
    except ValidationError as error:
        found = [cause for one in error.errors() if (cause := one.get("ctx", {}).get("error")) is not None]
        known = [mistake for one in found if isinstance(one, MistakesError) for mistake in one.mistakes]
        said = "; ".join(f"{'.'.join(map(str, at))}: {what}" for at, what in known) or str(error)
        places = ", ".join(sorted(local))
        raise ConfigError(f"The packs of {places} do not fit {base.name} {base.version}: {said}.") from None
