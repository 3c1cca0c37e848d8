"""lab: real hosts on this machine, to break and to heal."""

import typer


def register(cli: typer.Typer) -> None:
    """Add the command; the lab has its own sub-commands and help."""
    cli.command(
        name="lab",
        add_help_option=False,
        context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []},
    )(lab)


def lab(context: typer.Context) -> None:
    """Real hosts on this machine, without Docker: up, break, check, heal, list, down."""
    from lab.cli import main  # noqa: PLC0415 - the lab stands alone; only this command needs it

    raise typer.Exit(main(context.args))
