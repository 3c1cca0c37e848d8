"""mcp: agents of others use our tools, and we use servers of others."""

import json
from getpass import getuser
from typing import Annotated, Any

import typer

from aiops import bootstrap, steps
from aiops.domain.fact import utcnow
from aiops.domain.tool import Offered
from aiops.errors import AiopsError, CutOffError, SettingsError
from aiops.ports.tools import Tools
from aiops.rules.suspicion import suspicious
from aiops.settings import Settings, load_settings, ready
from tasks.cli.output import Json, dump, table

mcp = typer.Typer(no_args_is_help=True, help="The Model Context Protocol, both ways.")


def register(cli: typer.Typer) -> None:
    """Add the group."""
    cli.add_typer(mcp, name="mcp")


@mcp.command()
def serve(
    http: Annotated[
        bool, typer.Option("--http", help="Over HTTP, with the token of the settings, until it is stopped.")
    ] = False,
) -> None:
    """Offer our tools and prompts to an agent: over stdin and stdout, or over HTTP. No tool acts; a plan waits for a human."""
    from tasks.offers import counter  # noqa: PLC0415 - imports Celery

    bootstrap.mcp_service(load_settings(), http=http).serve(counter())


@mcp.command("list")
def listed(
    shipped: Annotated[bool, typer.Option("--ready", help="The ready-made declarations instead.")] = False,
    as_json: Json = False,
) -> None:
    """List the servers that are declared, whether they answer, and every tool with its label and whether it is trusted."""
    if shipped:
        told = {name: one.model_dump(mode="json", exclude_defaults=True) for name, one in ready().items()}
        rows = [(name, " ".join(one.command) or one.url, len(one.read), len(one.act)) for name, one in ready().items()]
        dump(told) if as_json else table(("like", "asks", "read", "act"), rows, empty="none")
        return
    found = _looked_at(_tools(load_settings()))
    if as_json:
        dump({name: one if isinstance(one, str) else list(one) for name, one in found.items()})
    else:
        columns = ("server", "tool", "label", "standing", "says of itself (its words, not ours)")
        table(columns, [row for name, one in found.items() for row in _rows(name, one)], empty="no server is declared")
    if any(isinstance(one, str) for one in found.values()):
        raise typer.Exit(1)


@mcp.command()
def check(as_json: Json = False) -> None:
    """Prove least privilege: every server answers, is what was trusted, and its token can only read. 1 when one is not so."""
    settings = load_settings()
    wrong: dict[str, list[str]] = {}
    for name, one in _looked_at(_tools(settings)).items():
        if isinstance(one, str):
            wrong[name] = [one]
            continue
        reads = [tool for tool in one if tool.label == "read"]
        wrong[name] = [f"{tool.tool.name} is {tool.standing}" for tool in reads if tool.standing != "trusted"]
        wrong[name] += _powers(settings, name)
        wrong[name] += [
            f"{act} may be used by mcp.allow, and acts" for act in settings.mcp.allow if act.startswith(f"{name}.")
        ]
    if as_json:
        dump(wrong)
    else:
        for name, lines in wrong.items():
            for line in lines or [f"answers, is what was trusted; {_proven(settings, name)}"]:
                typer.echo(f"{'FAIL' if lines else 'ok  '}  {name}: {line}")
    if any(wrong.values()):
        raise typer.Exit(1)


@mcp.command()
def trust(
    server: str,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask; you have read the list.")] = False,
    as_json: Json = False,
) -> None:
    """Read what a server offers, and believe it until it changes. Who did so stands in the audit log."""
    settings = load_settings()
    tools = _tools(settings)
    with tools.visit() as visit:
        offered = visit.offered(server)
    if not as_json:
        for one in offered:
            typer.echo(f"{one.label:<5} {one.standing:<8} {one.tool.name}: {_line(one)[:600]}")
            odd = suspicious(one.tool.description)
            if odd:
                typer.echo(f"      BEWARE: its description holds {odd}")
    if not yes and not typer.confirm(f"believe {server} as it is now?"):
        raise typer.Exit(1)
    log = bootstrap.mcp_log(settings)
    believed = steps.trust_server(server, offered, getuser(), utcnow(), tools, log)
    dump(believed) if as_json else typer.echo(f"{server}: {len(believed.tools)} tools are trusted until they change")


@mcp.command()
def call(
    server: str,
    tool: str,
    arguments: Annotated[str, typer.Option(help="Its arguments, as a JSON object.")] = "{}",
    as_json: Json = False,
) -> None:
    """Use a tool yourself: one that reads, or one that acts and that mcp.allow names. What it says is data of others."""
    try:
        given = json.loads(arguments)
    except ValueError as error:
        raise SettingsError("--arguments", f"no JSON: {error}") from None
    if not isinstance(given, dict):
        raise SettingsError("--arguments", "no JSON object")
    with _tools(load_settings()).visit() as visit:
        heard = visit.ask(server, tool, given, act=True)
    if as_json:
        dump(heard)
    elif not heard.cut_off:
        typer.echo(_plain(heard.text))
    if heard.cut_off:
        raise CutOffError(server, heard.cut_off)


def _tools(settings: Settings) -> Tools:
    found = bootstrap.mcp_tools(settings)
    if found is None:
        raise SettingsError(
            "mcp.servers", "no server is declared; `aiops mcp list --ready` shows what can be taken as it is"
        )
    return found


def _looked_at(tools: Tools) -> dict[str, list[Offered] | str]:
    """Per server what it offers, or why it cannot be asked."""
    found: dict[str, list[Offered] | str] = {}
    with tools.visit() as visit:
        for name in visit.servers():
            try:
                found[name] = list(visit.offered(name))
            except AiopsError as error:
                found[name] = str(error)
    return found


def _rows(name: str, found: list[Offered] | str) -> list[tuple[Any, ...]]:
    if isinstance(found, str):
        return [(name, "", "", "unreachable", found)]
    return [(name, one.tool.name, one.label, one.standing, _line(one)[:80]) for one in found]


def _powers(settings: Settings, name: str) -> list[str]:
    if settings.mcp.declared(name).privilege is None:
        return []
    try:
        return [f"its token can do more than read: {power}" for power in bootstrap.mcp_powers(settings, name)]
    except AiopsError as error:
        return [str(error)]


def _proven(settings: Settings, name: str) -> str:
    """What is known of the token, once nothing is wrong; a proof that nobody can give is not claimed."""
    if settings.mcp.declared(name).privilege is None:
        return "what its token may is not proven: no `privilege` is declared. Give it one that can only read"
    return "its token can only read: Proxmox was asked"


def _line(one: Offered) -> str:
    """What the tool says of itself, on one line."""
    return _plain(" ".join(one.tool.description.split()))


def _plain(text: str) -> str:
    """Without what a terminal would obey."""
    return "".join(letter if letter.isprintable() or letter == "\n" else "?" for letter in text)
