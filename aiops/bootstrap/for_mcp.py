"""MCP, both ways."""

from functools import partial
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

from aiops.bootstrap.for_remediation import executions
from aiops.errors import SettingsError
from aiops.ports import AuditLog
from aiops.ports.offers import Service
from aiops.ports.tools import Tools
from aiops.settings import McpServer, Settings, secret, secrets


def mcp_service(settings: Settings, *, http: bool) -> Service:
    """The door by which agents of others come in.

    :raises SettingsError: the SDK is not installed, or HTTP has no token
    """
    _sdk()
    from aiops.adapters.mcp_doors import HttpDoor, StdioDoor  # noqa: PLC0415

    its = settings.mcp.serve
    if not http:
        return StdioDoor(_version(), its.per_minute)
    if its.token_file is None:
        raise SettingsError("mcp.serve.token_file", "over HTTP a token is needed: name the file that holds one")
    tokens = secrets(its.token_file)
    if min(map(len, tokens)) < 24:  # noqa: PLR2004 - 24 letters of base64 are 144 bits
        raise SettingsError("mcp.serve.token_file", "the token is too short: `openssl rand -base64 33` makes one")
    return HttpDoor(_version(), its.per_minute, its.address, its.port, tokens, its.names)


def mcp_tools(settings: Settings) -> Tools | None:
    """The way to servers of others; None when none is declared.

    :raises SettingsError: the SDK is not installed
    """
    if not settings.mcp.servers:
        return None
    _sdk()
    from aiops.adapters.mcp_tools import Ask, McpTools, Server  # noqa: PLC0415
    from aiops.adapters.mcp_trust import TrustFile  # noqa: PLC0415
    from aiops.adapters.mcp_visitor import Assignment  # noqa: PLC0415
    from aiops.adapters.session_walls import walls  # noqa: PLC0415

    def assignment(its: McpServer) -> Assignment:
        given = {name: secret(path) for name, path in its.secrets.items()}
        return Assignment(
            command=its.command,
            environment={**its.environment, **given},
            url=its.url,
            token=secret(its.token_file) if its.token_file else "",
            ca=str(its.ca_file or ""),
            bytes=its.bytes,
        )

    def server(name: str) -> Server:
        its = settings.mcp.declared(name)
        ca = (its.ca_file,) if its.ca_file else ()
        return Server(
            name=name,
            assignment=partial(assignment, its),
            declaration=its.model_dump(mode="json", include={"command", "url", "environment", "secrets", "paths"}),
            paths=(*its.paths, *ca),
            read=frozenset(its.read),
            gather=tuple(Ask(one.tool, one.arguments, one.kinds) for one in its.gather),
            seconds=its.seconds,
            calls=its.calls,
        )

    return McpTools(
        [server(name) for name in settings.mcp.servers],
        TrustFile(settings.state / "mcp" / "trust.json"),
        partial(walls, settings.mcp.user),
        settings.state / "mcp" / "run",
        allow=frozenset(settings.mcp.allow),
        gather_seconds=settings.mcp.gather_seconds,
    )


def mcp_log(settings: Settings) -> AuditLog:
    """Where it is written down which server a human trusts: the ledger of this container, CT196's where there is no other."""
    if (settings.state / "executions.sqlite").exists() and not (settings.state / "incidents.sqlite").exists():
        return executions(settings)
    from aiops.adapters.incident_ledger import SqliteIncidentLedger  # noqa: PLC0415

    return SqliteIncidentLedger(settings.state / "incidents.sqlite")


def mcp_powers(settings: Settings, name: str) -> list[str]:
    """What the token of a Proxmox server may beyond reading, as ``path: privilege``; empty when it can only look.

    :raises SettingsError: it is not declared how to ask, or the token is refused
    :raises BusError: Proxmox does not answer
    """
    from aiops.adapters.proxmox_api import ProxmoxApi  # noqa: PLC0415
    from aiops.adapters.proxmox_powers import beyond_reading  # noqa: PLC0415

    its = settings.mcp.declared(name).privilege
    if its is None:
        raise SettingsError(f"mcp.servers.{name}.privilege", "it is not declared, so nothing proves what its token may")
    return beyond_reading(ProxmoxApi(its.node, its.token, partial(secret, its.secret_file), its.ca_file))


def _version() -> str:
    try:
        return version("aiops")
    except PackageNotFoundError:
        # Run from a checkout that nobody installed.
        return "0"


def _sdk() -> None:
    if find_spec("mcp") is None:
        raise SettingsError("mcp", "the MCP SDK is not installed: pip install 'aiops[mcp]'")
