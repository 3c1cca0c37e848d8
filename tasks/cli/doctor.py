"""doctor: what is here, what works, and what to do about the rest."""

from typing import Any

import typer

from aiops import bootstrap
from aiops.errors import AiopsError
from aiops.settings import load_settings
from tasks.cli.output import Json, dump


def register(cli: typer.Typer) -> None:
    """Add the command."""
    cli.command()(doctor)


def doctor(as_json: Json = False) -> None:
    """Check settings, keys, ledgers, Redis, MQTT, the catalogue, the inventory and the workers."""
    settings = load_settings()
    checks: list[dict[str, Any]] = []
    for name, check in bootstrap.checks(settings).items():
        try:
            said = check()
            checks.append({"check": name, "ok": True, "says": said})
        except AiopsError as error:
            checks.append({"check": name, "ok": False, "says": str(error)})
    checks.append(_workers())
    if as_json:
        dump(checks)
    else:
        for line in checks:
            typer.echo(f"{'ok  ' if line['ok'] else 'FAIL'}  {line['check']:<12} {line['says']}")
    if not all(line["ok"] for line in checks):
        raise typer.Exit(1)


def _workers() -> dict[str, Any]:
    from kombu.exceptions import OperationalError  # noqa: PLC0415 - only this command asks the workers

    from tasks.app import app  # noqa: PLC0415 - as above
    from tasks.queues import QUEUES  # noqa: PLC0415 - as above

    try:
        answers = app.control.ping(timeout=1.0) or []
    except (OperationalError, OSError) as error:
        return {"check": "workers", "ok": False, "says": f"nobody can be asked: {error}"}
    up = {name.partition("@")[0] for answer in answers for name in answer}
    # CT196 takes no remote control, so it does not answer; its presence on MQTT tells.
    missing = [queue for queue in QUEUES if queue not in up and queue != "remediation"]
    if missing:
        return {
            "check": "workers",
            "ok": False,
            "says": f"no answer from {', '.join(missing)}: start python -m workers.<name>",
        }
    return {
        "check": "workers",
        "ok": True,
        "says": f"{', '.join(sorted(up))} answer; remediation takes no remote control",
    }
