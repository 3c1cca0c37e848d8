"""The night work, and what comes in from outside. What is not set up does nothing."""

import re
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from aiops.settings.section import Section

_REPOSITORY = r"[A-Za-z0-9][A-Za-z0-9._-]*/[A-Za-z0-9._-]+"
_SLUG = r"^[A-Za-z0-9][A-Za-z0-9._/-]*$"


class Site(Section):
    """The figures of the public site, two values of Cloudflare's KV; without ``namespace`` nothing is pushed."""

    account: str = Field(default="", pattern=r"^[0-9a-fA-F]*$", description="Cloudflare's account id")
    namespace: str = Field(
        default="", pattern=r"^[0-9a-fA-F]*$", description="id of the KV namespace; empty: nothing is pushed"
    )
    token_file: Path | None = Field(default=None, description="file that holds an API token that may edit only that KV")
    api: str = Field(
        default="https://api.cloudflare.com/client/v4", pattern=r"^https?://", description="Cloudflare's API"
    )
    core: tuple[str, ...] = Field(default=(), description="names of the services that count as core; empty: all")
    stale_hours: float = Field(
        default=24, gt=0, le=720, description="figures of the agent's use that are older are shown as stale"
    )

    @property
    def on(self) -> bool:
        """Whether it is set up."""
        return bool(self.account and self.namespace and self.token_file)


class Forgejo(Section):
    """The Forgejo whose commits the public site counts; without ``url`` nothing is asked."""

    url: str = Field(
        default="",
        pattern=r"^(https?://\S+)?$",
        description="its address, https://git.example.org; empty: nothing is asked",
    )
    token_file: Path | None = Field(
        default=None,
        description="file that holds a token with the scopes read:repository and read:user; empty: what is public",
    )
    ca_file: Path | None = Field(default=None, description="CA certificate; empty: the system's")
    repositories: tuple[str, ...] = Field(
        default=(),
        description="`owner/name`, which are counted; empty: every one of the token's user, without mirrors and forks",
    )

    @model_validator(mode="after")
    def _whole(self) -> Self:
        wrong = [name for name in self.repositories if not re.fullmatch(_REPOSITORY, name)]
        if wrong:
            raise ValueError(f"a repository is named owner/name: {', '.join(wrong)}")
        if self.url and not self.repositories and self.token_file is None:
            raise ValueError("name repositories, or a token whose repositories are counted")
        return self


class Usage(Section):
    """For `aiops usage push` and `aiops report`, on the workstation where the agent's own database lies."""

    database: Path = Field(default=Path("~/.claude/usage.db"), description="the agent's usage database; only read")
    homelab: tuple[str, ...] = Field(
        default=(),
        description="projects that are the homelab, as shell patterns: the report's focus is their share of hours",
    )
    url: str = Field(
        default="", pattern=r"^(https?://\S+)?$", description="where sums are sent: http://ct190:8787/hook/NAME"
    )
    key_file: Path | None = Field(default=None, description="file that holds the key of that source of `[ingest]`")


class Feeds(Section):
    """The feeds of the digest; without ``urls`` none are read."""

    urls: tuple[str, ...] = Field(default=(), description="RSS or Atom feeds, http or https")
    seconds: float = Field(default=15, gt=0, le=120, description="hard limit for one feed with all its redirects")
    bytes: int = Field(default=2_000_000, ge=1000, le=20_000_000, description="most that is read of one feed")
    redirects: int = Field(default=3, ge=0, le=10, description="redirects that are followed, each one checked")
    items: int = Field(
        default=40, ge=1, le=200, description="most items of one digest; what is left comes the next time"
    )
    keep_days: int = Field(default=120, ge=7, le=730, description="how long an item is remembered as told")
    private: tuple[str, ...] = Field(
        default=(),
        description="networks of your own (CIDR) from which a feed may come; every other private one is refused",
    )


class Docs(Section):
    """doc-sync: what is compared with Proxmox, NetBox and the inventory; a part that is not named is left out."""

    wiki_remote: str = Field(default="", description="git address of the wiki's Markdown; empty: no wiki is compared")
    wiki_branch: str = Field(default="main", pattern=_SLUG, description="its branch, which is read and never pushed to")
    journal_remote: str = Field(default="", description="git address of the ops journal; empty: not compared")
    journal_branch: str = Field(default="main", pattern=_SLUG, description="its branch, and that of the repositories")
    repositories: tuple[str, ...] = Field(
        default=(), description="git addresses whose commits the journal should name by hash"
    )
    days: int = Field(default=7, ge=1, le=90, description="how far back commits are compared with the journal")
    key_file: Path | None = Field(default=None, description="SSH key that may read them and push branches to the wiki")
    known_hosts: Path | None = Field(default=None, description="the git hosts' keys; no other host is trusted")
    author: str = Field(default="aiops doc-sync <aiops@localhost>", description="who proposes: Name <mail>")
    seconds: float = Field(default=60, gt=0, le=600, description="hard limit for one exchange with a remote")

    @property
    def on(self) -> bool:
        """Whether there is anything in git to compare."""
        return bool(self.wiki_remote or (self.journal_remote and self.repositories))


class IngestSource(Section):
    """One who may tell us something. Alertmanager proves itself by a token; Grafana, generic senders and `usage` sign."""

    form: Literal["alertmanager", "grafana", "generic", "usage"]
    key_file: Path

    @field_validator("key_file")
    @classmethod
    def _somewhere(cls, path: Path) -> Path:
        if not path.name:
            raise ValueError("name the file that holds its token or key")
        return path


class Ingest(Section):
    """Alerts of others as findings, over HTTP; without ``port`` nothing listens."""

    listen: str = Field(default="127.0.0.1", description="address to listen on")
    port: int = Field(default=0, ge=0, le=65535, description="port to listen on; 0: nothing listens")
    sources: dict[str, IngestSource] = Field(
        default_factory=dict,
        description="`[ingest.sources.NAME]` with `form` (alertmanager, grafana, generic, usage) and `key_file`",
    )
    hosts: dict[str, str] = Field(
        default_factory=dict, description="names that senders use for a host, each with its name in the inventory"
    )
    unknown_host: str = Field(
        default="", description="host of the inventory that takes what names no known one; empty: that is refused"
    )
    bytes: int = Field(default=256_000, ge=1000, le=4_000_000, description="most that is read of one request")
    seconds: float = Field(default=10, gt=0, le=60, description="hard limit for one request")
    skew_seconds: float = Field(default=300, gt=0, le=3600, description="how old a signed request may be")

    @model_validator(mode="after")
    def _somebody(self) -> Self:
        if self.port and not self.sources:
            raise ValueError("name at least one source, or no port")
        return self


class Brief(Section):
    """Questions of other agents over MQTT, answered from the record; off unless said."""

    on: bool = Field(default=False, description="answer on PREFIX/agents/reply what is asked on PREFIX/agents/brief")
    per_minute: int = Field(default=30, ge=1, le=600, description="questions that are answered in any minute")
    bytes: int = Field(default=4096, ge=100, le=65536, description="most of one question")
