"""MCP, both ways."""

from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

from aiops.errors import SettingsError
from aiops.ports.offers import Service
from aiops.settings import Settings, secret


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
    token = secret(its.token_file)
    if len(token) < 24:  # noqa: PLR2004 - 24 letters of base64 are 144 bits
        raise SettingsError("mcp.serve.token_file", "the token is too short: `openssl rand -base64 33` makes one")
    return HttpDoor(_version(), its.per_minute, its.address, its.port, token, its.names)


def _version() -> str:
    try:
        return version("aiops")
    except PackageNotFoundError:
        # Run from a checkout that nobody installed.
        return "0"


def _sdk() -> None:
    if find_spec("mcp") is None:
        raise SettingsError("mcp", "the MCP SDK is not installed: pip install 'aiops[mcp]'")
