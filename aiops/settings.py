"""Typed settings: a TOML file, then the environment on top, secrets as files.

The file is ``$AIOPS_CONFIG``, else ``/etc/aiops/aiops.toml``, else what ``aiops run`` wrote into the user's state folder.
``AIOPS_REDIS__URL`` sets ``[redis] url``. A key that nobody knows is refused. Secrets are never values: a setting names the
file that holds one, looked up in ``$CREDENTIALS_DIRECTORY`` (systemd's LoadCredential) when the path is relative.
"""

import os
import tomllib
from pathlib import Path
from typing import Any, Final, Literal, Self
from urllib.parse import quote, urlsplit, urlunsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from aiops.domain.policy import Floor, Policy
from aiops.domain.quiet import Quiet
from aiops.domain.remediation import Risk
from aiops.domain.silence import Benign
from aiops.domain.verdict import Budget
from aiops.domain.watch import Watched
from aiops.errors import SettingsError

_DEFAULT_FILE = Path("/etc/aiops/aiops.toml")
_OTHER_VARIABLES = frozenset(
    {"AIOPS_CONFIG", "AIOPS_REFERENCE", "AIOPS_REDIS_SERVER", "AIOPS_LAB_CACHE", "AIOPS_PORT_BASE"}
)
"""Variables with our prefix that are no settings."""


