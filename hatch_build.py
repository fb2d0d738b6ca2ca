"""Compiles the loops in C where the package is installed. By hand: ``python hatch_build.py``.

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

FLAGS = ("-O3", "-fno-trapping-math", "-fno-math-errno", "-shared", "-fPIC")
LOOPS = {  # each source with what its numbers allow
    Path("recsys/retrieval/scan.c"): ("-ffinite-math-only", "-fno-signed-zeros"),
    Path("recsys/models/loops/loops.c"): ("-ffp-contract=off",),
}


class Compile(BuildHookInterface):
    """Puts the compiled loops beside their sources and into the wheel, which then is one platform's."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        made = compiled(Path(self.root))
        if made and self.target_name == "wheel":
            build_data["artifacts"] += [path.relative_to(self.root).as_posix() for path in made]
            build_data["pure_python"] = False
            build_data["tag"] = f"py3-none-{sysconfig.get_platform().replace('-', '_').replace('.', '_')}"


def compiled(root: Path) -> list[Path]:
    """The compiled loops under ``root``; without those, and with a line that says so, that no compiler makes."""
    return [made for made in (_compiled(root / source, flags) for source, flags in LOOPS.items()) if made]


def _compiled(source: Path, flags: tuple[str, ...]) -> Path | None:
    made = source.with_name(f"_{source.stem}.so")
    partial = made.with_suffix(f".{os.getpid()}")  # another process may be reading the old one
    command = [os.environ.get("CC", "cc"), *FLAGS, *flags, "-o", str(partial), str(source)]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"recsys works with numpy alone, as {source.name} was not compiled: {error}", file=sys.stderr)  # noqa: T201
        return None
    partial.replace(made)
    return made


if __name__ == "__main__":
    sys.exit(len(compiled(Path(__file__).parent)) < len(LOOPS))
