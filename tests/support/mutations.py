"""Rules that are taken away, one at a time, for the proofs of ``tests/evidence``."""

from collections.abc import Callable

import pytest

from recsys.safety import Policy, load

Mutation = Callable[[pytest.MonkeyPatch], None]


def without_rule(*ids: str) -> Mutation:
    """The packs that ship, but for the rules of these ids."""

    def mutate(patch: pytest.MonkeyPatch) -> None:
        whole = load.parse_policy

        def parsed(text: str, *, where: str = "policy") -> Policy:
            policy = whole(text, where=where)
            return policy.model_copy(update={"rules": tuple(rule for rule in policy.rules if rule.id not in ids)})

        patch.setattr(load, "parse_policy", parsed)

    return mutate
