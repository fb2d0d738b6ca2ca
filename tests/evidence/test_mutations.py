"""No proof is a test that cannot fail: without its rule, each one turns red."""

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent


def _proofs() -> list[Any]:
    found = []
    for file in sorted(HERE.glob("test_s*.py")):
        module = importlib.import_module(f"evidence.{file.stem}")
        found += [pytest.param(test, id=name) for name, test in vars(module).items() if hasattr(test, "proof")]
    return found


@pytest.mark.parametrize("test", _proofs())
def test_a_proof_turns_red_without_its_rule(test: Callable[..., Any], tmp_path: Path) -> None:
    taken = {"tmp_path": tmp_path} if "tmp_path" in test.__code__.co_varnames[: test.__code__.co_argcount] else {}
    with pytest.MonkeyPatch.context() as patch:
        test.proof.mutate(patch)  # type: ignore[attr-defined]
        with pytest.raises((Exception, pytest.fail.Exception)):
            test(**taken)
