"""A catalogue entry: what a playbook fixes, how risky it is, what it takes."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Risk = Literal["read_only", "low", "medium", "high"]
ParamType = Literal["str", "int", "bool", "list"]
ParamValue = str | int | bool | list[str]


class Param(BaseModel):
    """One option of the playbook, as its argument spec declares it. ``pattern`` must match the whole value."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: ParamType = "str"
    description: str
    required: bool = False
    default: ParamValue | None = None
    choices: tuple[str, ...] = ()
    pattern: str = ""
    elements: Literal["str"] | None = None
    minimum: int | None = None
    maximum: int | None = None


class Fix(BaseModel):
    """A finding kind the playbook repairs and where its parameters come from.

    ``params`` maps a parameter to ``host``, ``subject`` or ``evidence.<key>`` of the finding: values are ours, never a
    model's. Where several remediations fit one incident, the highest ``precedence`` is the known fix.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: str
    params: dict[str, str] = Field(default_factory=dict)
    precedence: int = 0


class Undo(BaseModel):
    """The playbook of the catalogue that takes a repair back, by what the repair left on the host.

    ``params`` maps a parameter of that playbook to a parameter of the plan that is taken back, or to a constant (``=text``).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    playbook: str
    params: dict[str, str] = Field(default_factory=dict)


class Remediation(BaseModel):
    """One playbook of the catalogue."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    title: str
    description: str
    fixes: tuple[Fix, ...] = ()
    risk: Risk
    approval: Literal["auto", "human"]
    max_hosts: int = Field(default=1, ge=1)
    timeout: int = Field(default=300, ge=5, description="seconds until the whole process group is killed")
    verify: tuple[str, ...] = Field(min_length=1, description="detectors that prove the repair")
    rollback: str
    undo: Undo | None = Field(default=None, description="how `aiops undo` takes it back; nothing: it cannot")
    destructive: bool = Field(default=False, description="whether its approval needs the host's name, typed by a human")
    needs_root: bool = True
    aliases: tuple[str, ...] = Field(default=(), description="older names under which it is still asked for")
    never_roles: tuple[str, ...] = Field(default=(), description="host roles on which it must never run")
    params: dict[str, Param] = Field(default_factory=dict)
    digest: str = Field(description="SHA-256 over the playbook, its manifest and every role it names")
