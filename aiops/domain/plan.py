"""What will be done, to which hosts, who allowed it, and the form in which it may cross into remediation."""

from typing import Literal

from pydantic import Field

from aiops.domain.fact import Fact, Moment, digest
from aiops.domain.remediation import ParamValue, Risk


class Plan(Fact):
    """A remediation with its targets. An approval binds to ``digest``: change a letter and it is another plan."""

    id: str
    incident: str
    remediation: str
    playbook_digest: str
    hosts: tuple[str, ...] = Field(min_length=1)
    params: dict[str, ParamValue] = Field(default_factory=dict)
    risk: Risk
    rationale: str
    verify: tuple[str, ...]
    timeout: int = Field(description="seconds")
    created_at: Moment
    expires_at: Moment

    @property
    def digest(self) -> str:
        """SHA-256 over the canonical plan."""
        return digest(self.model_dump(mode="json"))


class Approval(Fact):
    """Who allowed the plan with this digest; the nonce makes it single use."""

    plan_digest: str
    by: str
    mode: Literal["auto", "human"]
    at: Moment
    nonce: str = Field(min_length=16)
    typed: str = Field(
        default="", description="the host's name as the human typed it, where the playbook is destructive"
    )


class ApprovedPlan(Fact):
    """What is signed: the plan and its approval. ``not_after`` is the last moment it may be started."""

    plan: Plan
    approval: Approval
    not_after: Moment


class SignedPlan(Fact):
    """The only thing that crosses into remediation: canonical JSON of an ``ApprovedPlan`` as text, and its signature.

    The text is what is signed, so nothing is parsed before the signature holds. ``signature`` and ``key`` are hex:
    Ed25519, and the first 16 hex digits of the public key's SHA-256. ``incident`` is a label for logs, not trusted.
    """

    payload: str
    signature: str
    key: str
    incident: str = ""
