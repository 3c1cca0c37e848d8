"""autonomy: how far each playbook may go on hosts of each role, and a human's hand on it."""

from getpass import getuser
from typing import Annotated

import typer

from aiops import bootstrap, steps
from aiops.domain.autonomy import Standing
from aiops.settings import load_settings
from tasks.cli.output import Json, clock, dump, table

autonomy = typer.Typer(invoke_without_command=True, help="The autonomy ladder: show it, raise or lower one rung.")
Playbook = Annotated[str, typer.Argument(help="A playbook of the catalogue.")]
Role = Annotated[str, typer.Argument(help="A role of the inventory.")]
Why = Annotated[str, typer.Option(help="For the record.")]


def register(cli: typer.Typer) -> None:
    """Add the group."""
    cli.add_typer(autonomy, name="autonomy")


@autonomy.callback()
def shown(context: typer.Context, as_json: Json = False) -> None:
    """Show where each playbook stands on each role, and what speaks for and against it."""
    if context.invoked_subcommand:
        return
    services = bootstrap.incidents(load_settings())
    found = services.ledger.standings()
    if as_json:
        dump({"mode": services.policy.mode, "standings": list(found)})
        return
    rows = [
        (
            one.playbook,
            one.role,
            one.rung,
            one.proved,
            one.relapses,
            f"{one.closures} of {services.policy.raise_after}" if one.next else "",
            f"{one.who} {clock(one.since)}: {one.why}" if one.since else "",
        )
        for one in found
    ]
    columns = ("playbook", "role", "may", "proved", "relapses", "towards the next", "since")
    table(columns, rows, empty="no repair has been proved yet, and nothing was raised")
    if services.policy.mode != "ladder":
        typer.echo('only the rules count: set mode = "ladder" in the policy to let this limit them')


@autonomy.command("raise")
def raised(playbook: Playbook, role: Role, why: Why = "", as_json: Json = False) -> None:
    """Let a playbook go one rung further on hosts of a role: observe, suggest, ask, auto. Policy still has to allow it."""
    _said(
        steps.raise_rung(playbook, role, getuser(), why or "no reason given", bootstrap.incidents(load_settings())),
        as_json,
    )


@autonomy.command("lower")
def lowered(playbook: Playbook, role: Role, why: Why = "", as_json: Json = False) -> None:
    """Take a playbook one rung back on hosts of a role."""
    _said(
        steps.lower_rung(playbook, role, getuser(), why or "no reason given", bootstrap.incidents(load_settings())),
        as_json,
    )


def _said(standing: Standing, as_json: bool) -> None:
    dump(standing) if as_json else typer.echo(f"{standing.playbook} on {standing.role}: {standing.rung}")
