"""redis-acl: the accounts of Redis, to be put into its ACL file by whoever runs the server."""

from pathlib import Path
from typing import Annotated

import typer

from tasks import access
from tasks.cli.output import Json, dump


def register(cli: typer.Typer) -> None:
    """Add the command."""
    cli.command("redis-acl")(redis_acl)


def redis_acl(
    passwords: Annotated[Path, typer.Option(help="folder of the password files; what is missing is made (0600)")],
    server: Annotated[str, typer.Option(help="version of the server, as redis-server --version says")] = "7.0",
    as_json: Json = False,
) -> None:
    """Print an account per process for Redis's ACL file. No password is printed, only its SHA-256."""
    try:
        major, minor = (int(part) for part in server.split(".")[:2])
    except ValueError as error:
        raise typer.BadParameter(f"{server!r} is no version such as 7.0", param_hint="--server") from error
    if (major, minor) < (7, 0):
        raise typer.BadParameter("Redis 7.0 is the first that knows rights per key", param_hint="--server")
    lines = access.lines(passwords, (major, minor))
    if as_json:
        dump([{"account": line.split()[1], "line": line} for line in lines])
    else:
        typer.echo("\n".join((access.NOBODY, *lines)))