class Section(BaseModel):
    """A table of the file; an unknown key in it is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Redis(Section):
    """The broker and the event stream. Without ``url``, ``aiops run`` starts an embedded server."""

    url: str = Field(default="redis://127.0.0.1:6379/0", description="Redis or Valkey; rediss:// for TLS")
    username: str = Field(default="", description="account of the ACL; empty: the default one")
    password_file: Path | None = Field(default=None, description="file that holds its password")

    @field_validator("url")
    @classmethod
    def _no_password(cls, url: str) -> str:
        if urlsplit(url).password:
            msg = "put the password into a file and name it in password_file"
            raise ValueError(msg)
        return url

    def full_url(self) -> str:
        """The URL with user and password; only ever handed to a client, never printed.

        :raises SettingsError: the password file cannot be read
        """
        if self.password_file is None:
            return self.url
        parts = urlsplit(self.url)
        place = f"{parts.hostname}:{parts.port or 6379}"
        return urlunsplit(
            parts._replace(netloc=f"{quote(self.username)}:{quote(secret(self.password_file), safe='')}@{place}")
        )


class Mqtt(Section):
    """The broker that mirrors; without ``host`` nothing is mirrored."""

    host: str = Field(default="", description="the broker; empty: nothing is mirrored")
    port: int = Field(default=1883, ge=1, le=65535, description="8883 is usual with TLS")
    username: str = Field(default="", description="account; empty: none")
    password_file: Path | None = Field(default=None, description="file that holds its password")
    ca_file: Path | None = Field(default=None, description="CA certificate; turns TLS on")
    prefix: str = Field(
        default="pixelium", pattern=r"^[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*$", description="first level of every topic"
    )


class Fleet(Section):
    """The hosts: an Ansible inventory, or only this machine when none is named."""

    inventory: Path | None = Field(
        default=None, description="an Ansible inventory as it is: YAML, INI, a folder; empty: this machine alone"
    )
    homelable: Path | None = Field(
        default=None, description="Homelable's export: which guest runs on which node; empty: none"
    )


class Ssh(Section):
    """How hosts are reached. Keys that are not in ``known_hosts`` are refused."""

    user: str = Field(default="aiops-probe", description="unprivileged account on every host; see `aiops sudoers`")
    key_file: Path = Field(default=Path("probe_key"), description="its private key")
    known_hosts: Path = Field(default=Path("/etc/aiops/known_hosts"), description="the hosts' keys, in OpenSSH's form")
    connect_seconds: float = Field(default=10, gt=0, le=120, description="until a connection must stand")
    host_seconds: float = Field(default=60, gt=0, le=600, description="hard limit for all probes of one host")
    threads: int = Field(default=20, ge=1, le=200, description="hosts looked at together")
    shard_size: int = Field(default=20, ge=1, le=1000, description="hosts in one detection message")


class Repair(Section):
    """How CT196 reaches the hosts it repairs."""

    user: str = Field(default="aiops-repair", description="account with sudo on the hosts that may be repaired")
    key_file: Path = Field(default=Path("repair_key"), description="its private key")
    known_hosts: Path = Field(default=Path("/etc/aiops/known_hosts"), description="the hosts' keys, in OpenSSH's form")
    playbooks: Path | None = Field(default=None, description="folder of the catalogue; default: the one shipped")
    lease_seconds: float = Field(
        default=30, ge=5, le=600, description="without a heartbeat for so long, a run counts as lost"
    )
    concurrency: int = Field(default=4, ge=1, le=16, description="playbooks that may run side by side")


class Semaphore(Section):
    """Semaphore runs what is risky; without ``url`` every repair is run from CT196. See [Semaphore](semaphore.md)."""

    url: str = Field(default="", description="its address, https://...; empty: every repair is run from CT196")
    token_file: Path = Field(default=Path("semaphore_token"), description="file that holds the API token")
    ca_file: Path | None = Field(default=None, description="CA certificate, where it is a private one")
    project: int = Field(default=1, ge=1, description="number of the project")
    inventory: int = Field(default=0, ge=0, description="number of the inventory that the templates must use")
    folder: str = Field(
        default="ansible/playbooks", description="where the playbooks are in the repository that Semaphore checks out"
    )
    templates: dict[str, int] = Field(
        default_factory=dict, description="playbook = number of its template; what is not listed is refused"
    )
    from_risk: Risk = Field(default="medium", description="plans of this risk or higher go through Semaphore")
    seconds: float = Field(default=10, gt=0, le=25, description="hard limit for one answer; less than the lease")
    poll_seconds: float = Field(default=2, gt=0, le=10, description="between two looks at a task")

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.url and not self.inventory:
            raise ValueError("name the inventory that the templates must use, by its number")
        return self


class PolicySettings(Policy):
    """The policy, here or in a file of its own."""

    file: str = Field(
        default="", description="a policy file instead of what stands here: a path, or `homelab`, which is shipped"
    )

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if self.file and self.model_fields_set - {"file", "timezone", "mode"}:
            raise ValueError("with file, everything else of the policy but its mode stands in that file")
        return self


class Keys(Section):
    """Ed25519: the private key that signs plans and permits (CT190 only), the public ones trusted for it (CT196)."""

    signing: Path = Field(default=Path("plan_signing_key"), description="private key that signs plans and permits")
    trusted: Path = Field(
        default=Path("/etc/aiops/trusted_plan_keys"), description="public keys that are believed: files *.pem"
    )


class LlmProvider(Section):
    """One provider of the chain; ``[[llm.providers]]`` in the order in which they are asked."""

    name: str = Field(
        pattern=r"^[a-z][a-z0-9_-]*$", description="minimax, gemini, groq, openrouter, offline, or a name of your own"
    )
    model: str = Field(default="", description="as LiteLLM names it; empty: the usual one of a provider known by name")
    api_base: str = Field(default="", description="endpoint, where it is not the provider's own")
    key_file: Path | None = Field(default=None, description="file that holds its key; empty: it needs none")
    dollars_in: float | None = Field(
        default=None, ge=0, description="price of a million tokens sent, in dollars; empty: LiteLLM's price list"
    )
    dollars_out: float | None = Field(default=None, ge=0, description="price of a million tokens received, in dollars")
    seconds: float = Field(default=0, ge=0, le=300, description="hard limit for its answer; 0: `llm.seconds`")
    folder: Path | None = Field(default=None, description="offline only: where prompts are written and answers read")

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.dollars_in is None) != (self.dollars_out is None):
            raise ValueError("give both prices, dollars_in and dollars_out, or none")
        if (self.name == "offline") != (self.folder is not None):
            raise ValueError("the provider named offline, and no other, has a folder")
        if not self.model and self.name != "offline" and self.name not in USUAL_MODELS:
            raise ValueError(f"name its model; only {', '.join(USUAL_MODELS)} have a usual one")
        return self

    @property
    def litellm_model(self) -> str:
        """The model that is asked."""
        return self.model or USUAL_MODELS.get(self.name, "")


USUAL_MODELS: Final = {
    "minimax": "minimax/MiniMax-M2.5",
    "gemini": "gemini/gemini-2.5-flash",
    "groq": "groq/openai/gpt-oss-120b",
    "openrouter": "openrouter/openai/gpt-oss-120b",
}
"""What is asked of a provider that is only named."""


class Llm(Section):
    """The LLM; without ``providers`` triage stays without one and every unknown fault goes to a human."""

    providers: tuple[LlmProvider, ...] = Field(
        default=(), description="`[[llm.providers]]`, asked in this order: see [the LLM](llm.md)"
    )
    model: str = Field(default="", description="short for a single provider: its model, as LiteLLM names it")
    api_base: str = Field(default="", description="the single provider's endpoint, where it is not its own")
    key_file: Path | None = Field(default=None, description="file that holds the single provider's key")
    seconds: float = Field(default=8, gt=0, le=300, description="hard limit for the answer of one provider")
    deadline: float = Field(default=20, gt=0, le=600, description="seconds; hard limit for all providers together")
    budget_day: float = Field(default=1.0, ge=0, description="EUR that a day (UTC) may cost")
    budget_month: float = Field(default=11.0, ge=0, description="EUR that a month (UTC) may cost")
    unpriced_day: int = Field(
        default=20, ge=0, description="answers a day from models whose price nobody knows: they cannot be budgeted"
    )
    eur_per_dollar: float = Field(
        default=1.0, gt=0, description="what a dollar counts; 1 is on the careful side while the euro is worth more"
    )
    language: Literal["en", "fr"] = Field(default="en", description="of the reasons that humans read")

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.model and self.providers:
            raise ValueError("name the model in [[llm.providers]]; [llm] model is for a single provider")
        names = [provider.name for provider in self.providers]
        if len(set(names)) != len(names):
            raise ValueError("two of [[llm.providers]] have the same name")
        return self

    def chain(self) -> tuple[LlmProvider, ...]:
        """The providers in order; the single one when only ``model`` is set."""
        if not self.model:
            return self.providers
        return (LlmProvider(name="llm", model=self.model, api_base=self.api_base, key_file=self.key_file),)

    def budget(self) -> Budget:
        """What may be spent."""
        return Budget(day=self.budget_day, month=self.budget_month, unpriced=self.unpriced_day)


class Known(Section):
    """What is known and needs no judgement."""

    rules: Path | None = Field(default=None, description="folder of the rules; default: the ones shipped")
    lesson_days: int = Field(
        default=180,
        ge=1,
        description="days after which a learned skill is forgotten unless a verified repair confirms it",
    )


class Correlation(Section):
    """When findings make one incident."""

    group_hosts: int = Field(default=3, ge=2, description="hosts with one cause that make one incident")
    blind_after: int = Field(default=3, ge=1, description="sweeps without a look until that is an incident")
    baseline: bool | None = Field(
        default=None,
        description="what a host's first sweep finds is one digest instead of single messages; empty: yes with an inventory",
    )


class Proxmox(Section):
    """Where the guests are known; without ``nodes`` nothing is asked."""

    nodes: tuple[str, ...] = Field(default=(), description="nodes to ask, host or host:port; one per cluster is enough")
    token: str = Field(default="", description="API token that may only read (PVEAuditor on /): user@realm!name")
    token_file: Path | None = Field(default=None, description="file that holds the token's secret")
    ca_file: Path | None = Field(default=None, description="CA certificate of the nodes; empty: the system's")


class HermesHealth(Section):
    """The program that watches hermes from outside; it reads this table by itself, see docs/watchers.md."""

    silent_minutes: float = Field(
        default=30, gt=0, le=1440, description="hermes silent for longer is told to the human"
    )
    record: Path = Field(
        default=Path("/var/lib/hermes-health/state.json"), description="file in which it remembers what it told"
    )
    telegram_api: str = Field(default="https://api.telegram.org", description="the Bot API")
    telegram_token_file: Path | None = Field(
        default=None, description="file that holds the bot's token; empty: no Telegram"
    )
    telegram_chat: str = Field(default="", description="the human's numeric chat id")
    ntfy_url: str = Field(default="", description="a topic of ntfy, as a second way; empty: none")
    ping_url: str = Field(
        default="", description="external watcher of this program, healthchecks protocol; empty: none"
    )


class Records(Section):
    """How long things are kept, and where the paper trail goes."""

    incident_days: int = Field(default=730, ge=30, description="two years, as the operator asked")
    sweep_days: int = Field(default=14, ge=1, description="days that sweeps and what they muted are kept")
    transcripts_remote: str = Field(
        default="", description="git address that transcripts are pushed to; empty: they stay in your state folder"
    )
    journal_remote: str = Field(
        default="", description="git address that the ops journal is pushed to; empty: it stays in your state folder"
    )
    branch: str = Field(
        default="main", pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]*$", description="branch of both, on which only is added"
    )
    author: str = Field(
        default="aiops <aiops@localhost>", pattern=r"^[^<>\n]+ <[^<>\s]+>$", description="author of the commits"
    )
    key_file: Path | None = Field(default=None, description="private SSH key that may push; empty: no key")
    known_hosts: Path = Field(
        default=Path("/etc/aiops/known_hosts"), description="keys of the git server, in OpenSSH's form"
    )
    push_seconds: float = Field(default=60, gt=0, le=600, description="hard limit for one push")

    @field_validator("transcripts_remote", "journal_remote")
    @classmethod
    def _an_address(cls, address: str) -> str:
        if address and (address.startswith("-") or "::" in address or any(sign.isspace() for sign in address)):
            raise ValueError("give an address such as ssh://git@forge/ops/journal.git")
        if urlsplit(address).password:
            raise ValueError("an address must not hold a password; use SSH with key_file")
        return address


class Log(Section):
    """How the processes log."""

    level: Literal["debug", "info", "warning", "error"] = Field(default="info", description="what is logged")
    form: Literal["json", "console"] = Field(default="json", description="JSON lines, or text for a terminal")


class Settings(BaseSettings):
    """Everything that can be set. ``aiops settings`` prints it with what is secret left out."""

    model_config = SettingsConfigDict(
        env_prefix="AIOPS_", env_nested_delimiter="__", extra="forbid", frozen=True, case_sensitive=False
    )

    state: Path = Field(default_factory=lambda: default_state(), description="folder for ledgers and cursors")  # noqa: PLW0108 - defined below
    timezone: str = Field(default="Europe/Paris", description="the zone of the crontab")
    redis: Redis = Redis()
    mqtt: Mqtt = Mqtt()
    fleet: Fleet = Fleet()
    ssh: Ssh = Ssh()
    repair: Repair = Repair()
    semaphore: Semaphore = Semaphore()
    keys: Keys = Keys()
    policy: PolicySettings = PolicySettings()
    floor: Floor = Floor()
    llm: Llm = Llm()
    known: Known = Known()
    correlation: Correlation = Correlation()
    quiet: Quiet = Quiet()
    benign: tuple[Benign, ...] = Field(default=(), description="findings known to be harmless, each with its reason")
    records: Records = Records()
    proxmox: Proxmox = Proxmox()
    watch: Watched = Watched()
    hermes_health: HermesHealth = HermesHealth()
    detectors: dict[str, dict[str, Any]] = Field(default_factory=dict, description="thresholds per detector")
    log: Log = Log()

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
    """Read and check everything.

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


def default_state() -> Path:
    """Systemd's StateDirectory, or the user's own state folder."""
    given = os.environ.get("STATE_DIRECTORY")
    if given:
        return Path(given.split(":")[0])
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local/state") / "aiops"


def credential(path: Path) -> Path:
    """Where a secret file is: as given, or in systemd's credentials folder when the path is relative."""
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    return path if path.is_absolute() or not folder else Path(folder) / path


def secret(path: Path) -> str:
    """The secret in the file, without its line end.

    :raises SettingsError: the file cannot be read, or is empty
    """
    place = credential(path)
    try:
        text = place.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = "is it a locked git-crypt file?" if isinstance(error, UnicodeDecodeError) else str(error.strerror)
        raise SettingsError(str(place), f"the secret cannot be read: {reason}") from None
    if not text:
        raise SettingsError(str(place), "the secret file is empty")
    return text
