"""shadow, migrate: moving in beside an old system."""

import typer

from tasks.cli.migrate_check import check
from tasks.cli.shadow import give_back, shadow, take


def register(cli: typer.Typer) -> None:
    """Add the commands."""
    cli.command()(shadow)
    group = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
    for command in (check, take, give_back):
        group.command()(command)
    cli.add_typer(group, name="migrate", help="Move in beside an old system, guardian by guardian, with the way back.")
