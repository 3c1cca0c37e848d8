"""archive: on the host with the key, prove that an archive of configurations can be opened and is whole."""

from pathlib import Path
from typing import Annotated

import typer

from aiops import bootstrap
from tasks.cli.output import Json, dump

commands = typer.Typer(no_args_is_help=True)
_SHOWN = 10


def register(cli: typer.Typer) -> None:
    """Add the commands."""
    cli.add_typer(commands, name="archive", help="The encrypted archives of configurations.")


@commands.command()
def verify(
    archive: Annotated[Path, typer.Argument(help="The archive, as it lies on the share.")],
    identity: Annotated[Path, typer.Option("--identity", "-i", help="File with the private key of age.")],
    as_json: Json = False,
) -> None:
    """Decrypt it and hold every file against its digest. Nothing is unpacked. Exit code 1 when a file is wrong or missing."""
    opened = bootstrap.open_archive(archive, identity)
    if as_json:
        dump({"archive": str(archive), **vars(opened)})
    else:
        for what, names in (("wrong", opened.wrong), ("missing", opened.missing)):
            for name in names[:_SHOWN]:
                typer.echo(f"{what}  {name}")
            if len(names) > _SHOWN:
                typer.echo(f"{what}  and {len(names) - _SHOWN} more")
        typer.echo(f"{opened.files} files with {opened.size} bytes are as they were on the host")
    if opened.wrong or opened.missing:
        raise typer.Exit(1)
