"""keys: what there is, how old it is, and how each is changed without a gap."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from aiops import bootstrap
from aiops.domain.fact import utcnow
from aiops.domain.key import Key
from aiops.errors import RefusedError
from aiops.settings import load_settings
from tasks.cli.output import Json, dump, table

commands = typer.Typer(no_args_is_help=True)

Secrets = Annotated[
    Path | None, typer.Option(help="The folder of secrets that a deployment copies from; else what the settings name.")
]
Name = Annotated[str, typer.Argument(help="As `aiops keys list` names it; `redis` or `mqtt`: every account there.")]


def register(cli: typer.Typer) -> None:
    """Add the commands."""
    cli.add_typer(commands, name="keys", help="Every key: how old it is, and changing it without a gap.")


@commands.command("list")
def list_(secrets: Secrets = None, as_json: Json = False) -> None:
    """Every key that is here, how far its change has come, and its age. Exit code 1 when one is past `keys.max_age_days`."""
    settings = load_settings()
    found = [kept.fact() for kept in bootstrap.keys(settings, _folder(secrets)).values()]
    most = settings.keys.max_age_days
    if as_json:
        dump([{**key.model_dump(mode="json"), "days": _days(key), "old": _old(key, most)} for key in found])
    else:
        rows = [(key.name, key.stage, _age(key, most), key.place) for key in found]
        table(("key", "stands", "age", "place"), rows, empty="no key is here")
    if any(_old(key, most) for key in found):
        raise typer.Exit(1)


@commands.command()
def rotate(name: Name, secrets: Secrets = None, as_json: Json = False) -> None:
    """Make a new one that is believed beside the old one, and say what to do then. Made elsewhere: only the steps, code 3."""
    _go("rotate", name, secrets, as_json=as_json)


@commands.command()
def use(name: Name, secrets: Secrets = None, as_json: Json = False) -> None:
    """Change over to the new one of a pair; the old one is still believed. Its private half is gone from then on."""
    _go("use", name, secrets, as_json=as_json)


@commands.command()
def retire(name: Name, secrets: Secrets = None, as_json: Json = False) -> None:
    """Believe the old one no more."""
    _go("retire", name, secrets, as_json=as_json)


def _go(done: bootstrap.KeyStep, name: str, secrets: Path | None, *, as_json: bool) -> None:
    chosen = bootstrap.chosen_keys(bootstrap.keys(load_settings(), _folder(secrets)), name)
    changed = []
    for kept in chosen:
        if kept.way is not None:
            getattr(kept.way, done)()
            changed.append(kept.name)
    steps = chosen[0].steps(done)
    steps = tuple(step.replace(chosen[0].name, name) for step in steps)
    if as_json:
        dump({"done": done, "keys": changed, "steps": steps})
    else:
        _say(done, changed, steps)
    if not changed:
        raise RefusedError("elsewhere", f"{name} is not made here: nothing was changed, the steps are yours")


def _say(done: str, changed: Sequence[str], steps: Sequence[str]) -> None:
    words = {"rotate": "has a new one; the old one is still used or accepted", "use": "uses the new one"}
    for name in changed:
        typer.echo(f"{name} {words.get(done, 'accepts the new one alone')}")
    if steps:
        typer.echo("Now, in this order:")
        for number, step in enumerate(steps, 1):
            typer.echo(f"  {number}. {step}")


def _folder(secrets: Path | None) -> Path | None:
    if secrets is not None and not secrets.is_dir():
        raise typer.BadParameter(f"{secrets} is no folder", param_hint="--secrets")
    return secrets


def _days(key: Key) -> int | None:
    return None if key.made_at is None else max(0, (utcnow() - key.made_at).days)


def _old(key: Key, most: int) -> bool:
    return (_days(key) or 0) > most


def _age(key: Key, most: int) -> str:
    days = _days(key)
    if days is None:
        return "unknown here"
    return f"{days} d" + (f", older than {most}" if days > most else "")
