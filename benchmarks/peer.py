"""Peers that do not resolve with the product: an environment of their own, spoken to in lines of JSON."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from recsys.errors import FitError

REQUIREMENTS = Path(__file__).with_name("peers")
ENVIRONMENTS = Path("var/peers")
PARTING = 10.0  # s that a peer has to end by itself


def python(name: str) -> Path:
    """The interpreter of the peer's environment, which is made from ``peers/NAME.txt`` where it is missing or old."""
    wanted = (REQUIREMENTS / f"{name}.txt").read_text()
    home = (ENVIRONMENTS / name).absolute()
    stamp, interpreter = home / "installed.txt", home / "bin" / "python"
    if not stamp.is_file() or stamp.read_text() != wanted:
        print(f"making {home}, which takes some minutes", flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(home)], check=True)
        install = [
            str(interpreter),
            "-m",
            "pip",
            "install",
            "--quiet",
            "--requirement",
            str(REQUIREMENTS / f"{name}.txt"),
        ]
        subprocess.run(install, check=True)
        stamp.write_text(wanted)
    return interpreter


class Peer:
    """A script of ``peers/`` under way: it answers a line of JSON with a line of JSON, and waits in between."""

    def __init__(self, name: str, script: str, settings: Mapping[str, Any], *, threads: int) -> None:
        command = [str(python(name)), str(REQUIREMENTS / script), json.dumps(settings)]
        limits = {variable: str(threads) for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")}
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=os.environ | limits)
        self._script = script

    def ask(self, word: str) -> dict[str, Any]:
        """Say ``word`` and wait for the answer; FitError where the peer has ended instead."""
        if self._process.stdin is None or self._process.stdout is None:
            raise TypeError("A peer is spoken to through pipes.")
        self._process.stdin.write(f"{word}\n")
        self._process.stdin.flush()
        for line in self._process.stdout:
            if line.startswith("{"):  # what libraries print is passed over
                answer: dict[str, Any] = json.loads(line)
                return answer
        raise FitError(f"{self._script} ended with code {self._process.wait()} before it answered {word!r}.")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the peer: it stops by itself when nobody speaks to it any more, unless it is amid an epoch."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            self._process.wait(timeout=PARTING)
        except subprocess.TimeoutExpired:
            self._process.kill()  # Lightning catches what is gentler and waits for the end of the epoch
            self._process.wait()
