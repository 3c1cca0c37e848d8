"""What may change something, and the paper trail of it."""

from pathlib import Path
from typing import Self

from pydantic import Field, field_validator, model_validator

from aiops.domain.policy import Policy
from aiops.domain.remediation import Risk
from aiops.domain.session import SessionBudget, SessionLimits
from aiops.settings.section import Section, git_address


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


class Session(Section):
    """An agent that takes a closer look on CT196 and may only propose; without ``command`` and ``model`` there is none. See
    [Sessions](sessions.md).
    """

    api_base: str = Field(default="", description="OpenAI-compatible endpoint, up to and with /v1")
    model: str = Field(default="", description="the model, as the endpoint names it; empty: no agent of ours")
    key_file: Path | None = Field(
        default=None, description="file that holds the endpoint's key (CT196 only); empty: none"
    )
    command: tuple[str, ...] = Field(
        default=(),
        description="another program as the agent, with its arguments; `{mcp}` is the file that names our tools",
    )
    paths: tuple[Path, ...] = Field(default=(), description="what that program must be able to read besides /usr")
    user: str = Field(default="aiops-session", description="unix user of sessions, used where the worker is root")
    seconds: int = Field(default=300, ge=5, le=3000, description="hard limit for one session")
    calls: int = Field(default=30, ge=1, le=500, description="turns of the model in one session")
    tokens: int = Field(default=60_000, ge=500, description="tokens to and from the model in one session")
    per_day: int = Field(default=10, ge=1, le=1000, description="sessions in any 24 hours, held on CT190 and on CT196")
    start_within: int = Field(default=600, ge=30, le=7200, description="seconds in which a grant must be started")
    dollars_in: float | None = Field(
        default=None,
        ge=0,
        description="price of a million tokens sent, in dollars; empty: unknown, see `llm.unpriced_day`",
    )
    dollars_out: float | None = Field(default=None, ge=0, description="price of a million tokens received, in dollars")
    playbook_remote: str = Field(
        default="", description="git address that new playbooks are pushed to, each as a branch; empty: none are taken"
    )
    playbook_branch: str = Field(
        default="main",
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]*$",
        description="the branch they start from, never pushed to",
    )
    playbook_folder: str = Field(
        default="ansible/playbooks", pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]*$", description="where playbooks are in it"
    )
    playbook_key_file: Path | None = Field(default=None, description="private SSH key that may push there")

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.model and self.command:
            raise ValueError("name a model or a command, not both")
        if self.model and not self.api_base:
            raise ValueError("name the endpoint of the model in api_base")
        if (self.dollars_in is None) != (self.dollars_out is None):
            raise ValueError("give both prices, dollars_in and dollars_out, or none")
        return self

    def budget(self) -> SessionBudget:
        """What one session may use."""
        return SessionBudget(seconds=self.seconds, calls=self.calls, tokens=self.tokens)

    def limits(self, eur_per_dollar: float) -> SessionLimits | None:
        """What the deciding side may grant; None without an agent."""
        if not (self.model or self.command):
            return None
        return SessionLimits(
            budget=self.budget(),
            per_day=self.per_day,
            start_within=self.start_within,
            dollars_in=self.dollars_in,
            dollars_out=self.dollars_out,
            eur_per_dollar=eur_per_dollar,
        )


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
    """Ed25519, always a private half that one process alone holds, and the public ones that another believes.

    Plans and permits are signed on CT190 and checked on CT196; what a human said is signed by `listen` and checked by
    `incidents`.
    """

    signing: Path = Field(default=Path("plan_signing_key"), description="private key that signs plans and permits")
    trusted: Path = Field(
        default=Path("/etc/aiops/trusted_plan_keys"), description="public keys that are believed: files *.pem"
    )
    ears: Path = Field(default=Path("ears_key"), description="private key of `listen` that signs what humans say")
    heard: Path = Field(
        default=Path("/etc/aiops/heard_keys"),
        description="its public half, for `incidents`: a file, or a folder of *.pem",
    )
    max_age_days: int = Field(
        default=365,
        ge=1,
        description="a key that is older is named by `aiops doctor`; a year is the shorter end of NIST SP 800-57's one to three",
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
        return git_address(address)
