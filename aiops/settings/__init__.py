"""Typed settings: a TOML file, then the environment on top, secrets as files.

The file is ``$AIOPS_CONFIG``, else ``/etc/aiops/aiops.toml``, else what ``aiops run`` wrote into the user's state folder.
``AIOPS_REDIS__URL`` sets ``[redis] url``. A key that nobody knows is refused. Secrets are never values: a setting names the
file that holds one, looked up in ``$CREDENTIALS_DIRECTORY`` (systemd's LoadCredential) when the path is relative.
"""

import os
import tomllib
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from aiops.domain.backup import Scope
from aiops.domain.notice import Voice
from aiops.domain.policy import Floor
from aiops.domain.quiet import Quiet
from aiops.domain.shadow import Shadow
from aiops.domain.silence import Benign
from aiops.domain.watch import Watched
from aiops.errors import SettingsError
from aiops.settings.mcp import Mcp, McpGather, McpPrivilege, McpServe, McpServer, ready
from aiops.settings.night import Brief, Docs, Feeds, Forgejo, Ingest, IngestSource, Site, Usage
from aiops.settings.outside import Fleet, Mqtt, Redis, Ssh
from aiops.settings.power import Keys, PolicySettings, Records, Repair, Semaphore, Session
from aiops.settings.section import Section, credential, default_state, secret, secrets
from aiops.settings.shadow import in_shadow
from aiops.settings.sources import (
    Application,
    Loki,
    Metrics,
    MetricsQuery,
    Mirror,
    Mirrors,
    NetBox,
    Pbs,
    Proxmox,
    Releases,
    Web,
)
from aiops.settings.thinking import USUAL_MODELS, Correlation, Known, Llm, LlmProvider
from aiops.settings.voice import Ntfy, Telegram
from aiops.settings.watching import Exporter, HermesHealth, Log, Ship

__all__ = [
    "USUAL_MODELS",
    "Application",
    "Brief",
    "Correlation",
    "Docs",
    "Exporter",
    "Feeds",
    "Fleet",
    "Forgejo",
    "HermesHealth",
    "Ingest",
    "IngestSource",
    "Keys",
    "Known",
    "Llm",
    "LlmProvider",
    "Log",
    "Loki",
    "Mcp",
    "McpGather",
    "McpPrivilege",
    "McpServe",
    "McpServer",
    "Metrics",
    "MetricsQuery",
    "Mirror",
    "Mirrors",
    "Mqtt",
    "NetBox",
    "Ntfy",
    "Pbs",
    "PolicySettings",
    "Proxmox",
    "Records",
    "Redis",
    "Releases",
    "Repair",
    "Section",
    "Semaphore",
    "Session",
    "Settings",
    "Ship",
    "Site",
    "Ssh",
    "Telegram",
    "Usage",
    "Web",
    "config_file",
    "credential",
    "default_state",
    "load_settings",
    "ready",
    "secret",
    "secrets",
    "written_settings",
]


_DEFAULT_FILE = Path("/etc/aiops/aiops.toml")
_OTHER_VARIABLES = frozenset(
    {"AIOPS_CONFIG", "AIOPS_REFERENCE", "AIOPS_REDIS_SERVER", "AIOPS_LAB_CACHE", "AIOPS_PORT_BASE"}
)
"""Variables with our prefix that are no settings."""


