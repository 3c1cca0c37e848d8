"""explain, replay, export, guard: what the record says, without touching anything."""

import tempfile
from pathlib import Path
from typing import Annotated

import typer

from aiops import bootstrap
from aiops.domain.policy import Policy
from aiops.errors import ManifestError, SettingsError
from aiops.ports import IncidentServices
from aiops.rules import load_policy
from aiops.settings import load_settings
from aiops.steps.explain import explain as explained
from aiops.steps.export import export as exported
from aiops.steps.guard import propose
from aiops.steps.replay import replay as replayed
from tasks.cli.output import Json, dump, table


def register(cli: typer.Typer) -> None:
    """Add the commands."""
    for command in (explain, replay, export, guard):
        cli.command()(command)


def explain(incident: str, as_json: Json = False) -> None:
    """Say in words why it was decided so: who judged by what, what policy said, who approved, what came of it."""
    lines = explained(incident, _services())
    if as_json:
        dump(list(lines))
    else:
        typer.echo("\n".join(lines))


def replay(
    incident: str,
    policy: Annotated[
        str, typer.Option(help="Another policy file, in YAML: a path, or the name of a shipped one.")
    ] = "",
    rules: Annotated[Path | None, typer.Option(help="Another folder of rules.")] = None,
    model: Annotated[
        str, typer.Option(help="A provider of the settings that is asked anew; its answer may cost.")
    ] = "",
    as_json: Json = False,
) -> None:
    """Decide again on what was recorded, touching nothing. Exit code 1 when it would be decided differently now."""
    settings = load_settings()
    with tempfile.TemporaryDirectory(prefix="aiops-replay-") as folder:
        scratch = bootstrap.scratch(settings, Path(folder), policy=_policy(policy), folder=rules)
        judge = bootstrap.one_thinker(settings, model).judge if model else None
        found = replayed(incident, _services(), scratch, judge)
    if as_json:
        dump({**found.model_dump(mode="json"), "differences": found.differences})
    else:
        table(("", "then", "now"), found.differences, empty=f"{incident} would be decided in the same way")
        for remark in found.remarks:
            typer.echo(f"note: {remark}")
    if found.differences:
        raise typer.Exit(1)


def export(incident: str) -> None:
    """Print the incident as a test case, one JSON object; check its label before you keep it."""
    dump(exported(incident, _services()))


def guard(incident: str) -> None:
    """Propose a guard for an incident that could have been seen earlier, tried on the recorded sweeps."""
    typer.echo(propose(incident, _services()))


def _policy(name: str) -> Policy | None:
    try:
        return load_policy(name) if name else None
    except ManifestError as error:
        raise SettingsError("--policy", str(error)) from None


def _services() -> IncidentServices:
    return bootstrap.incidents(load_settings())
