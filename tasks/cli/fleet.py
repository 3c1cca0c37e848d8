"""sweep, sudoers: look at the fleet."""

from getpass import getuser
from typing import Annotated

import typer

from aiops import bootstrap
from aiops.settings import load_settings
from tasks.cli.incidents import print_sweep, wait_for_sweep
from tasks.cli.output import Json, dump


def register(cli: typer.Typer) -> None:
    """Add the commands."""
    cli.command()(sweep)
    cli.command()(sudoers)


def sweep(
    guardians: Annotated[list[str] | None, typer.Argument(help="Guardians; all of them when empty.")] = None,
    host: Annotated[list[str] | None, typer.Option(help="Only these hosts.")] = None,
    wait: Annotated[float, typer.Option(help="Seconds to wait for the result; 0 prints the id only.")] = 120,
    as_json: Json = False,
) -> None:
    """Look now: the same patrol that beat starts, with the same events."""
    from beat_schedule import GUARDIANS  # noqa: PLC0415 - imports Celery
    from tasks.pipeline import patrol  # noqa: PLC0415 - as above

    names = guardians or list(GUARDIANS)
    started = patrol.delay(names, hosts=host or [], started_by=f"cli:{getuser()}")
    if not wait:
        dump({"sweep": started.id}) if as_json else typer.echo(started.id)
        return
    typer.echo(f"sweep {started.id}: {', '.join(names)} ...", err=True)
    services = bootstrap.incidents(load_settings())
    shards = wait_for_sweep(started.id, services, wait)
    if as_json:
        dump(shards)
    elif shards:
        print_sweep(shards, services)
    if not shards:
        typer.echo(
            f"no result after {wait:g} s. Is the detect worker up? `aiops doctor` tells; "
            f"`aiops show --follow {started.id}` keeps waiting",
            err=True,
        )
        raise typer.Exit(4)
    if any(shard.findings for shard in shards):
        raise typer.Exit(1)


def sudoers(account: Annotated[str, typer.Argument(help="The detection account.")] = "aiops-probe") -> None:
    """Print the sudo list of the detection account: exactly the read-only commands that the probes declare."""
    typer.echo(bootstrap.sudoers(account), nl=False)
