"""`recsys policy keys` and `recsys policy sign`: who vouches for packs."""

import json
import os
from pathlib import Path
from typing import Annotated

import typer

from recsys.errors import ConfigError
from serving.commands.opening import Actor, Reason, opened_control
from serving.commands.printing import Json, iso, show

keys = typer.Typer(help="Make, trust, list and revoke the keys that sign packs.")
SUFFIX = ".sig"


def add_to(group: typer.Typer) -> None:
    """Add the commands to the group of `recsys policy`."""
    keys.command()(make)
    keys.command()(trust)
    keys.command("list")(listing)
    keys.command()(revoke)
    group.command()(sign)
    group.add_typer(keys, name="keys", no_args_is_help=True)


def make(
    file: Annotated[Path, typer.Argument(help="Where the private key is written; it must not be there yet.")],
) -> None:
    """Make a key pair; the public key is printed, the private one stays with whoever signs."""
    from recsys.safety.signing import make_key, public_key

    private = make_key()
    try:
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as target:
            target.write(private)
    except OSError as error:
        raise ConfigError(f"{file} cannot be written: {error.strerror}. Name a file that is not there yet.") from None
    typer.echo(public_key(private))
    typer.echo(
        f"The private key is in {file}; keep it off the servers. Trust: recsys policy keys trust NAME PUBLIC.", err=True
    )


def trust(
    name: Annotated[str, typer.Argument(help="Who signs with it.")],
    public: Annotated[str, typer.Argument(help="As `recsys policy keys make` printed it.")],
    actor: Actor,
) -> None:
    """Let packs be published that this key signed."""
    with opened_control() as control:
        found = control.trust_policy_key(name, public, actor)
    typer.echo(f"{found.id} ({found.name}) is trusted.")


def listing(as_json: Json = False) -> None:
    """Show every key that was ever trusted, those of the settings too."""
    from recsys.safety.signing import key_id
    from serving.settings import Settings

    with opened_control() as control:
        rows = [
            {
                "id": key.id,
                "name": key.name,
                "public_key": key.public_key,
                "trusted": iso(key.trusted_at),
                "by": key.trusted_by,
                "revoked": iso(key.revoked_at),
            }
            for key in control.policy_keys()
        ]
    settings = [
        {"id": key_id(key), "name": "", "public_key": key, "trusted": None, "by": "settings", "revoked": None}
        for key in Settings().policy_keys
    ]
    show("Keys that sign packs", [*rows, *settings], as_json=as_json)


def revoke(key: Annotated[str, typer.Argument(help="As listed.")], actor: Actor, reason: Reason) -> None:
    """Publish nothing any more that this key signed; what is in force stays in force."""
    with opened_control() as control:
        control.revoke_policy_key(key, actor, reason)
    typer.echo(f"{key} is revoked.")


def sign(
    file: Annotated[Path, typer.Argument(help="The pack, a TOML file.")],
    key: Annotated[Path, typer.Option(help="The private key.")],
) -> None:
    """Sign a pack: FILE.sig, to be kept beside it. Any change of the file makes it worthless."""
    from recsys.safety.local import parse_pack
    from recsys.safety.signing import key_id, public_key, sign

    pack, private = read_bytes(file), read_bytes(key)
    parse_pack(decoded(pack, file), where=str(file))
    target = file.with_name(file.name + SUFFIX)
    signature = {"key": key_id(public_key(private)), "signature": sign(pack, private)}
    target.write_text(json.dumps(signature) + "\n", encoding="utf-8")
    typer.echo(f"{target} is written, by the key {signature['key']}.")


def signature_of(file: Path) -> str:
    """What stands beside a pack; "" where nothing does."""
    beside = file.with_name(file.name + SUFFIX)
    if not beside.exists():
        return ""
    try:
        return str(json.loads(read_bytes(beside))["signature"])
    except (ValueError, KeyError, TypeError):
        raise ConfigError(
            f"{beside} is no signature; sign again with: recsys policy sign {file} --key KEYFILE."
        ) from None


def read_bytes(file: Path) -> bytes:
    """The bytes of a file; ConfigError where it cannot be read."""
    try:
        return file.read_bytes()
    except OSError as error:
        raise ConfigError(f"{file} cannot be read: {error.strerror}.") from None


def decoded(pack: bytes, file: Path) -> str:
    """The text of a pack, its line ends as they are."""
    try:
        return pack.decode()
    except UnicodeDecodeError as error:
        raise ConfigError(f"{file} is no UTF-8: {error}.") from None
