"""baseline: what was wrong before aiops came, decided on in bulk."""

from getpass import getuser
from typing import Annotated

import typer

from aiops import bootstrap, steps
from aiops.domain.incident import Incident
from aiops.ports import IncidentServices
from aiops.settings import load_settings
from tasks.cli.output import Json, clock, dump, table

Kind = Annotated[str, typer.Option(help="Only incidents with this kind of finding.")]
Host = Annotated[str, typer.Option(help="Only incidents that touch this host.")]
Everything = Annotated[bool, typer.Option("--all", help="Needed where neither a kind nor a host is named.")]

commands = typer.Typer(no_args_is_help=True)


def register(cli: typer.Typer) -> None:
    """Add the commands."""
    cli.add_typer(commands, name="baseline", help="What was wrong before aiops came: list, accept or open it in bulk.")


@commands.command("list")
def show(kind: Kind = "", host: Host = "", as_json: Json = False) -> None:
    """List what nobody has decided on, the worst first."""
    found = steps.chosen_baseline(_services(), kind=kind, host=host)
    if as_json:
        dump(found)
        return
    rows = [
        (one.id, one.severity.value, one.findings[0].kind, ", ".join(one.hosts), clock(one.opened_at), one.title)
        for one in found
    ]
    table(("incident", "severity", "kind", "hosts", "first look", "what"), rows, empty="nothing is left to decide on")


@commands.command()
def accept(kind: Kind = "", host: Host = "", everything: Everything = False, as_json: Json = False) -> None:
    """They are known: leave them as they are until they are gone or get worse."""
    services = _services()
    taken = steps.accept_baseline(_chosen(services, kind, host, everything), getuser(), services)
    dump({"accepted": taken}) if as_json else typer.echo(f"accepted {taken}; each ends when a detector finds it gone")


@commands.command("open")
def reopen(kind: Kind = "", host: Host = "", everything: Everything = False, as_json: Json = False) -> None:
    """Work on them like on anything new: known fix, model or human, as policy says."""
    from tasks.pipeline import hand_on  # noqa: PLC0415 - connects to the broker only when needed

    services = _services()
    incidents = _chosen(services, kind, host, everything)
    hand_on(steps.reopen_baseline(incidents, getuser(), services))
    names = [incident.id for incident in incidents]
    dump({"opened": names}) if as_json else typer.echo(f"opened {len(names)}; follow them with: aiops incidents")


def _services() -> IncidentServices:
    return bootstrap.incidents(load_settings())


def _chosen(services: IncidentServices, kind: str, host: str, everything: bool) -> list[Incident]:
    if not (kind or host or everything):
        raise typer.BadParameter("name a --kind or a --host, or say --all")
    return steps.chosen_baseline(services, kind=kind, host=host)
