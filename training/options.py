"""Options that several commands have. Nothing heavy is imported here: it runs for ``recsys --help``."""

from pathlib import Path
from typing import Annotated

import typer

LakeOption = Annotated[str, typer.Option("--lake", help="Folder or object-store URI of the lake.")]
VarOption = Annotated[
    Path | None,
    typer.Option("--var", envvar="RECSYS_VAR", help="Folder of all state.", show_default="var", show_envvar=True),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Replace a value of the spec, e.g. split.windows=4. Repeatable."),
]
DeviceOption = Annotated[str, typer.Option("--device", help="Where PyTorch models train: cpu, cuda, mps.")]
GateOption = Annotated[
    Path | None, typer.Option("--gate", help="TOML file of checks that change the gate of the spec (docs/release.md).")
]
