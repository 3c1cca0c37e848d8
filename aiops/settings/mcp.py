"""MCP, both ways: what we offer to agents of others, and which servers of others we ask."""

import ipaddress
import tomllib
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Final, Self

from pydantic import Field, model_validator

from aiops.settings.section import Section


class McpServe(Section):
    """How `aiops mcp serve` is reached. See [MCP](mcp.md)."""

    address: str = Field(default="127.0.0.1", description="where HTTP listens; beyond loopback put TLS in front of it")
    port: int = Field(default=8765, ge=1, le=65535, description="port of HTTP")
    token_file: Path | None = Field(
        default=None, description="file that holds the token that HTTP clients must show; without it HTTP is not served"
    )
    names: tuple[str, ...] = Field(
        default=(), description="names besides loopback under which HTTP may be asked (`Host`, `Origin`)"
    )
    per_minute: int = Field(default=120, ge=1, le=10_000, description="calls in any minute, all clients together")

    @model_validator(mode="after")
    def _whole(self) -> Self:
        try:
            ipaddress.ip_address(self.address)
        except ValueError:
            raise ValueError("address is an IP address") from None
        return self


class McpGather(Section):
    """One question that triage asks a server before it asks the model: `[[mcp.servers.NAME.gather]]`."""

    tool: str = Field(description="one of the server's read tools")
    arguments: dict[str, str | int | bool] = Field(
        default_factory=dict, description="its arguments; `{host}`, `{kind}` and `{subject}` are those of the incident"
    )
    kinds: tuple[str, ...] = Field(default=(), description="only for findings whose kind begins so; empty: all")


class McpPrivilege(Section):
    """How `aiops mcp check` proves that a token of Proxmox can only read: it asks Proxmox what the token may."""

    node: str = Field(description="the node's address, host or host:port")
    token: str = Field(description="the token's name, user@realm!name")
    secret_file: Path = Field(description="file that holds its secret, the one that the server is given")
    ca_file: Path | None = Field(default=None, description="CA certificate, where it is a private one")


class McpServer(Section):
    """One server of others: `[mcp.servers.NAME]`. ``like`` takes everything from a ready-made declaration that is not given."""

    like: str = Field(default="", description="a ready-made declaration: `aiops mcp list --ready` names them")
    command: tuple[str, ...] = Field(default=(), description="stdio: the program with its arguments, by full path")
    url: str = Field(default="", description="HTTP: its address")
    token_file: Path | None = Field(default=None, description="HTTP: file that holds the bearer token")
    ca_file: Path | None = Field(default=None, description="HTTP: CA certificate, where it is a private one")
    environment: dict[str, str] = Field(default_factory=dict, description="stdio: variables; it sees no others")
    secrets: dict[str, Path] = Field(
        default_factory=dict, description="stdio: variables whose value stands in a file: NAME = file"
    )
    paths: tuple[Path, ...] = Field(default=(), description="stdio: what it must be able to read besides /usr")
    read: tuple[str, ...] = Field(default=(), description="tools that only read; what is not listed acts")
    act: tuple[str, ...] = Field(default=(), description="tools that act: refused unless `mcp.allow` names them")
    gather: tuple[McpGather, ...] = Field(default=(), description="what triage asks it")
    seconds: float = Field(default=10, gt=0, le=300, description="hard limit for one call, and for its start")
    bytes: int = Field(default=1_000_000, ge=1000, le=50_000_000, description="most that it may say in one call")
    calls: int = Field(default=20, ge=1, le=1000, description="calls for one incident")
    privilege: McpPrivilege | None = Field(
        default=None, description="Proxmox: what its token may is asked and reported"
    )

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.command and self.url:
            raise ValueError("name a command or a url, not both")
        if not (self.command or self.url or self.like):
            raise ValueError("name a command, a url, or a ready-made declaration in like")
        if self.command and not self.command[0].startswith("/"):
            raise ValueError("name the program by its full path")
        both = sorted(set(self.read) & set(self.act))
        if both:
            raise ValueError(f"labelled read and act: {', '.join(both)}")
        return self


READY: Final = "ready"
"""The folder of ready-made declarations: one file each, in the form of a table of `mcp.servers`."""


def ready() -> Mapping[str, McpServer]:
    """The declarations that are shipped. Whoever uses one names its tokens and may change anything in it."""
    folder = resources.files("aiops.settings") / READY
    return {
        entry.name.removesuffix(".toml"): McpServer.model_validate(tomllib.loads(entry.read_text(encoding="utf-8")))
        for entry in sorted(folder.iterdir(), key=lambda one: one.name)
        if entry.name.endswith(".toml")
    }


class Mcp(Section):
    """MCP servers of others, and ours."""

    serve: McpServe = McpServe()
    servers: dict[str, McpServer] = Field(default_factory=dict, description="servers of others: see [MCP](mcp.md)")
    allow: tuple[str, ...] = Field(
        default=(), description="tools that act and that a human may use by `aiops mcp call`: `server.tool`"
    )
    gather_seconds: float = Field(
        default=20, gt=0, le=120, description="hard limit for everything that triage gathers for one question"
    )
    user: str = Field(default="aiops-mcp", description="unix user of stdio servers, used where we are root")

    def declared(self, name: str) -> McpServer:
        """The declaration, with what it takes from a ready-made one.

        :raises KeyError: there is no such server
        """
        given = self.servers[name]
        base = ready().get(given.like)
        if base is None:
            return given
        own = {field: getattr(given, field) for field in given.model_fields_set}
        if given.url or given.command:
            own = {"url": "", "command": (), **own}
        return base.model_copy(update=own)

    @model_validator(mode="after")
    def _known(self) -> Self:
        known = ready()
        strange = sorted({one.like for one in self.servers.values() if one.like} - set(known))
        if strange:
            raise ValueError(f"no ready-made declaration {', '.join(strange)}; there are {', '.join(known)}")
        wrong = sorted(name for name in self.servers if not name.isidentifier())
        if wrong:
            raise ValueError(f"a server's name has letters, digits and _ alone: {', '.join(wrong)}")
        return self
