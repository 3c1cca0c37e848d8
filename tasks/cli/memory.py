"""memory: what is remembered of hosts and services, and taking over notes that exist."""

from datetime import UTC, datetime, timedelta
from getpass import getuser
from pathlib import Path
from typing import Annotated

import typer

from aiops import bootstrap
from aiops.domain.fact import utcnow
from aiops.domain.memory import Remembered
from aiops.errors import SettingsError
from aiops.settings import load_settings
from aiops.steps.memory import read_notes
from tasks.cli.output import Json, dump, table

memory = typer.Typer(no_args_is_help=True, help="What is remembered of hosts and services, and shown to triage.")


def register(cli: typer.Typer) -> None:
    """Add the group."""
    cli.add_typer(memory, name="memory")


@memory.command("list")
def listed(
    about: Annotated[str, typer.Argument(help="A host or a service; all when empty.")] = "", as_json: Json = False
) -> None:
    """List facts, each with its source and its age; what has expired is shown and not used."""
    now = utcnow()
    facts = [fact for fact in bootstrap.memory(load_settings()).all() if about in ("", fact.about)]
    if as_json:
        dump([{**fact.model_dump(mode="json"), "used": fact.holds(now)} for fact in facts])
        return
    rows = [
        (fact.about, "yes" if fact.holds(now) else "expired", fact.source, f"{fact.at:%Y-%m-%d}", fact.text)
        for fact in facts
    ]
    table(("about", "used", "source", "since", "fact"), rows, empty="nothing is remembered")


@memory.command()
def add(
    about: str,
    text: str,
    days: Annotated[int, typer.Option(min=1, max=3650, help="How long it holds.")] = 180,
    source: Annotated[str, typer.Option(help="Who knows it; empty: you.")] = "",
) -> None:
    """Remember a fact about a host or a service."""
    now = _today()
    try:
        fact = Remembered(about=about, text=text, source=source or getuser(), at=now, until=now + timedelta(days=days))
    except ValueError as error:
        raise SettingsError("memory", str(error).splitlines()[0]) from None
    bootstrap.memory(load_settings()).keep(fact)
    typer.echo(fact.told(now))


@memory.command("import")
def imported(
    files: Annotated[list[Path], typer.Argument(help="Memory files, CLAUDE.md, AGENTS.md: Markdown.")],
    days: Annotated[int, typer.Option(min=1, max=3650, help="How long what they say holds.")] = 90,
) -> None:
    """Take over list entries below headings that name a host or a service. Rules and orders in them are not taken over."""
    settings = load_settings()
    keeper, now = bootstrap.memory(settings), _today()
    names = frozenset(host.name for host in bootstrap.inventory(settings).hosts())
    for file in files:
        try:
            text = file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(str(file), f"it cannot be read: {error}") from None
        facts = list(read_notes(text, file.name, names, now, timedelta(days=days)))
        for fact in facts:
            keeper.keep(fact)
        typer.echo(f"{file}: {len(facts)} facts about {len({fact.about for fact in facts})} hosts and services")


def _today() -> datetime:
    """Facts are dated by the day."""
    return utcnow().astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
