"""doctor: what is here, what works, and what to do about the rest."""

from typing import Annotated, Any

import typer

from aiops import bootstrap
from aiops.errors import AiopsError
from aiops.settings import load_settings
from tasks.cli.output import Json, dump

_HUMAN = "operator"
_MISSED = 3
"""Pulses; as long as the watchers wait at the least."""


def register(cli: typer.Typer) -> None:
    """Add the command."""
    cli.command()(doctor)


def doctor(
    process: Annotated[str, typer.Option("--for", help="Only what this process needs, with the rights at hand.")] = "",
    as_json: Json = False,
) -> None:
    """Check settings, keys, ledgers, Redis, MQTT, the catalogue, the inventory and the workers."""
    settings = load_settings()
    checks: list[dict[str, Any]] = []
    for name, check in (bootstrap.checks_for(settings, process) if process else bootstrap.checks(settings)).items():
        try:
            said = check()
            checks.append({"check": name, "ok": True, "warns": isinstance(said, bootstrap.Concern), "says": said})
        except AiopsError as error:
            checks.append({"check": name, "ok": False, "warns": False, "says": str(error)})
    if process in ("", _HUMAN):
        checks.append(_workers())
    if as_json:
        dump(checks)
    else:
        for line in checks:
            typer.echo(
                f"{'FAIL' if not line['ok'] else 'warn' if line.get('warns') else 'ok  '}  {line['check']:<12} {line['says']}"
            )
    if not all(line["ok"] for line in checks):
        raise typer.Exit(1)


def _workers() -> dict[str, Any]:
    """By their sign of life: no worker takes remote control, so none can be asked."""
    from tasks.queues import QUEUES  # noqa: PLC0415 - only this command needs it

    settings = load_settings()
    try:
        ages = bootstrap.pulse(settings).ages(tuple(QUEUES))
    except AiopsError as error:
        return {"check": "workers", "ok": False, "says": str(error)}
    late = [name for name in QUEUES if ages.get(name, float("inf")) > _MISSED * settings.watch.pulse_seconds]
    if late:
        start = " and ".join(f"python -m workers.{name}" for name in late)
        return {"check": "workers", "ok": False, "says": f"no sign of life from {', '.join(late)}: start {start}"}
    return {"check": "workers", "ok": True, "says": f"{', '.join(QUEUES)} give signs of life"}
