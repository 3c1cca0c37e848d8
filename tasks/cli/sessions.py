"""investigate, session-shell: an agent that looks and may only propose."""

import os
import re
import time
from datetime import timedelta
from getpass import getuser
from typing import Annotated

import typer

from aiops import bootstrap, steps
from aiops.domain.fact import utcnow
from aiops.errors import RefusedError
from aiops.settings import load_settings
from tasks.cli.output import Json, dump

INCIDENT = re.compile(r"inc-[0-9]{8}-[a-z0-9]{6}")
_POLL_SECONDS = 0.5


def register(cli: typer.Typer) -> None:
    """Add the commands."""
    cli.command()(investigate)
    cli.command("session-shell")(session_shell)


def investigate(
    incident: str,
    why: Annotated[str, typer.Option(help="For the record, and for the agent.")] = "",
    as_json: Json = False,
) -> None:
    """Let an agent on CT196 look at an incident that waits for you. It may only propose; you decide."""
    from tasks.pipeline import hand_on  # noqa: PLC0415 - connects to the broker's settings only when needed

    services = bootstrap.incidents(load_settings())
    handed = steps.request_session(incident, getuser(), why, services)
    hand_on(handed)
    grant = services.ledger.under_way(incident)
    if as_json:
        dump({"incident": incident, "session": grant.id if grant else "", "budget": grant.budget if grant else None})
    else:
        typer.echo(f"{grant.id if grant else 'a session'} is granted; watch it with: aiops show --follow {incident}")


def session_shell(
    seconds: Annotated[float, typer.Option(help="How long to wait for its end.")] = 900,
    who: Annotated[str, typer.Option(help="Whose key this is, for the record.")] = "ssh",
) -> None:
    """CT196's SSH entry, as a forced command: `ssh claude@ct196 INCIDENT` asks for a session and waits for its end.

    Nothing but an incident's id is taken from SSH_ORIGINAL_COMMAND, and it is compared, never executed.
    """
    asked = os.environ.get("SSH_ORIGINAL_COMMAND", "").strip()
    if INCIDENT.fullmatch(asked) is None:
        raise RefusedError(
            "command", "say the id of one incident and nothing else: ssh claude@ct196 inc-20261123-k3f9qd"
        )
    from tasks.pipeline import ask_session  # noqa: PLC0415 - as above

    ledger = bootstrap.sessions(load_settings()).ledger
    began = utcnow() - timedelta(seconds=1)
    ask_session.apply_async((asked, f"ssh:{who[:40]}"), headers={"incident": asked})
    typer.echo(f"asked for a session about {asked}")
    deadline = time.monotonic() + seconds
    seen = False
    while time.monotonic() < deadline:
        found = ledger.session_of(asked, began)
        if found and not seen:
            seen = True
            typer.echo(f"{found[0].id} is here")
        if found and found[1]:
            end = found[1]
            typer.echo(f"{end.ending}: {end.reason}")
            if end.plan:
                typer.echo(f"proposed: {end.plan.playbook} on {end.plan.host}; approve on CT190: aiops approve {asked}")
            raise typer.Exit(0 if end.ending == "proposed" else 1)
        time.sleep(_POLL_SECONDS)
    typer.echo("no end yet" if seen else "no grant came: aiops show on CT190 says why", err=True)
    raise typer.Exit(4)
