"""mqtt-acl: the accounts of Mosquitto, to be added to its files by whoever runs the broker."""

from pathlib import Path
from typing import Annotated

import typer

from aiops.settings import load_settings
from tasks import mqtt_access
from tasks.cli.output import Json, dump


def register(cli: typer.Typer) -> None:
    """Add the command."""
    cli.command("mqtt-acl")(mqtt_acl)


def mqtt_acl(
    passwords: Annotated[Path, typer.Option(help="folder of the password files; what is missing is made (0600)")],
    as_json: Json = False,
) -> None:
    """Print an account per process for Mosquitto's password and ACL files. No password is printed, only its salted hash."""
    prefix = load_settings().mqtt.prefix
    made = {"passwords": mqtt_access.passwords(passwords), "acl": mqtt_access.acl(prefix)}
    if as_json:
        dump(made)
    else:
        typer.echo(f"# password_file\n{made['passwords']}\n# acl_file\n{made['acl']}", nl=False)
