"""notices: what the human was told, by which way, and what still waits."""

from collections.abc import Callable
from typing import Annotated

import typer

from aiops import bootstrap, steps
from aiops.domain.fact import utcnow
from aiops.domain.notice import Notice
from aiops.settings import Settings, load_settings
from tasks.cli.output import Json, dump, table


def register(cli: typer.Typer) -> None:
    """Add the command."""
    cli.command()(notices)


def notices(
    waiting: Annotated[bool, typer.Option("--waiting", help="Only what has not arrived yet.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many, the newest first.")] = 50,
    as_json: Json = False,
) -> None:
    """List the messages to you: delivered by which way, held for quiet hours, or failing and why; and what was executed.

    Exit code 1 when one of them could not be delivered so far.
    """
    settings = load_settings()
    found = bootstrap.mailbox(settings).recent(limit, waiting=waiting)
    if as_json:
        dump([notice.model_dump(mode="json") for notice in found])
    else:
        executed = _executions(settings)
        rows = [
            (
                f"{one.event.timestamp:%Y-%m-%d %H:%M:%S}",
                one.event.severity.value,
                _state(one),
                executed(one.event.incident),
                one.event.symptom,
            )
            for one in found
        ]
        table(("when (UTC)", "severity", "delivered", "executed", "message"), rows, empty="no messages")
    if any(one.attempts and not one.delivered_at for one in found):
        raise typer.Exit(1)


def _executions(settings: Settings) -> Callable[[str], str]:
    """What became of an incident's plan, where the incident ledger is on this container."""
    if not (settings.state / "incidents.sqlite").exists():
        return lambda _: ""
    services = bootstrap.incidents(settings)
    return lambda incident: steps.executed(incident, services) if incident.startswith("inc-") else ""


def _state(notice: Notice) -> str:
    if notice.delivered_at:
        number = f" #{notice.receipt}" if notice.receipt else ""
        return f"{notice.channel}{number} {notice.delivered_at:%H:%M:%S}"
    if notice.attempts:
        return f"failed {notice.attempts} times: {notice.reason}"
    return f"held until {notice.due_at:%H:%M} UTC" if notice.due_at > utcnow() else "on its way"
