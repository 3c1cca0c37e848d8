"""inventory check: what the inventory says, guesses and misses."""

import typer

from aiops import bootstrap, steps
from aiops.settings import load_settings
from tasks.cli.output import Json, dump, table

commands = typer.Typer(no_args_is_help=True)


def register(cli: typer.Typer) -> None:
    """Add the command."""
    cli.add_typer(commands, name="inventory", help="The hosts as aiops reads them.")


@commands.callback()
def group() -> None:
    """The hosts as aiops reads them."""


@commands.command()
def check(as_json: Json = False) -> None:
    """Show every host with its role, a guess where it has none, and what is missing, doubled or unknown elsewhere."""
    settings = load_settings()
    guests, blind = bootstrap.guests(settings)
    hosts = bootstrap.inventory(settings).hosts()
    report = steps.check_inventory(hosts, bootstrap.inventory_groups(settings), guests, blind)
    if as_json:
        dump(report)
    else:
        rows = [
            (
                one.host,
                one.role or (f"{one.guess}?" if one.guess else "-"),
                one.expected_state,
                one.node or "-",
                "; ".join(one.problems),
            )
            for one in report.hosts
        ]
        table(("host", "role", "state", "runs on", "to do"), rows, empty="no hosts")
        for guest in report.strangers:
            where = f" on {guest.node}" if guest.node else ""
            typer.echo(f"not in the inventory: {guest.name}{where} ({guest.kind}, {guest.source})")
        for name in report.unknown:
            typer.echo(f"only in the inventory: {name}")
        for sentence in report.blind:
            typer.echo(f"blind: {sentence}")
    if not report.sound:
        raise typer.Exit(1)
