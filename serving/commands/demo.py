"""`recsys demo`."""

import signal
import time
from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command to the root app."""
    app.command()(demo)


def demo(
    port: Annotated[int, typer.Option(help="Port to serve on.")] = 3000,
    smoke: Annotated[bool, typer.Option(help="Check the demo's own answers and stop, instead of serving on.")] = False,
) -> None:
    """Run the whole loop on MovieLens 100K and serve it until Ctrl-C."""
    from rich.console import Console

    from serving.demo.server import served
    from serving.demo.steps import keys, prepare
    from serving.demo.tour import check, show
    from serving.ports import free
    from serving.settings import Settings

    signal.signal(signal.SIGTERM, signal.default_int_handler)  # the server it has started ends with it
    free("127.0.0.1", port)
    console = Console()
    var = Path(Settings().var).absolute()
    table = prepare(var, console)
    with served(var, port, keys(var, console)) as api:
        show(var, api, table, console)
        if smoke:
            for line in check(var, api):
                console.print(f"[green]✓[/green] {line}", highlight=False)
            return
        console.print(f"Serving on {api.url} until Ctrl-C; its log is {var}/serve.log.", highlight=False)
        try:
            while True:
                time.sleep(3600)
        except KeyboardInterrupt:
            console.print("Stopped.")
