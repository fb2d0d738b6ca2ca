"""`recsys policy`: what a policy pack says, whether it can be used; signing and publishing are next door."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from serving.commands import policy_keys, policy_publish
from serving.commands.printing import Json, show

if TYPE_CHECKING:
    from recsys.safety import Policy

group = typer.Typer(help="Show, check, sign, publish and try out policy packs.")
Pack = Annotated[str, typer.Argument(help="A pack that ships, or a TOML file.")]


def register(app: typer.Typer) -> None:
    """Add the group to the root app."""
    group.command("show")(display)
    group.command()(check)
    policy_keys.add_to(group)
    policy_publish.add_to(group)
    app.add_typer(group, name="policy", no_args_is_help=True)


def display(
    pack: Annotated[str | None, typer.Argument(help="A pack that ships, or a TOML file.")] = None,
    as_json: Json = False,
) -> None:
    """Show a pack; the one of the settings if none is named."""
    from recsys.safety import load_policy
    from serving.settings import Settings

    policy = load_policy(pack or Settings().policy or "open")
    if as_json:
        typer.echo(json.dumps(policy.model_dump(mode="json"), ensure_ascii=False, indent=2))
        return
    typer.echo(policy.cite)
    surfaces = policy.model_dump(mode="json")["surfaces"]
    show("Surfaces", [{"surface": name, **rules} for name, rules in surfaces.items()], as_json=False)
    labels = [
        {
            "label": name,
            "verdict": label.verdict.code,
            "on surfaces": ", ".join(f"{at}: {verdict.code}" for at, verdict in label.surfaces.items()) or None,
            "min age": label.min_age,
        }
        for name, label in policy.labels.items()
    ]
    show("Labels", labels, as_json=False)


def check(pack: Pack) -> None:
    """Say whether a pack can be used; exit code 2 and each mistake where not."""
    from recsys.safety import load_policy, packs

    if pack in packs():
        policy = load_policy(pack)
    elif not Path(pack).is_file():
        policy = load_policy(pack)  # which says that it is nowhere
    else:
        policy = _composed(Path(pack))
    counts = f"{len(policy.surfaces)} surfaces, {len(policy.labels)} labels, {len(policy.rules)} rules"
    typer.echo(f"{policy.cite} is fine: {counts}.")


def _composed(file: Path) -> "Policy":
    """A pack with those that are published beside it; a store that is not there yet is not made."""
    from recsys.clock import system_clock
    from serving.batch import the_control
    from serving.policies import Desk
    from serving.settings import Settings

    settings = Settings()
    with the_control(settings) as control:
        desk = Desk(settings, control, system_clock, None)
        return desk.check(policy_keys.decoded(policy_keys.read_bytes(file), file), str(file))[1]
