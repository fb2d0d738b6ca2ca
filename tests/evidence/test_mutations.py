"""No proof is a test that cannot fail: without its rule, each one turns red, and by what it asserts itself.

A mutation that breaks a call, an import or a helper proves nothing: the red has to be an assertion that stands in the
proof's own file, or a refusal that the proof asks for (``pytest.raises``) and no longer gets.
"""

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from support.evidence import Proof, proofs_of

HERE = Path(__file__).parent


def _proofs() -> list[Any]:
    found = []
    for file in sorted(HERE.glob("test_s*.py")):
        module = importlib.import_module(f"evidence.{file.stem}")
        for name, test in vars(module).items():
            found += [pytest.param(test, proof, id=f"{name}-{at}") for at, proof in enumerate(proofs_of(test))]
    return found


@pytest.mark.parametrize(("test", "proof"), _proofs())
def test_a_proof_turns_red_without_its_rule(test: Callable[..., Any], proof: Proof, tmp_path: Path) -> None:
    taken = {"tmp_path": tmp_path} if "tmp_path" in test.__code__.co_varnames[: test.__code__.co_argcount] else {}
    with pytest.MonkeyPatch.context() as patch:
        proof.mutate(patch)
        with pytest.raises((AssertionError, pytest.fail.Exception)) as red:
            test(**taken)
    assert _raised_in(red) == test.__code__.co_filename


def _raised_in(red: pytest.ExceptionInfo[BaseException]) -> str:
    """The file of the innermost frame that is not pytest's own; an assertion that is rewritten stays in its file."""
    files = [str(entry.path) for entry in red.traceback]
    return [file for file in files if Path(file).parent.name != "_pytest"][-1]
