"""Other systems that are asked about hosts: what one token that may only read can see there."""

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from aiops.settings.section import Section, git_address

_HOST = "host of the inventory on which to tell what is about none of its hosts; empty: the one at that address"


class Web(Section):
    """How pages are asked for."""

    ca_file: Path | None = Field(
        default=None, description="CA certificate of a private authority (step-ca), believed besides the system's"
    )


class Proxmox(Section):
    """Proxmox VE; without ``nodes`` nothing is asked."""

    nodes: tuple[str, ...] = Field(default=(), description="nodes to ask, host or host:port; one per cluster is enough")
    token: str = Field(default="", description="API token that may only read (PVEAuditor on /): user@realm!name")
    token_file: Path | None = Field(default=None, description="file that holds the token's secret")
    ca_file: Path | None = Field(default=None, description="CA certificate of the nodes; empty: the system's")
    host: str = Field(default="", description=_HOST)


class Pbs(Section):
    """Proxmox Backup Server; without ``url`` nothing is asked."""

    url: str = Field(default="", description="its address, https://pbs:8007; empty: nothing is asked")
    token: str = Field(default="", description="API token that may only read (role Audit on /): user@realm!name")
    token_file: Path | None = Field(default=None, description="file that holds the token's secret")
    ca_file: Path | None = Field(default=None, description="CA certificate; empty: the system's")
    host: str = Field(default="", description=_HOST)


class NetBox(Section):
    """What NetBox documents, compared with the inventory; without ``url`` nothing is asked."""

    url: str = Field(default="", description="its address, https://netbox; empty: nothing is asked")
    token_file: Path | None = Field(default=None, description="file that holds an API token that may only read")
    ca_file: Path | None = Field(default=None, description="CA certificate; empty: the system's")
    roles: tuple[str, ...] = Field(
        default=(), description="slugs of the device roles that are machines of the inventory; empty: every role"
    )


class Loki(Section):
    """Where logs are kept; without ``url`` nothing is asked."""

    url: str = Field(default="", description="its address, http://loki:3100; empty: nothing is asked")
    tenant: str = Field(default="", description="X-Scope-OrgID, where it has tenants")
    token_file: Path | None = Field(default=None, description="file that holds a bearer token; empty: none is needed")
    ca_file: Path | None = Field(default=None, description="CA certificate; empty: the system's")
    host: str = Field(default="", description=_HOST)
    host_label: str = Field(default="host", pattern=r"^[A-Za-z_]\w*$", description="label that names the host")
    unit_label: str = Field(default="unit", pattern=r"^[A-Za-z_]\w*$", description="label that names unit or program")
    selector: str = Field(default="", description='streams that count, as LogQL without braces: job="journal"')
    errors: str = Field(
        default='| detected_level=~"error|critical|fatal"',
        description="LogQL that leaves only the lines that are errors",
    )
    own: bool = Field(
        default=False, description="our own lines are expected there (see `[ship]`): their absence is a finding"
    )
    retention_days: float = Field(default=30, gt=0, le=3650, description="how long lines should be kept, in days")


class MetricsQuery(Section):
    """One query; ``[[metrics.queries]]``."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_-]*$", description="its name, the subject of what it finds")
    query: str = Field(min_length=1, description="PromQL or MetricsQL that gives one value per series")
    limit: float = Field(description="values beyond it are findings")
    beyond: Literal["above", "below"] = Field(default="above", description="on which side of the limit it is bad")
    severity: Literal["info", "warning", "critical"] = Field(default="warning", description="of what it finds")
    host_label: str = Field(default="instance", description="label that names the host, with or without a port")
    summary: str = Field(default="", description="what it means, in a few words")
    may_be_empty: bool = Field(default=False, description="no series is well, not blind")


class Metrics(Section):
    """Prometheus or VictoriaMetrics; without ``url`` nothing is asked."""

    url: str = Field(default="", description="its address, http://prometheus:9090; empty: nothing is asked")
    token_file: Path | None = Field(default=None, description="file that holds a bearer token; empty: none is needed")
    ca_file: Path | None = Field(default=None, description="CA certificate; empty: the system's")
    host: str = Field(default="", description=_HOST)
    queries: tuple[MetricsQuery, ...] = Field(default=(), description="`[[metrics.queries]]`, see docs/sources.md")

    @model_validator(mode="after")
    def _whole(self) -> Self:
        names = [query.name for query in self.queries]
        if len(set(names)) != len(names):
            raise ValueError("two of [[metrics.queries]] have the same name")
        return self


class Application(Section):
    """One application; ``[[releases.applications]]``. What runs is told by ``package`` or by ``version_url``."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_-]*$", description="its name")
    host: str = Field(min_length=1, description="host of the inventory it runs on")
    feed: str = Field(
        pattern=r"^https?://\S+$",
        description="its maker's releases: .../repos/OWNER/NAME of an API of GitHub or Forgejo, or an Atom feed",
    )
    form: Literal["github", "forgejo", "atom"] = Field(default="github", description="what answers there")
    token_file: Path | None = Field(default=None, description="file that holds a token; empty: none is needed")
    prereleases: bool = Field(default=False, description="whether release candidates and the like count")
    package: str = Field(default="", description="the Debian package that brings it")
    version_url: str = Field(
        default="", pattern=r"^(https?://\S+)?$", description="where it says itself as JSON which version runs"
    )
    version_key: str = Field(default="version", description="the key there; dots lead into objects")

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if bool(self.package) == bool(self.version_url):
            raise ValueError(f"application {self.name}: name either package or version_url")
        return self


class Releases(Section):
    """The makers of applications; without ``applications`` nobody is asked."""

    host: str = Field(default="", description=_HOST)
    ca_file: Path | None = Field(default=None, description="CA certificate of a private authority; empty: the system's")
    applications: tuple[Application, ...] = Field(
        default=(), description="`[[releases.applications]]`, see docs/sources.md"
    )

    @model_validator(mode="after")
    def _whole(self) -> Self:
        names = [(one.name, one.host) for one in self.applications]
        if len(set(names)) != len(names):
            raise ValueError("two of [[releases.applications]] have the same name on the same host")
        return self


class Mirror(Section):
    """One repository and its copy; ``[[mirrors.repositories]]``."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]*$", description="its name")
    source: str = Field(min_length=1, description="git address of the original")
    mirror: str = Field(min_length=1, description="git address of the copy")
    host: str = Field(min_length=1, description="host of the inventory that keeps the copy up to date")
    refs: tuple[str, ...] = Field(
        default=("refs/heads/*", "refs/tags/*"), min_length=1, description="shell patterns of the refs that are copied"
    )

    @field_validator("source", "mirror")
    @classmethod
    def _an_address(cls, address: str) -> str:
        return git_address(address)


class Mirrors(Section):
    """Copies of git repositories; without ``repositories`` nobody is asked."""

    host: str = Field(default="", description=_HOST)
    key_file: Path | None = Field(default=None, description="private SSH key that may read both sides; empty: no key")
    known_hosts: Path = Field(
        default=Path("/etc/aiops/known_hosts"), description="keys of the git servers, in OpenSSH's form"
    )
    seconds: float = Field(default=20, gt=0, le=120, description="hard limit for one question to a git server")
    repositories: tuple[Mirror, ...] = Field(default=(), description="`[[mirrors.repositories]]`, see docs/sources.md")

    @model_validator(mode="after")
    def _whole(self) -> Self:
        names = [one.name for one in self.repositories]
        if len(set(names)) != len(names):
            raise ValueError("two of [[mirrors.repositories]] have the same name")
        return self
