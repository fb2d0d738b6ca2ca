"""A test that proves a requirement, and the mutation that has to turn it red."""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import pytest

Test = TypeVar("Test", bound=Callable[..., Any])


class Proof(NamedTuple):
    """Which statement a test proves, and what breaks it."""

    statement: str  # S37, …
    mutation: str  # the rule that is removed, in words
    mutate: Callable[[pytest.MonkeyPatch], None]


def proves(statement: str, *, mutation: str, by: Callable[[pytest.MonkeyPatch], None]) -> Callable[[Test], Test]:
    """Mark a test of ``tests/evidence`` as the proof of a statement; it takes no fixture but ``tmp_path``.

    A test that proves several rules is marked once for each: every mutation alone has to turn it red.
    """

    def marked(test: Test) -> Test:
        test.proofs = (Proof(statement, mutation, by), *proofs_of(test))  # type: ignore[attr-defined]
        return test

    return marked


def proofs_of(test: object) -> tuple[Proof, ...]:
    """The proofs that a test is marked as, in the order in which they stand over it."""
    found: tuple[Proof, ...] = getattr(test, "proofs", ())
    return found
