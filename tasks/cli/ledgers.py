"""ledgers: backups of our own record, and the way back."""

from getpass import getuser
from pathlib import Path
from typing import Annotated

import typer

from aiops import bootstrap, steps
from aiops.domain.copied import BegunAgain, CopiedLedger, Manifest
from aiops.domain.fact import utcnow
from aiops.settings import Settings, load_settings
from tasks.cli.output import Json, clock, dump

commands = typer.Typer(no_args_is_help=True)


def register(cli: typer.Typer) -> None:
    """Add the commands."""
    cli.add_typer(
        commands, name="ledgers", help="Our own record: back it up while it is in use, check a backup, restore it."
    )


@commands.command()
def backup(
    folder: Annotated[Path | None, typer.Argument(help="A new folder; default: one in <state>/copies.")] = None,
    as_json: Json = False,
) -> None:
    """Copy the ledgers of this container into a new folder, each whole and hashed. The workers go on meanwhile."""
    settings = load_settings()
    place = (folder or settings.state / "copies" / f"{utcnow():%Y%m%dT%H%M%S}").absolute()
    manifest = bootstrap.ledger_copies(settings).copy(place)
    dump({"folder": place, **manifest.model_dump(mode="json")}) if as_json else _print(place, manifest)


@commands.command()
def check(folder: Annotated[Path, typer.Argument(help="A backup.")], as_json: Json = False) -> None:
    """Compare a backup with its manifest. Exit code 3 when it is not what was written."""
    manifest = bootstrap.ledger_copies(load_settings()).check(folder)
    dump({"folder": folder, **manifest.model_dump(mode="json")}) if as_json else _print(folder, manifest)


@commands.command()
def restore(
    folder: Annotated[Path, typer.Argument(help="A backup.")],
    over: Annotated[bool, typer.Option("--over", help="Set a ledger that is here aside; it is not deleted.")] = False,
    as_json: Json = False,
) -> None:
    """Put the ledgers back and begin a new epoch: what was under way is unknown, approvals are asked again, repairs are frozen.

    Stop the worker first. Then look at `aiops incidents` and the hosts, and allow repairs with `aiops thaw`.
    """
    settings = load_settings()
    copies = bootstrap.ledger_copies(settings)
    begun = []
    for ledger in copies.check(folder).ledgers:
        with copies.put_back(folder, ledger, over=over) as place:
            begun.append(_begin(settings, ledger, place))
    if as_json:
        dump(begun)
        return
    for one in begun:
        typer.echo(
            f"{one.name}: restored; {one.unknown} plans are unknown from here on, {one.asked} approvals are asked again"
        )
    if any(one.name == "incidents" for one in begun):
        typer.echo("repairs are frozen. Start the worker, look at `aiops incidents` and the hosts, then: aiops thaw")


def _begin(settings: Settings, ledger: CopiedLedger, place: Path) -> BegunAgain:
    who = getuser()
    if ledger.name == "executions":
        with bootstrap.executions_at(place) as executions:
            return steps.begin_executions_again(who, executions, executions, utcnow())
    with bootstrap.incidents_at(settings, place) as services:
        return steps.begin_incidents_again(who, services)


def _print(folder: Path, manifest: Manifest) -> None:
    typer.echo(f"{folder}: of {clock(manifest.made_at)}, from {manifest.host}")
    for ledger in manifest.ledgers:
        typer.echo(
            f"  {ledger.name}: {ledger.bytes} bytes, audit log up to line {ledger.audit_line}, SHA-256 {ledger.sha256}"
        )
