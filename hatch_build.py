"""Compiles ``recsys/retrieval/scan.c`` where the package is installed. By hand: ``python hatch_build.py``.

Without a compiler the package works all the same: numpy does what the compiled loops do, more slowly.
"""

import os
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

try:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface
except ImportError:  # run by hand
    BuildHookInterface = object

FOLDER = Path("recsys/retrieval")
FLAGS = ("-O3", "-ffinite-math-only", "-fno-signed-zeros", "-fno-trapping-math", "-fno-math-errno", "-shared", "-fPIC")


class Compile(BuildHookInterface):
    """Puts the compiled loops beside their source and into the wheel, which then is one platform's."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        made = compiled(Path(self.root))
        if made is not None and self.target_name == "wheel":
            build_data["artifacts"].append(made.relative_to(self.root).as_posix())
            build_data["pure_python"] = False
            build_data["tag"] = f"py3-none-{sysconfig.get_platform().replace('-', '_').replace('.', '_')}"


def compiled(root: Path) -> Path | None:
    """The compiled loops under ``root``; None, and a line that says so, where no compiler makes them."""
    made = root / FOLDER / "_scan.so"
    partial = made.with_suffix(f".{os.getpid()}")  # another process may be reading the old one
    command = [os.environ.get("CC", "cc"), *FLAGS, "-o", str(partial), str(root / FOLDER / "scan.c")]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"recsys searches with numpy alone, as scan.c was not compiled: {error}", file=sys.stderr)  # noqa: T201
        return None
    partial.replace(made)
    return made


if __name__ == "__main__":
    sys.exit(compiled(Path(__file__).parent) is None)
