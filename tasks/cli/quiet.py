"""silence, silences, unsilence, ack: what a human wants kept quiet."""

from datetime import timedelta
from getpass import getuser
from typing import Annotated

import typer
from pydantic import ValidationError

from aiops import bootstrap, steps
from aiops.domain.silence import Pattern
from aiops.errors import SettingsError
from aiops.settings import load_settings
from tasks.cli.output import Json, clock, dump, table

_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def register(cli: typer.Typer) -> None:
    """Add the commands."""
    for command in (silence, silences, unsilence, ack):
        cli.command()(command)


def silence(
    kind: Annotated[str, typer.Option(help="Finding kind; * stands for any characters.")] = "",
    host: Annotated[str, typer.Option(help="Host.")] = "",
    subject: Annotated[str, typer.Option(help="Subject of the finding: a unit, a path, a package.")] = "",
    span: Annotated[str, typer.Option("--for", help="How long: 30m, 2h, 7d, 2w.")] = "2h",
    why: Annotated[str, typer.Option(help="For the record.")] = "",
    as_json: Json = False,
) -> None:
    """Keep matching findings from opening incidents, for a while. Give at least one of kind, host and subject."""
    try:
        pattern = Pattern(kind=kind, host=host, subject=subject)
    except ValidationError as error:
        raise SettingsError("silence", error.errors()[0]["msg"].removeprefix("Value error, ")) from None
    made = steps.silence(
        pattern, _span(span), getuser(), why or "no reason given", bootstrap.incidents(load_settings())
    )
    if as_json:
        dump(made)
    else:
        typer.echo(
            f"{made.id}: {pattern} is silent until {clock(made.ends_at)}\nend it with: aiops unsilence {made.id}"
        )


def silences(as_json: Json = False) -> None:
    """List the silences in force, and what the settings call benign."""
    services = bootstrap.incidents(load_settings())
    found = services.ledger.silences(services.clock())
    if as_json:
        dump({"silences": list(found), "benign": list(services.benign)})
        return
    rows = [
        (one.id, str(one.pattern), clock(one.ends_at), str(len(services.ledger.muted(by=one.id))), one.who, one.why)
        for one in found
    ]
    rows += [("benign", str(entry), "always", "", "settings", entry.reason) for entry in services.benign]
    table(("silence", "matches", "until", "muted", "who", "why"), rows, empty="nothing is silenced")


def unsilence(name: str, as_json: Json = False) -> None:
    """End a silence before its time; what is still wrong is opened by the next sweep."""
    steps.unsilence(name, getuser(), bootstrap.incidents(load_settings()))
    dump({"ended": name}) if as_json else typer.echo(f"{name} has ended")


def ack(incident: str, why: Annotated[str, typer.Option(help="For the record.")] = "", as_json: Json = False) -> None:
    """Say that you have an incident in hand: no more messages, no repair by itself, until it is resolved."""
    who = steps.acknowledge(incident, getuser(), why, bootstrap.incidents(load_settings()))
    dump({"incident": incident, "acknowledged": who}) if as_json else typer.echo(f"{incident} is in hand: {who}")


def _span(text: str) -> timedelta:
    if text[:-1].isdigit() and text[-1:] in _UNITS and len(text) < 6:  # noqa: PLR2004 - 9999 weeks are long enough
        return timedelta(**{_UNITS[text[-1]]: int(text[:-1])})
    raise SettingsError("--for", f"{text!r} is not a time like 30m, 2h, 7d or 2w")
