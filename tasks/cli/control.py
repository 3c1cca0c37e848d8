"""freeze, thaw, release, settings: how the system is set."""

from getpass import getuser
from typing import Annotated, Any

import typer

from aiops import bootstrap, steps
from aiops.domain.fact import utcnow
from aiops.errors import UnknownError
from aiops.settings import config_file, load_settings
from tasks.cli.output import Json, dump


def register(cli: typer.Typer) -> None:
    """Add the commands."""
    for command in (freeze, thaw, release, settings):
        cli.command()(command)


def freeze(
    why: Annotated[str, typer.Argument(help="For the record.")] = "",
    backups: Annotated[bool, typer.Option("--backups", help="The nightly backup too.")] = False,
    as_json: Json = False,
) -> None:
    """Stop every repair from starting, within a second. The nightly backup goes on, unless --backups says otherwise."""
    services = bootstrap.incidents(load_settings())
    frozen = steps.freeze(getuser(), why or "no reason given", services, backups=backups)
    dump({"frozen": frozen}) if as_json else typer.echo(f"frozen by {frozen}\nallow repairs again with: aiops thaw")


def thaw(as_json: Json = False) -> None:
    """Allow repairs again."""
    steps.thaw(getuser(), bootstrap.incidents(load_settings()))
    dump({"frozen": ""}) if as_json else typer.echo(
        "repairs are allowed again; plans that waited still need their approval"
    )


def release(
    plan: Annotated[str, typer.Argument(help="A plan that ended unknown, or its incident.")], as_json: Json = False
) -> None:
    """Let a host be repaired again after a run whose end nobody saw. Look at the host first."""
    settings = load_settings()
    name = plan
    if plan.startswith("inc-"):
        made = bootstrap.incidents(settings).ledger.plan_of(plan)
        name = made.id if made else plan
    executions = bootstrap.remediation(settings).executions
    outcome = executions.outcome(name)
    if outcome is None or outcome.status != "unknown":
        raise UnknownError(
            "plan that ended unknown", plan, "only such a plan holds its hosts; `aiops show` tells how it ended"
        )
    executions.release(name, getuser(), utcnow())
    dump({"released": name}) if as_json else typer.echo(
        f"{name}: its hosts may be repaired again; `aiops plan` makes a new plan"
    )


def settings(
    schema: Annotated[bool, typer.Option("--schema", help="Print what can be set, as JSON Schema.")] = False,
    as_json: Json = False,
) -> None:
    """Print the settings in force. Secrets are files, so only their places are shown."""
    loaded = load_settings()
    if schema:
        dump(type(loaded).model_json_schema())
        return
    values = loaded.model_dump(mode="json")
    if as_json:
        dump({"file": str(config_file() or ""), "settings": values})
        return
    typer.echo(f"# {config_file() or 'defaults and environment; no settings file'}")
    for line in _lines("", values):
        typer.echo(line)


def _lines(prefix: str, values: dict[str, Any]) -> list[str]:
    lines: list[str] = []
    for key, value in values.items():
        name = f"{prefix}{key}"
        lines += _lines(f"{name}.", value) if isinstance(value, dict) and value else [f"{name} = {value!r}"]
    return lines