class Settings(BaseSettings):
    """Everything that can be set. ``aiops settings`` prints it with what is secret left out."""

    model_config = SettingsConfigDict(
        env_prefix="AIOPS_", env_nested_delimiter="__", extra="forbid", frozen=True, case_sensitive=False
    )

    state: Path = Field(default_factory=default_state, description="folder for ledgers and cursors")
    timezone: str = Field(default="Europe/Paris", description="the zone of the crontab")
    shadow: Shadow = Field(
        default="off",
        description="beside an old system: `all` says and changes nothing anywhere; `untaken` the same, but for the guardians"
        " that `aiops migrate take` took over",
    )
    redis: Redis = Redis()
    mqtt: Mqtt = Mqtt()
    fleet: Fleet = Fleet()
    ssh: Ssh = Ssh()
    repair: Repair = Repair()
    semaphore: Semaphore = Semaphore()
    session: Session = Session()
    keys: Keys = Keys()
    policy: PolicySettings = PolicySettings()
    floor: Floor = Floor()
    llm: Llm = Llm()
    known: Known = Known()
    mcp: Mcp = Mcp()
    correlation: Correlation = Correlation()
    quiet: Quiet = Quiet()
    benign: tuple[Benign, ...] = Field(default=(), description="findings known to be harmless, each with its reason")
    backup: Scope = Scope()
    records: Records = Records()
    voice: Voice = Voice()
    telegram: Telegram = Telegram()
    ntfy: Ntfy = Ntfy()
    web: Web = Web()
    proxmox: Proxmox = Proxmox()
    pbs: Pbs = Pbs()
    netbox: NetBox = NetBox()
    loki: Loki = Loki()
    metrics: Metrics = Metrics()
    releases: Releases = Releases()
    mirrors: Mirrors = Mirrors()
    site: Site = Site()
    usage: Usage = Usage()
    feeds: Feeds = Feeds()
    forgejo: Forgejo = Forgejo()
    docs: Docs = Docs()
    ingest: Ingest = Ingest()
    brief: Brief = Brief()
    ship: Ship = Ship()
    watch: Watched = Watched()
    hermes_health: HermesHealth = HermesHealth()
    detectors: dict[str, dict[str, Any]] = Field(default_factory=dict, description="thresholds per detector")
    playbooks: dict[str, dict[str, Any]] = Field(
        default_factory=dict,
        description="parameters that are configuration: `[playbooks.redeploy_promtail]`, then `.roles.ROLE`, then `.hosts.HOST`",
    )
    exporter: Exporter = Exporter()
    log: Log = Log()

    @property
    def sources(self) -> frozenset[str]:
        """The other systems that are asked: names as in ``aiops.probes.Ask``."""
        asked = {
            "proxmox": bool(self.proxmox.nodes),
            "pbs": bool(self.pbs.url),
            "loki": bool(self.loki.url),
            "metrics": bool(self.metrics.url and self.metrics.queries),
            "releases": bool(self.releases.applications),
            "mirrors": bool(self.mirrors.repositories),
        }
        return frozenset(name for name, wanted in asked.items() if wanted)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment over the file, and nothing else."""
        path = config_file()
        if path is None:
            return init_settings, env_settings
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, path)


def config_file() -> Path | None:
    """The settings file in force, if any.

    :raises SettingsError: ``AIOPS_CONFIG`` names a file that is not there
    """
    named = os.environ.get("AIOPS_CONFIG")
    if named:
        if not Path(named).is_file():
            raise SettingsError("AIOPS_CONFIG", f"there is no file {named}")
        return Path(named)
    places = (_DEFAULT_FILE, default_state() / "aiops.toml")
    return next((place for place in places if place.is_file()), None)


def load_settings() -> Settings:
    """Read and check everything; a shadow gets what is left of it.

    :raises SettingsError: with one line per wrong or unknown key
    """
    settings = written_settings()
    return settings.model_copy(update=in_shadow(settings))


def written_settings() -> Settings:
    """The same as it is written, shadow or not: only for looking at what the old system does.

    :raises SettingsError: with one line per wrong or unknown key
    """
    fields = {f"AIOPS_{name.upper()}" for name in Settings.model_fields}
    strange = sorted(
        name
        for name in os.environ
        if name.startswith("AIOPS_") and name.partition("__")[0] not in fields and name not in _OTHER_VARIABLES
    )
    if strange:
        raise SettingsError("environment", f"unknown: {', '.join(strange)}; `aiops settings` lists what can be set")
    try:
        return Settings()
    except ValidationError as error:
        lines = (f"{'.'.join(str(part) for part in line['loc'])}: {line['msg']}" for line in error.errors())
        raise SettingsError(str(config_file() or "settings"), "; ".join(lines)) from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(str(config_file()), f"not TOML: {error}") from None
