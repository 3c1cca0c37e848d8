"""playbooks, request: what the catalogue holds, and asking for one of it."""

from collections.abc import Sequence
from getpass import getuser
from typing import Annotated

import typer

from aiops import bootstrap, steps
from aiops.domain.remediation import Param, ParamValue, Remediation
from aiops.errors import UnknownError
from aiops.remediations import resolve
from aiops.settings import load_settings
from tasks.cli.incidents import show_asked
from tasks.cli.output import Json, dump, table


def register(cli: typer.Typer) -> None:
    """Add the commands."""
    cli.command()(playbooks)
    cli.command()(request)


def playbooks(as_json: Json = False) -> None:
    """List the catalogue: what each playbook fixes, its risk, who has to approve it, how it is taken back, its older names."""
    catalogue = bootstrap.catalogue(load_settings())
    if as_json:
        dump(list(catalogue.values()))
        return
    columns = ("playbook", "risk", "approval", "hosts", "taken back by", "also called", "fixes")
    table(columns, [_row(entry) for entry in catalogue.values()], empty="the catalogue is empty")
    for entry in catalogue.values():
        if _way_back(entry) == "nothing":
            typer.echo(f"{entry.id} has no way back: {entry.rollback.removeprefix('None').lstrip(':;. ')}")


def _row(entry: Remediation) -> tuple[object, ...]:
    approval = f"{entry.approval}, typed" if entry.destructive else entry.approval
    fixes = ", ".join(fix.kind for fix in entry.fixes)
    return entry.id, entry.risk, approval, entry.max_hosts, _way_back(entry), ", ".join(entry.aliases), fixes


def _way_back(entry: Remediation) -> str:
    """The playbook; without one, what the manifest's own words about rollback begin with."""
    if entry.undo:
        return entry.undo.playbook
    begins = {"None": "nothing", "By itself": "itself, at once"}
    return next((word for start, word in begins.items() if entry.rollback.startswith(start)), "a human")


def request(
    playbook: Annotated[str, typer.Argument(help="A playbook of the catalogue.")],
    host: Annotated[list[str], typer.Argument(help="The hosts on which it runs.")],
    given: Annotated[
        list[str] | None, typer.Option("--set", help="A parameter: name=value; a list is separated by commas.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Ask for a playbook that no finding asks for: waking a host, taking one in or out. Policy decides, as always."""
    from tasks.pipeline import hand_on  # noqa: PLC0415 - connects to the broker's settings only when needed

    settings = load_settings()
    services = bootstrap.incidents(settings)
    entry = services.catalogue.get(resolve(services.catalogue, playbook))
    if entry is None:
        raise UnknownError("playbook", playbook, "`aiops playbooks` lists them")
    made, handed = steps.request(entry.id, host, _params(entry, given or []), getuser(), services)
    hand_on(handed)
    show_asked(made, as_json=as_json)


def _params(entry: Remediation, given: Sequence[str]) -> dict[str, ParamValue]:
    """What was typed, in the types that the manifest names; it is checked where the plan is made."""
    params: dict[str, ParamValue] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals:
            raise typer.BadParameter(f"{text!r} is not name=value")
        params[name] = _value(value, entry.params.get(name))
    return params


def _value(text: str, param: Param | None) -> ParamValue:
    if param and param.type == "int" and text.lstrip("-").isdecimal():
        return int(text)
    if param and param.type == "bool" and text in {"true", "false"}:
        return text == "true"
    return text.split(",") if param and param.type == "list" else text
