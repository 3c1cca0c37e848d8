"""notices: what the human was told, by which way, and what still waits."""

from typing import Annotated

import typer

from aiops import bootstrap
from aiops.domain.fact import utcnow
from aiops.domain.notice import Notice
from aiops.settings import load_settings
from tasks.cli.output import Json, dump, table


def register(cli: typer.Typer) -> None:
    """Add the command."""
    cli.command()(notices)


def notices(
    waiting: Annotated[bool, typer.Option("--waiting", help="Only what has not arrived yet.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many, the newest first.")] = 50,
    as_json: Json = False,
) -> None:
    """List the messages to you: delivered by which way, held for quiet hours, or failing and why.

    Exit code 1 when one of them could not be delivered so far.
    """
    found = bootstrap.mailbox(load_settings()).recent(limit, waiting=waiting)
    if as_json:
        dump([notice.model_dump(mode="json") for notice in found])
    else:
        rows = [
            (f"{one.event.timestamp:%Y-%m-%d %H:%M:%S}", one.event.severity.value, _state(one), one.event.symptom)
            for one in found
        ]
        table(("when (UTC)", "severity", "state", "message"), rows, empty="no messages")
    if any(one.attempts and not one.delivered_at for one in found):
        raise typer.Exit(1)


def _state(notice: Notice) -> str:
    if notice.delivered_at:
        return f"{notice.channel} {notice.delivered_at:%H:%M:%S}"
    if notice.attempts:
        return f"failed {notice.attempts} times: {notice.reason}"
    return f"held until {notice.due_at:%H:%M} UTC" if notice.due_at > utcnow() else "on its way"
